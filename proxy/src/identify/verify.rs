//! Does the presented key have one of these hashes? Off the request threads, as many at once as cores, equal keys once.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use ledger_contract::{ApiKeyId, Timestamp, access::KeyCandidate};
use moka::future::Cache;
use tokio::sync::Semaphore;

use super::{Secret, memory::REMEMBERED_MS};

/// How long a key may wait for its turn: a route has 5 s in all.
const TURN_LIMIT: Duration = Duration::from_secs(3);
/// Prefixes have 30 random bits: more equal ones than this is not chance.
const MOST_CANDIDATES: usize = 64;

/// What an unknown prefix is verified against, so that its answer takes as long as a known one's. bcrypt at cost 8, as
/// the ledger makes them; it has no key.
static NOBODY: LazyLock<String> =
    LazyLock::new(|| bcrypt::hash(uuid::Uuid::new_v4().to_string(), 8).unwrap_or_default());

/// Why a key was not verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It has none of the hashes.
    Key,
    /// The caller's limit was used up before its turn came.
    Limited,
    /// Its turn did not come in time.
    Busy,
}

/// A key that was verified: which one, and against what.
#[derive(Clone)]
struct Verified {
    apikey_id: ApiKeyId,
    hash: String,
    at: Timestamp,
}

/// Verifies, and remembers successes under the SHA-256 of the key.
pub(super) struct Verifier {
    turns: Arc<Semaphore>,
    remembered: Cache<[u8; 32], Verified>,
}

impl Verifier {
    pub(super) fn new(at_once: usize, capacity: u64) -> Self {
        let life = Duration::from_millis(REMEMBERED_MS.unsigned_abs());
        Self {
            turns: Arc::new(Semaphore::new(at_once.max(1))),
            remembered: Cache::builder().max_capacity(capacity).time_to_live(life).build(),
        }
    }

    /// Whether this key was verified lately. Says nothing about its state now.
    pub(super) async fn remembers(&self, secret: &Secret, now: Timestamp) -> bool {
        self.remembered.get(secret.digest()).await.is_some_and(|verified| verified.is_fresh(now))
    }

    /// The candidate that this key is, and when that was verified. `limited` is asked again right before any hash work.
    pub(super) async fn verify(
        &self,
        secret: &Secret,
        candidates: &Arc<Vec<KeyCandidate>>,
        now: Timestamp,
        limited: impl Fn() -> bool,
    ) -> Result<(KeyCandidate, Timestamp), Wrong> {
        let digest = *secret.digest();
        if let Some(verified) = self.remembered.get(&digest).await {
            match verified.among(candidates, now) {
                Some(candidate) => return Ok((candidate, verified.at)),
                None => self.remembered.invalidate(&digest).await,
            }
        }
        let checking = self.remembered.try_get_with(digest, self.check(secret, candidates, now, limited));
        let verified = checking.await.map_err(|wrong| *wrong)?;
        verified.among(candidates, now).map(|candidate| (candidate, verified.at)).ok_or(Wrong::Key)
    }

    async fn check(
        &self,
        secret: &Secret,
        candidates: &Arc<Vec<KeyCandidate>>,
        now: Timestamp,
        limited: impl Fn() -> bool,
    ) -> Result<Verified, Wrong> {
        let turn = tokio::time::timeout(TURN_LIMIT, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| Wrong::Busy)?.map_err(|_| Wrong::Busy)?;
        if limited() {
            return Err(Wrong::Limited);
        }
        let (secret, candidates) = (secret.clone(), Arc::clone(candidates));
        let hashing = tokio::task::spawn_blocking(move || {
            // The turn ends with the work, also when nobody waits for it any more.
            let _turn = turn;
            matching(&secret, &candidates).map(|found| (found.key.apikey_id, found.hash.clone()))
        });
        let (apikey_id, hash) = hashing.await.map_err(|_| Wrong::Busy)?.ok_or(Wrong::Key)?;
        Ok(Verified { apikey_id, hash, at: now })
    }
}

impl Verified {
    fn is_fresh(&self, now: Timestamp) -> bool {
        now.since_ms(self.at) <= REMEMBERED_MS
    }

    /// The fresh record of the same key with the same hash.
    fn among(&self, candidates: &[KeyCandidate], now: Timestamp) -> Option<KeyCandidate> {
        let same = |candidate: &&KeyCandidate| candidate.key.apikey_id == self.apikey_id && candidate.hash == self.hash;
        if self.is_fresh(now) { candidates.iter().find(same).cloned() } else { None }
    }
}

fn matching<'a>(secret: &Secret, candidates: &'a [KeyCandidate]) -> Option<&'a KeyCandidate> {
    let is = |hash: &str| bcrypt::verify(secret.expose(), hash).unwrap_or(false);
    if candidates.is_empty() {
        is(&NOBODY);
    }
    candidates.iter().take(MOST_CANDIDATES).find(|candidate| is(&candidate.hash))
}
