//! Ours as a replay meets it: the sums that a frame is reduced to, kept one attempt at a time, the same standings and the
//! same findings out of them (a test compares the two), and exploration.

use std::collections::VecDeque;

use ledger_contract::{ErrorCode, Timestamp};

use super::advisor::{Advisor, per_offer};
use super::{Attempt, Nature, Open};
use crate::health::{Observation, RECENT_MS, findings, is_degraded, slow_after};
use crate::policy::evidence::{self, Class, Ended, Tally};
use crate::policy::expected::{Settings, Standing, standings};
use crate::scenario::float;

/// Expected time to a usable output, with health hints and exploration.
#[derive(Clone, Debug)]
pub struct Ours {
    settings: Settings,
    tallies: Vec<Vec<Tally>>,
    /// Ended within [`RECENT_MS`], in order of their end.
    recent: VecDeque<(Attempt, Class)>,
    /// From when on an attempt is slow.
    slow_after_ms: Vec<Vec<f64>>,
    published: Vec<Option<Vec<usize>>>,
    degraded: Vec<usize>,
}

impl Ours {
    /// Knows nothing yet.
    pub fn new(nature: &impl Nature, settings: Settings) -> Self {
        Self {
            settings,
            tallies: per_offer(nature, Tally::default),
            recent: VecDeque::new(),
            slow_after_ms: per_offer(nature, || f64::INFINITY),
            published: vec![None; nature.models()],
            degraded: Vec::new(),
        }
    }

    /// Offers of one model, best first; named by their numbers.
    fn standings(&self, model: usize, now_ms: i64, open: &[Open]) -> Vec<(usize, Standing)> {
        let mut evidence = Vec::new();
        for (offer, tally) in self.tallies[model].iter().enumerate() {
            let here = open.iter().filter(|open| open.model == model && open.offer == offer);
            let ages = here.map(|open| float(now_ms - open.submitted_ms));
            let found = tally.at(Timestamp(now_ms), ages, &self.settings);
            if found.attempts > 0 || found.open > 0 {
                evidence.push((offer.to_string(), found));
            }
        }
        let order = standings(&evidence, &self.settings);
        order.into_iter().filter_map(|standing| Some((standing.provider.parse().ok()?, standing))).collect()
    }

    fn observations<'a>(&'a self, now_ms: i64, open: &'a [Open]) -> impl Iterator<Item = (usize, Observation)> + 'a {
        let ended = self.recent.iter().map(|(attempt, class)| {
            let observation = Observation {
                submitted_at: Timestamp(attempt.submitted_ms),
                class: Some(*class),
                timed_out: attempt.error == Some(ErrorCode::ProviderTimeout),
                spent_ms: float(attempt.resolved_ms - attempt.submitted_ms),
                slow_after_ms: self.slow_after_ms[attempt.model][attempt.offer],
            };
            (attempt.provider, observation)
        });
        let going = open.iter().map(move |open| {
            let observation = Observation {
                submitted_at: Timestamp(open.submitted_ms),
                class: None,
                timed_out: false,
                spent_ms: float(now_ms - open.submitted_ms),
                slow_after_ms: self.slow_after_ms[open.model][open.offer],
            };
            (open.provider, observation)
        });
        ended.chain(going)
    }
}

impl Advisor for Ours {
    fn name(&self) -> &'static str {
        "ours"
    }

    fn learn(&mut self, attempt: &Attempt) {
        let Some(class) = evidence::class(attempt.outcome, attempt.error.map(ErrorCode::code)) else { return };
        let ended = Ended {
            submitted_at: Timestamp(attempt.submitted_ms),
            class,
            spent_ms: float(attempt.resolved_ms - attempt.submitted_ms),
            cost_usd: attempt.cost,
        };
        self.tallies[attempt.model][attempt.offer].add(&ended, &self.settings);
        while self.recent.pop_front_if(|(old, _)| old.resolved_ms <= attempt.resolved_ms - RECENT_MS).is_some() {}
        self.recent.push_back((*attempt, class));
    }

    fn rank(&mut self, now_ms: i64, open: &[Open]) {
        for model in 0..self.tallies.len() {
            let order = self.standings(model, now_ms, open);
            let standings: Vec<Standing> = order.iter().map(|(_, standing)| standing.clone()).collect();
            for ((offer, _), (_, slow_ms)) in order.iter().zip(slow_after(&standings)) {
                self.slow_after_ms[model][*offer] = slow_ms;
            }
            self.published[model] = Some(order.into_iter().map(|(offer, _)| offer).collect());
        }
    }

    fn watch(&mut self, now_ms: i64, open: &[Open]) {
        while self.recent.pop_front_if(|(old, _)| old.resolved_ms <= now_ms - RECENT_MS).is_some() {}
        let found = findings(self.observations(now_ms, open));
        let degraded = found.iter().filter(|finding| is_degraded(finding));
        self.degraded = degraded.filter_map(|finding| finding.provider.parse().ok()).collect();
    }

    fn published(&self, model: usize) -> Option<Vec<usize>> {
        self.published[model].clone()
    }

    fn degraded(&self) -> Vec<usize> {
        self.degraded.clone()
    }

    fn explores(&self) -> bool {
        true
    }

    fn looks_at_open(&self) -> bool {
        true
    }
}
