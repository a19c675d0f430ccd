//! The policies as a replay meets them: each learns from attempts as they end and advises. The documented one keeps the
//! same sums that its frame is reduced to, one attempt at a time (a test compares the two).

use std::collections::VecDeque;

use ledger_contract::{AttemptOutcome, ErrorCode};

use super::{Attempt, Nature, Open};
use crate::histogram::{Histogram, Share};
use crate::policy::documented::score;
use crate::scenario::float;

/// A policy under test. Offers are indexes within their model.
pub trait Advisor {
    /// Its name in the tables.
    fn name(&self) -> &'static str;
    /// An attempt ended.
    fn learn(&mut self, _attempt: &Attempt) {}
    /// Time for a ranking.
    fn rank(&mut self, _now_ms: i64, _open: &[Open]) {}
    /// Time for a health hint.
    fn watch(&mut self, _now_ms: i64, _open: &[Open]) {}
    /// The ranking that is published.
    fn published(&self, _model: usize) -> Option<Vec<usize>> {
        None
    }
    /// The providers that the published health hint calls degraded.
    fn degraded(&self) -> Vec<usize> {
        Vec::new()
    }
    /// An order that needs no job and no hint: for those who decide in the front itself.
    fn immediate(&self, _model: usize, _now_ms: i64) -> Option<Vec<usize>> {
        None
    }
    /// Whether its requests take part in exploration.
    fn explores(&self) -> bool {
        false
    }
    /// Whether it wants to know of attempts in flight.
    fn looks_at_open(&self) -> bool {
        false
    }
}

/// The catalogue's order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Static;

impl Advisor for Static {
    fn name(&self) -> &'static str {
        "static"
    }
}

/// The mean of the last ten samples, lowest first: those without samples before all others, as such routers do. A used
/// attempt is a sample, and so is a timeout with all the time it took; other failures are quick, and would look fast.
#[derive(Clone, Debug)]
pub struct LowestLatency {
    samples: Vec<Vec<VecDeque<i64>>>,
}

/// How many samples the mean is of.
const SAMPLES: usize = 10;

impl LowestLatency {
    /// Knows nothing yet.
    pub fn new(nature: &impl Nature) -> Self {
        Self { samples: per_offer(nature, VecDeque::new) }
    }
}

impl Advisor for LowestLatency {
    fn name(&self) -> &'static str {
        "lowest-latency"
    }

    fn learn(&mut self, attempt: &Attempt) {
        let timed_out = attempt.error == Some(ErrorCode::ProviderTimeout);
        if attempt.outcome == AttemptOutcome::Used || timed_out {
            let samples = &mut self.samples[attempt.model][attempt.offer];
            samples.push_back(attempt.resolved_ms - attempt.submitted_ms);
            if samples.len() > SAMPLES {
                samples.pop_front();
            }
        }
    }

    fn immediate(&self, model: usize, _now_ms: i64) -> Option<Vec<usize>> {
        let mean = |offer: &usize| {
            let samples = &self.samples[model][*offer];
            samples.iter().sum::<i64>() / i64::try_from(samples.len()).unwrap_or(1).max(1)
        };
        let mut order: Vec<usize> = (0..self.samples[model].len()).collect();
        order.sort_by_key(mean);
        Some(order)
    }
}

/// The documented formula over a sliding window. Its p95 is within 0.4% of exact.
#[derive(Clone, Debug)]
pub struct Documented {
    window_ms: i64,
    groups: Vec<Vec<Group>>,
    published: Vec<Option<Vec<usize>>>,
}

#[derive(Clone, Debug, Default)]
struct Group {
    /// Submission, latency, whether it was used; in order of their end.
    recent: VecDeque<(i64, f64, bool)>,
    used: u64,
    latencies: Histogram,
}

impl Documented {
    /// Knows nothing yet, and will forget what is older than `window_hours`.
    pub fn new(nature: &impl Nature, window_hours: u32) -> Self {
        let window_ms = i64::from(window_hours) * 3_600_000;
        Self { window_ms, groups: per_offer(nature, Group::default), published: vec![None; nature.models()] }
    }

    fn order(&mut self, model: usize, now_ms: i64) -> Vec<usize> {
        let start_ms = now_ms - self.window_ms;
        let mut rows = Vec::new();
        for (offer, group) in self.groups[model].iter_mut().enumerate() {
            group.forget_before(start_ms);
            if let Some(p95) = group.latencies.nearest_rank(Share(95)) {
                rows.push((offer, group.latencies.total(), group.used, p95));
            }
        }
        let slowest = rows.iter().map(|(.., p95)| *p95).fold(0.0, f64::max);
        let mut scored: Vec<(usize, f64, f64)> = rows
            .into_iter()
            .map(|(offer, attempts, used, p95)| (offer, score(attempts, used, p95, slowest), p95))
            .collect();
        scored.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.2.total_cmp(&b.2)));
        scored.into_iter().map(|(offer, ..)| offer).collect()
    }
}

impl Group {
    fn forget_before(&mut self, start_ms: i64) {
        while let Some((_, latency, used)) = self.recent.pop_front_if(|(submitted, ..)| *submitted < start_ms) {
            self.latencies.remove(latency);
            self.used -= u64::from(used);
        }
    }
}

impl Advisor for Documented {
    fn name(&self) -> &'static str {
        "documented"
    }

    fn learn(&mut self, attempt: &Attempt) {
        let group = &mut self.groups[attempt.model][attempt.offer];
        let latency = float(attempt.resolved_ms - attempt.submitted_ms);
        let used = attempt.outcome == AttemptOutcome::Used;
        group.recent.push_back((attempt.submitted_ms, latency, used));
        group.latencies.add(latency);
        group.used += u64::from(used);
    }

    fn rank(&mut self, now_ms: i64, _open: &[Open]) {
        for model in 0..self.groups.len() {
            self.published[model] = Some(self.order(model, now_ms));
        }
    }

    fn published(&self, model: usize) -> Option<Vec<usize>> {
        self.published[model].clone()
    }
}

/// Knows how every provider does at every moment (not how a single request will go), and asks in the best order.
#[derive(Clone, Copy, Debug)]
pub struct Oracle<'a, N> {
    nature: &'a N,
}

impl<'a, N: Nature> Oracle<'a, N> {
    /// Of this world.
    pub fn new(nature: &'a N) -> Self {
        Self { nature }
    }
}

impl<N: Nature> Advisor for Oracle<'_, N> {
    fn name(&self) -> &'static str {
        "oracle"
    }

    fn immediate(&self, model: usize, now_ms: i64) -> Option<Vec<usize>> {
        let known = |offer| Some((offer, self.nature.index_ms(model, offer, now_ms)?));
        let mut order: Vec<(usize, f64)> = (0..self.nature.offers(model)).filter_map(known).collect();
        order.sort_by(|a, b| a.1.total_cmp(&b.1));
        Some(order.into_iter().map(|(offer, _)| offer).collect())
    }
}

/// One of something per offer of every model.
pub(super) fn per_offer<T>(nature: &impl Nature, make: impl Fn() -> T) -> Vec<Vec<T>> {
    (0..nature.models()).map(|model| (0..nature.offers(model)).map(|_| make()).collect()).collect()
}
