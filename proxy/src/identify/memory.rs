//! Key records that were verified lately, and whether they may be used without asking (api contract §4.1).
//!
//! While the ledger's feed is live, nothing it changed can still be in here; while it is not, the ledger is asked first.
//! Bounded: when it is full of live records, newcomers are asked about every time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use dashmap::DashMap;
use ledger_contract::{
    Plan, Timestamp,
    access::{ApiKey, KeyCandidate},
    feed::{FEED_SILENCE_MS, KeyChange, KeyNews},
};

use crate::address::Allowlist;

/// How long a verified key is not hashed again, in milliseconds.
pub(super) const REMEMBERED_MS: i64 = 5 * 60_000;
/// How old a record may be while the ledger can't be asked, in milliseconds.
pub(super) const SEEN_MS: i64 = 60_000;
/// Most records kept at once; each takes about a kilobyte.
const CAPACITY: usize = 50_000;
/// How long memory trusts the feed after the last question that was answered.
const SILENCE: Duration = Duration::from_millis(FEED_SILENCE_MS);

/// A verified key with what every request asks of it, read once.
#[derive(Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// The key.
    pub key: ApiKey,
    /// Plan of its account; `None` when the account is gone.
    pub plan: Option<Plan>,
    /// From where it may be used.
    pub allowlist: Allowlist,
}

impl KeyRecord {
    /// Reads what is read once.
    pub fn new(candidate: KeyCandidate) -> Self {
        let KeyCandidate { key, plan, hash: _ } = candidate;
        Self { allowlist: Allowlist::of(&key.allow_ips), key, plan }
    }
}

#[derive(Clone)]
struct Kept {
    record: Arc<KeyRecord>,
    verified_at: Timestamp,
    asked_at: Timestamp,
}

/// How many changes were applied: taken before the ledger is asked, so that an answer from before a change is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(u64);

/// The records by SHA-256 of their keys.
pub struct Memory {
    kept: DashMap<[u8; 32], Kept>,
    changes: AtomicU64,
    /// When the last answered question of the feed was asked: milliseconds since `origin`, and by the wall clock.
    origin: Instant,
    heard_ms: AtomicU64,
    heard_at: AtomicI64,
    swept_at: AtomicI64,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            kept: DashMap::new(),
            changes: AtomicU64::new(0),
            origin: Instant::now(),
            heard_ms: AtomicU64::new(0),
            heard_at: AtomicI64::new(i64::MIN),
            swept_at: AtomicI64::new(i64::MIN),
        }
    }
}

impl Memory {
    /// A record that may be used now without asking anybody.
    pub(super) fn current(&self, digest: &[u8; 32], now: Timestamp) -> Option<Arc<KeyRecord>> {
        let kept = self.kept.get(digest)?;
        let is_fresh = now.since_ms(kept.verified_at) <= REMEMBERED_MS && kept.record.key.is_usable(now);
        (is_fresh && self.is_live(Instant::now())).then(|| Arc::clone(&kept.record))
    }

    /// A record for the time in which the ledger can't be asked.
    pub(super) fn lately(&self, digest: &[u8; 32], now: Timestamp) -> Option<Arc<KeyRecord>> {
        let kept = self.kept.get(digest)?;
        // What survived until the feed was last heard was current then.
        let as_of = kept.asked_at.max(Timestamp(self.heard_at.load(Ordering::Acquire)));
        (now.since_ms(as_of) <= SEEN_MS && kept.record.key.is_usable(now)).then(|| Arc::clone(&kept.record))
    }

    /// To be taken before the ledger is asked.
    pub(super) fn mark(&self) -> Mark {
        Mark(self.changes.load(Ordering::Acquire))
    }

    /// Keeps a record that the ledger was asked for at `asked_at`, unless something changed since `mark`.
    pub(super) fn keep(
        &self,
        digest: [u8; 32],
        record: Arc<KeyRecord>,
        verified_at: Timestamp,
        asked_at: Timestamp,
        mark: Mark,
    ) {
        if self.kept.contains_key(&digest) || self.has_room(asked_at) {
            self.kept.insert(digest, Kept { record, verified_at, asked_at });
        }
        // Looked at after the insertion: a change that comes now removes the record by itself.
        if self.mark() != mark {
            self.kept.remove(&digest);
        }
    }

    /// Forgets one key.
    pub(super) fn forget(&self, digest: &[u8; 32]) {
        self.kept.remove(digest);
    }

    /// Applies what the ledger said to a question that was asked then.
    pub fn apply(&self, news: &KeyNews, asked: Instant, asked_at: Timestamp) {
        if news.forget_all || !news.changes.is_empty() {
            self.changes.fetch_add(1, Ordering::AcqRel);
            self.kept.retain(|_, kept| !news.forget_all && !news.changes.iter().any(|change| kept.is_of(change)));
        }
        self.heard_at.store(asked_at.0, Ordering::Release);
        self.heard_ms.store(self.millis(asked), Ordering::Release);
    }

    /// Whether the feed is live: what is remembered is what the ledger has confirmed.
    pub fn is_live(&self, now: Instant) -> bool {
        let heard_ms = self.heard_ms.load(Ordering::Acquire);
        heard_ms > 0 && now < self.origin + Duration::from_millis(heard_ms) + SILENCE
    }

    /// At least 1: zero means never.
    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.origin).as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// At most once a second, for it looks at every record.
    fn has_room(&self, now: Timestamp) -> bool {
        if self.kept.len() >= CAPACITY && now.0.saturating_sub(self.swept_at.load(Ordering::Relaxed)) >= 1_000 {
            self.swept_at.store(now.0, Ordering::Relaxed);
            self.kept.retain(|_, kept| now.since_ms(kept.verified_at) <= REMEMBERED_MS);
        }
        self.kept.len() < CAPACITY
    }
}

impl Kept {
    fn is_of(&self, change: &KeyChange) -> bool {
        match change {
            KeyChange::Prefix(prefix) => self.record.key.prefix == *prefix,
            KeyChange::Account(account_id) => self.record.key.account_id == *account_id,
        }
    }
}

#[cfg(test)]
#[path = "memory/tests.rs"]
mod tests;
