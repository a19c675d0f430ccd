//! How often: GCRA (api contract §7.1) as a pure function, and bounded in-process stores of its one number.
//!
//! Times are Unix nanoseconds, passed in. [`shared`] keeps the number in Redis for all proxies, [`limiter`] chooses.
//! Failed authentications are counted in this process only: an address that guesses at one proxy is no reason to ask
//! Redis at every other, and the hash work it may cause is each machine's own.

pub mod limiter;
pub mod shared;

use std::{
    hash::Hash,
    net::IpAddr,
    sync::atomic::{AtomicI64, Ordering},
};

use dashmap::DashMap;
use ledger_contract::AccountId;

use crate::{address, answer::RateHeaders, routes::Class};

const SECOND_NS: i64 = 1_000_000_000;
const WINDOW_NS: i64 = 60 * SECOND_NS;

/// Most accounts or addresses remembered at once; each takes some 60 bytes and lives at most a minute.
const CAPACITY: usize = 200_000;

/// So many requests a minute, and as many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    per_minute: u32,
}

/// What the arithmetic says about one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// To be stored if the request was let through; `None`: refused, store nothing.
    pub store: Option<i64>,
    /// What the answer says.
    pub headers: RateHeaders,
    /// Seconds to wait, at least 1; meant only when refused.
    pub retry_after_s: u32,
}

impl Rate {
    /// At least one a minute; at most 100,000, so that nanoseconds stay exact enough.
    pub fn per_minute(requests: u32) -> Self {
        Self { per_minute: requests.clamp(1, 100_000) }
    }

    fn spacing_ns(self) -> i64 {
        WINDOW_NS / i64::from(self.per_minute)
    }

    /// Decides one request: `new = max(tat, now) + T`, allowed if `new − now <= 60 s`.
    pub fn decide(self, tat: Option<i64>, now: i64) -> Decision {
        let current = settled(tat, now);
        let new = current + self.spacing_ns();
        if new - now > WINDOW_NS {
            let wait = ceil_seconds(new - WINDOW_NS - now).max(1);
            let retry_after_s = u32::try_from(wait).unwrap_or(u32::MAX);
            return Decision { store: None, headers: self.headers(current, now), retry_after_s };
        }
        Decision { store: Some(new), headers: self.headers(new, now), retry_after_s: 1 }
    }

    /// The values of an answer that draws nothing.
    pub fn peek(self, tat: Option<i64>, now: i64) -> RateHeaders {
        self.headers(settled(tat, now), now)
    }

    /// What a decision that was made elsewhere says; `tat` is the time stored after it.
    fn decided(self, drawn: bool, tat: i64, now: i64) -> Decision {
        if !drawn {
            // The same arithmetic refuses again, and says how long to wait.
            return Decision { store: None, ..self.decide(Some(tat), now) };
        }
        Decision { store: Some(tat), headers: self.headers(settled(Some(tat), now), now), retry_after_s: 1 }
    }

    fn headers(self, tat: i64, now: i64) -> RateHeaders {
        let remaining = (WINDOW_NS - (tat - now)) / self.spacing_ns();
        RateHeaders {
            limit: self.per_minute,
            remaining: u32::try_from(remaining).unwrap_or(0).min(self.per_minute),
            reset_at_s: ceil_seconds(tat),
        }
    }
}

/// A stored time is never before now, and never further ahead than a full window: a clock that was set back must not
/// lock anybody out for longer.
fn settled(tat: Option<i64>, now: i64) -> i64 {
    tat.unwrap_or(now).clamp(now, now + WINDOW_NS)
}

fn ceil_seconds(ns: i64) -> i64 {
    ns.div_euclid(SECOND_NS) + i64::from(ns.rem_euclid(SECOND_NS) > 0)
}

/// Stored times by whom they belong to. Bounded: when it is full of live entries, newcomers are let through unrecorded,
/// for a limiter that refuses strangers under load would be a switch for turning the service off.
#[derive(Debug)]
struct Times<K: Hash + Eq> {
    by_key: DashMap<K, i64>,
    capacity: usize,
    swept_at: AtomicI64,
}

