//! Who may be tried now: the circuit breakers and the concurrency limits of all providers, in this process. The rules are
//! `proxy-route`'s; here are the lock, the clock and a permit that cannot be forgotten.

pub mod shared;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ledger_contract::{ErrorCode, Provider, Timestamp};
use proxy_normalize::Lane;
use proxy_route::{
    Admission, Breaker, BreakerState, Heard, Limit, Place, Report, Signal, Verdict, Window, signal, verdict,
};
use tokio::sync::{Notify, futures::Notified};

use crate::{
    clock::now,
    metrics::{BreakerGauge, Metrics},
};

/// One breaker per provider, one limit per lane. Cheap to clone; all clones are the same.
#[derive(Clone, Debug)]
pub struct Breakers {
    all: Arc<Mutex<All>>,
    freed: Arc<Notify>,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct All {
    breakers: BTreeMap<Provider, Breaker>,
    limits: BTreeMap<Lane, Limit>,
}

/// What asking for an attempt came to.
#[derive(Debug)]
pub enum Admitted {
    /// Go.
    Yes(Permit),
    /// As many jobs are open there as may be: wait, or try somebody else.
    Full,
    /// The breaker lets nothing through.
    Refused,
}

impl Breakers {
    /// All closed, nothing open.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        let breakers = Provider::ALL.iter().map(|&provider| (provider, Breaker::new())).collect();
        let all = All { breakers, limits: BTreeMap::new() };
        Self { all: Arc::new(Mutex::new(all)), freed: Arc::default(), metrics }
    }

    /// Where a provider's breaker stands now.
    pub fn state(&self, provider: Provider) -> BreakerState {
        self.lock().breakers.get(&provider).map_or(BreakerState::Closed, |breaker| breaker.state(now()))
    }

    /// The attempts of the last 300 s.
    pub fn window(&self, provider: Provider) -> Window {
        self.lock().breakers.entry(provider).or_default().window(now())
    }

    /// Asks for an attempt that makes so many jobs.
    pub fn admit(&self, lane: Lane, jobs: u32) -> Admitted {
        let now = now();
        let mut all = self.lock();
        let All { breakers, limits } = &mut *all;
        let limit = limits.entry(lane).or_insert_with(|| Limit::new(lane.documented));
        let Some(place) = limit.take(now, jobs) else { return Admitted::Full };
        let probe = match breakers.entry(lane.provider).or_default().admit(now) {
            Admission::Normal => false,
            Admission::Probe => true,
            Admission::Refused => {
                limit.give_back(now, place, Signal::Silence);
                return Admitted::Refused;
            }
        };
        self.metrics.set_open_jobs(lane.provider, lane.name, limit.in_flight());
        drop(all);
        Admitted::Yes(self.permit(lane, place, probe))
    }

    /// The permit of an attempt that another process was admitted with.
    pub fn resumed(&self, lane: Lane, jobs: u32) -> Permit {
        let place = self.lock().limits.entry(lane).or_insert_with(|| Limit::new(lane.documented)).take_anyway(jobs);
        self.permit(lane, place, false)
    }

    /// Ends when a place is given back; see [`Notified::enable`].
    pub fn freed(&self) -> Notified<'_> {
        self.freed.notified()
    }

    /// Shows every breaker's position: an open one turns half-open by time alone.
    pub fn show(&self) {
        for &provider in Provider::ALL {
            self.metrics.set_breaker(provider, gauge(self.state(provider)));
        }
    }

    fn report(&self, provider: Provider, now: Timestamp) -> Report {
        self.lock().breakers.entry(provider).or_default().report(now)
    }

    fn hear(&self, provider: Provider, now: Timestamp, heard: &Heard) {
        self.lock().breakers.entry(provider).or_default().hear(now, heard);
    }

    fn alone(&self) {
        self.lock().breakers.values_mut().for_each(Breaker::alone);
    }

    fn permit(&self, lane: Lane, place: Place, probe: bool) -> Permit {
        Permit { breakers: self.clone(), lane, place, probe, verdict: Verdict::Neutral, signal: Signal::Silence }
    }

    fn record(&self, permit: &Permit) {
        let (now, lane) = (now(), permit.lane);
        let mut all = self.lock();
        let breaker = all.breakers.entry(lane.provider).or_default();
        breaker.record(now, permit.verdict, permit.probe);
        self.metrics.set_breaker(lane.provider, gauge(breaker.state(now)));
        if let Some(limit) = all.limits.get_mut(&lane) {
            limit.give_back(now, permit.place, permit.signal);
            self.metrics.set_open_jobs(lane.provider, lane.name, limit.in_flight());
        }
        drop(all);
        self.freed.notify_waiters();
    }

    /// Valid after every step, so a panic elsewhere is no reason to stop routing.
    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One admitted attempt. Dropped without a word it counts as neither success nor failure, and frees its place.
#[derive(Debug)]
#[must_use = "dropping a permit ends the attempt for breaker and limit"]
pub struct Permit {
    breakers: Breakers,
    lane: Lane,
    place: Place,
    probe: bool,
    verdict: Verdict,
    signal: Signal,
}

impl Permit {
    /// The provider did its work.
    pub fn succeed(mut self) {
        (self.verdict, self.signal) = (Verdict::Success, Signal::Room);
    }

    /// The attempt failed with this code.
    pub fn fail(mut self, code: ErrorCode) {
        (self.verdict, self.signal) = (verdict(code), signal(code));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.breakers.record(self);
    }
}

fn gauge(state: BreakerState) -> BreakerGauge {
    match state {
        BreakerState::Closed => BreakerGauge::Closed,
        BreakerState::HalfOpen => BreakerGauge::HalfOpen,
        BreakerState::Open => BreakerGauge::Open,
    }
}

#[cfg(test)]
#[path = "breaker/tests.rs"]
mod tests;
