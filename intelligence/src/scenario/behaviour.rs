//! How a provider does at a moment, and how that changes over time. Latencies are log-normal; a failure is a quick
//! refusal, a failed job, or a timeout, because these cost a customer very different waits.

use ledger_contract::{AttemptOutcome, ErrorCode};

use super::{Trial, float, whole};
use crate::draw::Draws;

/// A refusal takes this long, give or take half.
const REFUSED_MS: f64 = 200.0;
/// How long we wait for an answer that doesn't come.
pub(super) const TIMEOUT_MS: f64 = 60_000.0;

/// How a provider does at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Behaviour {
    /// Half of the finished jobs take longer.
    pub median_ms: f64,
    /// Standard deviation of the logarithm of the latency.
    pub spread: f64,
    /// Share of submissions refused at once.
    pub refused: f64,
    /// Share of jobs that fail at the end.
    pub failed: f64,
    /// Share of jobs that never answer.
    pub timed_out: f64,
    /// Dollars for one output.
    pub unit_cost: f64,
}

/// How a provider does over time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Course {
    /// As a rule.
    pub usual: Behaviour,
    /// What happens.
    pub turn: Turn,
}

/// What happens to a provider. Times in milliseconds of the world.
#[expect(missing_docs, reason = "the variant's sentence names its fields")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Turn {
    /// Nothing.
    None,
    /// Something else for a while.
    Spell { from_ms: i64, until_ms: i64, then: Behaviour },
    /// Becomes something else little by little, and stays it.
    Drift { from_ms: i64, until_ms: i64, into: Behaviour },
    /// Something else again and again: for `down_ms` of every `period_ms`.
    Flap { from_ms: i64, until_ms: i64, period_ms: i64, down_ms: i64, then: Behaviour },
    /// Isn't there before this.
    Arrival { at_ms: i64 },
}

impl Course {
    /// How it does at `at_ms`; `None` while it isn't there.
    pub fn at(&self, at_ms: i64) -> Option<Behaviour> {
        match self.turn {
            Turn::None => Some(self.usual),
            Turn::Arrival { at_ms: arrival } => (at_ms >= arrival).then_some(self.usual),
            Turn::Spell { from_ms, until_ms, then } => {
                Some(if (from_ms..until_ms).contains(&at_ms) { then } else { self.usual })
            }
            Turn::Drift { from_ms, until_ms, into } => {
                let share = float(at_ms - from_ms) / float(until_ms - from_ms).max(1.0);
                Some(self.usual.towards(into, share.clamp(0.0, 1.0)))
            }
            Turn::Flap { from_ms, until_ms, period_ms, down_ms, then } => {
                let flapping = (from_ms..until_ms).contains(&at_ms);
                let down = (at_ms - from_ms).rem_euclid(period_ms.max(1)) < down_ms;
                Some(if flapping && down { then } else { self.usual })
            }
        }
    }
}

impl Behaviour {
    /// Expected time of one try.
    pub fn try_ms(&self) -> f64 {
        let job_ms = self.median_ms * (self.spread * self.spread / 2.0).exp();
        let answered = 1.0 - self.refused - self.timed_out;
        self.refused * REFUSED_MS + self.timed_out * TIMEOUT_MS + answered * job_ms
    }

    /// Share of tries that bring an output.
    pub fn success(&self) -> f64 {
        1.0 - self.refused - self.failed - self.timed_out
    }

    /// Expected time per output: tries in ascending order of this are the fastest chain there is.
    pub fn index_ms(&self) -> f64 {
        self.try_ms() / self.success().max(1e-6)
    }

    pub(super) fn trial(&self, draws: Draws) -> Trial {
        let class = draws.unit(0);
        let job_ms = self.median_ms * (self.spread * draws.normal(1)).exp();
        let failed =
            |error, took_ms, cost| Trial { outcome: AttemptOutcome::Failed, error: Some(error), took_ms, cost };
        if class < self.refused {
            return failed(ErrorCode::ProviderUnavailable, whole(REFUSED_MS * draws.between(2, 0.5, 1.5)), 0.0);
        }
        if class < self.refused + self.timed_out {
            return failed(ErrorCode::ProviderTimeout, whole(TIMEOUT_MS), self.unit_cost);
        }
        let took_ms = whole(job_ms.clamp(1.0, TIMEOUT_MS));
        if class < self.refused + self.timed_out + self.failed {
            return failed(ErrorCode::ProviderError, took_ms, self.unit_cost);
        }
        Trial { outcome: AttemptOutcome::Used, error: None, took_ms, cost: self.unit_cost }
    }

    /// `share` of the way to another behaviour; latencies move by factors.
    fn towards(&self, other: Self, share: f64) -> Self {
        let mix = |a: f64, b: f64| a + (b - a) * share;
        Self {
            median_ms: self.median_ms * (other.median_ms / self.median_ms).powf(share),
            spread: mix(self.spread, other.spread),
            refused: mix(self.refused, other.refused),
            failed: mix(self.failed, other.failed),
            timed_out: mix(self.timed_out, other.timed_out),
            unit_cost: mix(self.unit_cost, other.unit_cost),
        }
    }
}