impl<K: Hash + Eq + Copy> Times<K> {
    fn new(capacity: usize) -> Self {
        Self { by_key: DashMap::new(), capacity, swept_at: AtomicI64::new(i64::MIN) }
    }

    fn get(&self, key: K) -> Option<i64> {
        self.by_key.get(&key).map(|time| *time)
    }

    /// One decision under the entry's lock: parallel requests are decided one after another.
    fn draw(&self, key: K, rate: Rate, now: i64) -> Decision {
        if let Some(mut time) = self.by_key.get_mut(&key) {
            let decision = rate.decide(Some(*time), now);
            *time = decision.store.unwrap_or(*time);
            return decision;
        }
        if self.has_room(now) {
            let mut time = self.by_key.entry(key).or_insert(now);
            let decision = rate.decide(Some(*time), now);
            *time = decision.store.unwrap_or(*time);
            return decision;
        }
        rate.decide(None, now)
    }

    /// Notes a time that was decided elsewhere.
    fn note(&self, key: K, time: i64, now: i64) {
        if let Some(mut known) = self.by_key.get_mut(&key) {
            *known = time;
        } else if self.has_room(now) {
            self.by_key.insert(key, time);
        }
    }

    /// A time in the past says the same as no entry, so those are what is thrown away; at most once a second, for it
    /// looks at every entry.
    fn has_room(&self, now: i64) -> bool {
        let is_due = |swept_at: i64| now.saturating_sub(swept_at) >= SECOND_NS;
        if self.by_key.len() >= self.capacity && is_due(self.swept_at.load(Ordering::Relaxed)) {
            self.swept_at.store(now, Ordering::Relaxed);
            self.by_key.retain(|_, time| *time > now);
        }
        self.by_key.len() < self.capacity
    }
}

/// Requests of accounts, by class: all keys of an account share it.
#[derive(Debug)]
pub struct AccountLimits {
    times: Times<(AccountId, Class)>,
}

impl Default for AccountLimits {
    fn default() -> Self {
        Self { times: Times::new(CAPACITY) }
    }
}

impl AccountLimits {
    /// Draws one request, unless it is refused.
    pub fn draw(&self, account_id: AccountId, class: Class, rate: Rate, now: i64) -> Decision {
        self.times.draw((account_id, class), rate, now)
    }

    /// The stored time, if there is one.
    fn known(&self, account_id: AccountId, class: Class) -> Option<i64> {
        self.times.get((account_id, class))
    }

    /// Notes what was decided for all proxies.
    fn note(&self, account_id: AccountId, class: Class, tat: i64, now: i64) {
        self.times.note((account_id, class), tat, now);
    }

    /// The current values, drawing nothing.
    pub fn peek(&self, account_id: AccountId, class: Class, rate: Rate, now: i64) -> RateHeaders {
        rate.peek(self.times.get((account_id, class)), now)
    }
}

/// Failed authentications of client addresses (api contract §4.5).
#[derive(Debug)]
pub struct FailedLogins {
    times: Times<IpAddr>,
    rate: Rate,
}

impl FailedLogins {
    /// So many failures a minute and address, and as many at once.
    pub fn new(per_minute: u32) -> Self {
        Self { times: Times::new(CAPACITY), rate: Rate::per_minute(per_minute) }
    }

    /// Counts a failure.
    pub fn record(&self, client: IpAddr, now: i64) {
        self.times.draw(address::limiter_key(client), self.rate, now);
    }

    /// The refusal that this address gets now, if it has used up its failures.
    pub fn refusal(&self, client: IpAddr, now: i64) -> Option<Decision> {
        let decision = self.rate.decide(self.times.get(address::limiter_key(client)), now);
        if decision.store.is_none() { Some(decision) } else { None }
    }
}

#[cfg(test)]
#[path = "limits/tests.rs"]
mod tests;
