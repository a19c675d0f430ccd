//! What ours has to know of one provider of one model: a few sums in which every attempt fades with its age. Bounded
//! memory however many attempts there were, and the same numbers whether they come from a frame or one attempt at a time.

use ledger_contract::{AttemptOutcome, Timestamp};

use crate::policy::expected::Settings;

/// Sums over attempts, each weighted by `0.5 ^ (age / half-life)`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sums {
    /// How many attempts counted.
    pub attempts: f64,
    /// How many of them were used.
    pub used: f64,
    /// Milliseconds they took, per unit of size.
    pub spent_ms: f64,
    /// Squares of those milliseconds: how much they scatter.
    pub spent_squared: f64,
    /// Their estimated cost in US dollars.
    pub cost_usd: f64,
}

/// Everything about one provider of one model in one region at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Evidence {
    /// Counted attempts in the window, unfaded.
    pub attempts: u64,
    /// Fading fast: what it does now.
    pub recent: Sums,
    /// Fading slowly: what it usually does.
    pub steady: Sums,
    /// Attempts that are still in flight.
    pub open: u64,
    /// Milliseconds those have taken so far, per unit of size.
    pub open_ms: f64,
}

impl Evidence {
    /// The same attempts seen `by_ms` later, or earlier if that is negative. What is in flight has no age here.
    #[must_use]
    pub fn faded(mut self, by_ms: i64, settings: &Settings) -> Self {
        self.recent.scale(factor(by_ms, settings.recent_half_life_s));
        self.steady.scale(factor(by_ms, settings.steady_half_life_s));
        self
    }

    /// Adds other attempts of the same provider, seen at the same moment.
    pub fn add(&mut self, other: &Self) {
        let Self { attempts, recent, steady, open, open_ms } = other;
        self.attempts += attempts;
        self.recent.merge(recent);
        self.steady.merge(steady);
        self.open += open;
        self.open_ms += open_ms;
    }
}

/// What the end of an attempt says of its provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A usable output.
    Used,
    /// Time spent for nothing: a refusal, a failure, a timeout, a result that came too late.
    Wasted,
    /// The customer's wish or input, or our own failure: says nothing.
    Neutral,
}

/// What kind of end that was; `None` while the attempt is in flight.
pub fn class(outcome: AttemptOutcome, error_code: Option<&str>) -> Option<Class> {
    match outcome {
        AttemptOutcome::Pending => None,
        AttemptOutcome::Used => Some(Class::Used),
        AttemptOutcome::Discarded => Some(Class::Wasted),
        AttemptOutcome::Failed if error_code.is_none_or(|code| COUNTED_CODES.contains(&code)) => Some(Class::Wasted),
        AttemptOutcome::Failed | AttemptOutcome::Cancelled => Some(Class::Neutral),
    }
}

/// Failures that are the provider's; the same the circuit breaker counts (api contract §10).
pub const COUNTED_CODES: [&str; 5] = ["BSE4001", "BSE4002", "BSE4003", "BSE4004", "BSE4005"];

/// One ended attempt, for [`Tally::add`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ended {
    /// When it was sent; its age counts from here.
    pub submitted_at: Timestamp,
    /// How it ended.
    pub class: Class,
    /// Submission to resolution, in milliseconds per unit of size ([`size`]).
    pub spent_ms: f64,
    /// Estimated cost in US dollars; 0 when unknown.
    pub cost_usd: f64,
}

/// Evidence that grows one attempt at a time, for replays and for long-running readers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    attempts: u64,
    recent: Sums,
    steady: Sums,
    /// What the sums are weighted to.
    at: Timestamp,
}

impl Tally {
    /// Counts one ended attempt. Attempts may come in any order.
    pub fn add(&mut self, ended: &Ended, settings: &Settings) {
        if ended.class == Class::Neutral || ended.spent_ms < 0.0 {
            return;
        }
        self.fade(ended.submitted_at, settings);
        self.attempts += 1;
        let behind = self.at.since_ms(ended.submitted_at);
        self.recent.add(ended, weight(behind, settings.recent_half_life_s));
        self.steady.add(ended, weight(behind, settings.steady_half_life_s));
    }

    /// The evidence at `now`. `open` has the milliseconds each attempt in flight has taken so far, per unit of size.
    pub fn at(&self, now: Timestamp, open: impl IntoIterator<Item = f64>, settings: &Settings) -> Evidence {
        let mut faded = *self;
        faded.fade(now, settings);
        let (open, open_ms) = open.into_iter().fold((0, 0.0), |(count, sum), ms| (count + 1, sum + ms));
        let Self { attempts, recent, steady, at: _ } = faded;
        Evidence { attempts, recent, steady, open, open_ms }
    }

    fn fade(&mut self, now: Timestamp, settings: &Settings) {
        let forward = now.since_ms(self.at);
        if forward > 0 {
            self.recent.scale(weight(forward, settings.recent_half_life_s));
            self.steady.scale(weight(forward, settings.steady_half_life_s));
            self.at = now;
        }
    }
}

impl Sums {
    fn add(&mut self, ended: &Ended, weight: f64) {
        self.attempts += weight;
        self.used += if ended.class == Class::Used { weight } else { 0.0 };
        self.spent_ms += weight * ended.spent_ms;
        self.spent_squared += weight * ended.spent_ms * ended.spent_ms;
        self.cost_usd += weight * ended.cost_usd;
    }

    fn merge(&mut self, other: &Self) {
        let Self { attempts, used, spent_ms, spent_squared, cost_usd } = other;
        self.attempts += attempts;
        self.used += used;
        self.spent_ms += spent_ms;
        self.spent_squared += spent_squared;
        self.cost_usd += cost_usd;
    }

    fn scale(&mut self, factor: f64) {
        let Self { attempts, used, spent_ms, spent_squared, cost_usd } = self;
        for sum in [attempts, used, spent_ms, spent_squared, cost_usd] {
            *sum *= factor;
        }
    }
}

/// How large an output is, so that ten seconds of video aren't compared with five: seconds over 5, times pixels per side
/// over 720p's. 1 for anything without a duration. The counterpart in a frame is in [`crate::policy::sums`].
pub fn size(duration_s: Option<f64>, resolution: Option<&str>) -> f64 {
    let Some(seconds) = duration_s.filter(|seconds| *seconds > 0.0) else { return 1.0 };
    let side =
        resolution.and_then(|name| SIDES.iter().find(|(known, _)| *known == name)).map_or(1.0, |(_, side)| *side);
    seconds / 5.0 * side
}

/// Short side of a video over 720.
pub const SIDES: [(&str, f64); 6] =
    [("360p", 0.5), ("480p", 2.0 / 3.0), ("540p", 0.75), ("720p", 1.0), ("1080p", 1.5), ("4K", 3.0)];

/// How much an attempt of this age counts; one from the future counts as one from now.
fn weight(age_ms: i64, half_life_s: f64) -> f64 {
    factor(age_ms.max(0), half_life_s)
}

fn factor(by_ms: i64, half_life_s: f64) -> f64 {
    // Exact below 2^53 ms; no attempt is 285,000 years old.
    #[expect(clippy::cast_precision_loss, reason = "ages are far below 2^53 ms")]
    let by_ms = by_ms as f64;
    0.5_f64.powf(by_ms / (half_life_s * 1000.0))
}
