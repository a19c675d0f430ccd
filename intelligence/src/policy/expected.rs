//! Ours: providers by the time a request is expected to spend until it has a usable output, over the failover chain.
//!
//! A chain tries providers one after another until one delivers. If provider *i* takes `c` ms per attempt on average,
//! failed ones included, and delivers with probability `p`, then the chain's expected time is least when providers stand
//! by `c / p`, smallest first (exchange two neighbours: `c₁ + (1−p₁)·c₂ ≤ c₂ + (1−p₂)·c₁` says the same as
//! `c₁/p₁ ≤ c₂/p₂`). So a failure costs exactly the time it took and what follows it: a refusal in 50 ms little, a
//! timeout much. README.md explains the rest with numbers.

use serde::Serialize;

use crate::policy::evidence::{Evidence, Sums};

/// What can be tuned; the defaults are documented in README.md and measured by `make bench-routing`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// After this many seconds an attempt counts half in what a provider does now.
    pub recent_half_life_s: f64,
    /// After this many seconds an attempt counts half in what a provider usually does.
    pub steady_half_life_s: f64,
    /// How many attempts at the model's mean every provider is given: what one of few attempts is pulled toward.
    pub model_prior: f64,
    /// How many attempts of its usual kind what a provider does now is pulled toward.
    pub steady_prior: f64,
    /// Counted attempts in the window below which a provider stands behind those that have them.
    pub min_attempts_to_lead: u64,
    /// Milliseconds that a failed attempt costs beside the time it took: the handover, and the risk of running out.
    pub handover_ms: f64,
    /// Milliseconds that one US dollar per output weighs.
    pub ms_per_usd: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            recent_half_life_s: 120.0,
            steady_half_life_s: 21_600.0,
            model_prior: 4.0,
            steady_prior: 20.0,
            min_attempts_to_lead: 5,
            handover_ms: 100.0,
            ms_per_usd: 1_000.0,
        }
    }
}

/// One provider's place and why it has it. Serialises as the explanation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Standing {
    /// Provider id.
    pub provider: String,
    /// Minus the expected seconds, cost term included: larger is better.
    pub score: f64,
    /// Expected milliseconds until a usable output if one goes on asking this provider.
    pub expected_ms: f64,
    /// One standard error of that, from the scatter of the times and the successes.
    pub uncertainty_ms: f64,
    /// Estimated probability that an attempt gives a usable output.
    pub success: f64,
    /// Estimated milliseconds per attempt, failed ones included.
    pub attempt_ms: f64,
    /// What an attempt usually takes, over hours: what health compares with.
    pub usual_ms: f64,
    /// Estimated cost of an attempt in US dollars.
    pub cost_usd: f64,
    /// Counted attempts in the window.
    pub attempts: u64,
    /// How many recent attempts this rests on, faded by age.
    pub evidence: f64,
    /// Attempts in flight.
    pub in_flight: u64,
    /// Whether there is evidence enough to stand first.
    pub may_lead: bool,
}

/// Estimates of one provider: mean time of an attempt in ms, probability of a usable output, cost in US dollars.
#[derive(Clone, Copy)]
struct Estimate {
    attempt_ms: f64,
    success: f64,
    cost_usd: f64,
}

/// The providers of one model in one region, best first. Ties go by name.
pub fn standings<N: AsRef<str>>(providers: &[(N, Evidence)], settings: &Settings) -> Vec<Standing> {
    let model = model_mean(providers.iter().map(|(_, evidence)| evidence));
    let mut all: Vec<Standing> =
        providers.iter().map(|(provider, evidence)| standing(provider.as_ref(), evidence, model, settings)).collect();
    all.sort_by(|a, b| {
        (b.may_lead.cmp(&a.may_lead)).then(b.score.total_cmp(&a.score)).then_with(|| a.provider.cmp(&b.provider))
    });
    all
}

/// What an attempt at this model is like, whoever makes it. One good and one bad attempt are added, so that a model
/// whose providers all failed isn't hopeless.
fn model_mean<'a>(providers: impl Iterator<Item = &'a Evidence>) -> Estimate {
    let sum = providers.fold(Sums::default(), |sum, Evidence { steady, .. }| Sums {
        attempts: sum.attempts + steady.attempts,
        used: sum.used + steady.used,
        spent_ms: sum.spent_ms + steady.spent_ms,
        spent_squared: 0.0,
        cost_usd: sum.cost_usd + steady.cost_usd,
    });
    let attempts = sum.attempts.max(f64::MIN_POSITIVE);
    Estimate {
        attempt_ms: sum.spent_ms / attempts,
        success: (sum.used + 1.0) / (sum.attempts + 2.0),
        cost_usd: sum.cost_usd / attempts,
    }
}

fn standing(provider: &str, evidence: &Evidence, model: Estimate, settings: &Settings) -> Standing {
    let usual = pulled(&evidence.steady, model, settings.model_prior, 0.0);
    // Of the attempts in flight only what goes beyond a usual attempt is news, and it is time already spent.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    let overdue_ms = (evidence.open_ms - evidence.open as f64 * usual.attempt_ms).max(0.0);
    let now = pulled(&evidence.recent, usual, settings.steady_prior, overdue_ms);
    let expected_ms = (now.attempt_ms + (1.0 - now.success) * settings.handover_ms) / now.success;
    Standing {
        provider: provider.to_owned(),
        score: -(expected_ms + settings.ms_per_usd * now.cost_usd) / 1000.0,
        expected_ms,
        uncertainty_ms: uncertainty_ms(evidence, now, settings),
        success: now.success,
        attempt_ms: now.attempt_ms,
        usual_ms: usual.attempt_ms,
        cost_usd: now.cost_usd,
        attempts: evidence.attempts,
        evidence: evidence.recent.attempts,
        in_flight: evidence.open,
        may_lead: evidence.attempts >= settings.min_attempts_to_lead,
    }
}

/// Sums as means, with `prior` attempts of the expected kind added.
fn pulled(sums: &Sums, toward: Estimate, prior: f64, overdue_ms: f64) -> Estimate {
    let attempts = sums.attempts + prior;
    Estimate {
        attempt_ms: (sums.spent_ms + overdue_ms + prior * toward.attempt_ms) / attempts,
        success: (sums.used + prior * toward.success) / attempts,
        cost_usd: (sums.cost_usd + prior * toward.cost_usd) / attempts,
    }
}

/// Of a quotient of two independent means, to first order.
fn uncertainty_ms(evidence: &Evidence, now: Estimate, settings: &Settings) -> f64 {
    let steady = &evidence.steady;
    let mean = steady.spent_ms / steady.attempts.max(f64::MIN_POSITIVE);
    let variance = (steady.spent_squared / steady.attempts.max(f64::MIN_POSITIVE) - mean * mean).max(0.0);
    let scatter = if now.attempt_ms > 0.0 { variance / (now.attempt_ms * now.attempt_ms) } else { 0.0 };
    let attempts = evidence.recent.attempts + settings.steady_prior.min(steady.attempts).max(1.0);
    now.attempt_ms / now.success * ((scatter + (1.0 - now.success) / now.success) / attempts).sqrt()
}
