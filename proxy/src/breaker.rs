//! The circuit breakers of all providers, in this process. The rules are `proxy-route`'s; here are the lock, the clock
//! and a permit that cannot be forgotten.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ledger_contract::Provider;
use proxy_route::{Admission, Breaker, BreakerState, Verdict, Window};

use crate::{
    clock::now,
    metrics::{BreakerGauge, Metrics},
};

/// One breaker per provider. Cheap to clone; all clones are the same breakers.
#[derive(Clone, Debug)]
pub struct Breakers {
    all: Arc<Mutex<BTreeMap<Provider, Breaker>>>,
    metrics: Arc<Metrics>,
}

impl Breakers {
    /// All closed.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        let all = Provider::ALL.iter().map(|&provider| (provider, Breaker::new())).collect();
        Self { all: Arc::new(Mutex::new(all)), metrics }
    }

    /// Where a provider's breaker stands now.
    pub fn state(&self, provider: Provider) -> BreakerState {
        self.lock().get(&provider).map_or(BreakerState::Closed, |breaker| breaker.state(now()))
    }

    /// The attempts of the last 300 s.
    pub fn window(&self, provider: Provider) -> Window {
        self.lock().entry(provider).or_default().window(now())
    }

    /// Asks for an attempt at `provider`; `None`: not now.
    pub fn admit(&self, provider: Provider) -> Option<Permit> {
        let probe = match self.lock().entry(provider).or_default().admit(now()) {
            Admission::Normal => false,
            Admission::Probe => true,
            Admission::Refused => return None,
        };
        Some(Permit { breakers: self.clone(), provider, probe, verdict: Verdict::Neutral })
    }

    /// The permit of an attempt that another process was admitted with.
    pub fn resumed(&self, provider: Provider) -> Permit {
        Permit { breakers: self.clone(), provider, probe: false, verdict: Verdict::Neutral }
    }

    /// Shows every breaker's position: an open one turns half-open by time alone.
    pub fn show(&self) {
        for &provider in Provider::ALL {
            self.metrics.set_breaker(provider, gauge(self.state(provider)));
        }
    }

    fn record(&self, permit: &Permit) {
        let now = now();
        let mut all = self.lock();
        let breaker = all.entry(permit.provider).or_default();
        breaker.record(now, permit.verdict, permit.probe);
        self.metrics.set_breaker(permit.provider, gauge(breaker.state(now)));
    }

    /// A breaker is valid after every step, so a panic elsewhere is no reason to stop routing.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Provider, Breaker>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One admitted attempt. Dropped without a verdict it counts as neither success nor failure, and frees its probe.
#[derive(Debug)]
#[must_use = "dropping a permit ends the attempt for the breaker"]
pub struct Permit {
    breakers: Breakers,
    provider: Provider,
    probe: bool,
    verdict: Verdict,
}

impl Permit {
    /// Says how the attempt ended.
    pub fn settle(mut self, verdict: Verdict) {
        self.verdict = verdict;
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
