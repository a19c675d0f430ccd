//! Names and types: one attempt as a [`Fact`], many as a Polars frame, and the window they are looked at through.
//! It decides nothing.

use std::sync::Arc;

use ledger_contract::{AttemptOutcome, Timestamp};
use polars::df;
use polars::prelude::{DataFrame, PolarsResult};

/// Public model id; text.
pub const MODEL: &str = "model";
/// Region label; text.
pub const REGION: &str = "region";
/// Provider id; text.
pub const PROVIDER: &str = "provider";
/// How the attempt ended; text, as the contract spells outcomes.
pub const OUTCOME: &str = "outcome";
/// Submission to resolution in milliseconds; a float, null when not resolved.
pub const LATENCY_MS: &str = "latency_ms";
/// Unix milliseconds.
pub const SUBMITTED_AT: &str = "submitted_at";
/// Unix milliseconds; null when not resolved.
pub const RESOLVED_AT: &str = "resolved_at";
/// Code of the error it failed with; text, null without one.
pub const ERROR_CODE: &str = "error_code";
/// US dollars; a float, null when unknown.
pub const ESTIMATED_COST: &str = "estimated_cost";
/// Seconds of video asked for; a float, null for an image.
pub const DURATION_S: &str = "duration_s";
/// Resolution asked for, as the API spells it; text, null when the model has no choice.
pub const RESOLUTION: &str = "resolution";

/// One attempt, as far as a policy looks at it.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Public model id; may be outside the catalogue.
    pub model: Arc<str>,
    /// Region label.
    pub region: Arc<str>,
    /// Provider id; may be outside the catalogue.
    pub provider: Arc<str>,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// Milliseconds; negative when two clocks disagreed.
    pub latency_ms: Option<f64>,
    /// When it was sent.
    pub submitted_at: Timestamp,
    /// When it ended.
    pub resolved_at: Option<Timestamp>,
    /// What it failed with.
    pub error_code: Option<Arc<str>>,
    /// What it costs if it is billed, in US dollars.
    pub estimated_cost: Option<f64>,
    /// Seconds of video asked for.
    pub duration_s: Option<f64>,
    /// Resolution asked for.
    pub resolution: Option<Arc<str>>,
}

/// The last `hours` before `now`, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its end.
    pub now: Timestamp,
    /// Its length, at least 1.
    pub hours: u32,
}

impl Window {
    /// Its beginning.
    pub fn start(self) -> Timestamp {
        self.now.plus_ms(-i64::from(self.hours).saturating_mul(3_600_000))
    }
}

/// Milliseconds from submission to resolution; exact up to 49 days, far beyond any attempt's life.
pub fn latency_ms(submitted_at: Timestamp, resolved_at: Timestamp) -> f64 {
    let millis = resolved_at.since_ms(submitted_at);
    let magnitude = f64::from(u32::try_from(millis.unsigned_abs()).unwrap_or(u32::MAX));
    if millis < 0 { -magnitude } else { magnitude }
}

/// Facts as columns, under the names above.
pub fn frame<'a>(facts: impl Iterator<Item = &'a Fact> + Clone) -> PolarsResult<DataFrame> {
    df![
        MODEL => facts.clone().map(|fact| &*fact.model).collect::<Vec<_>>(),
        REGION => facts.clone().map(|fact| &*fact.region).collect::<Vec<_>>(),
        PROVIDER => facts.clone().map(|fact| &*fact.provider).collect::<Vec<_>>(),
        OUTCOME => facts.clone().map(|fact| fact.outcome.as_str()).collect::<Vec<_>>(),
        LATENCY_MS => facts.clone().map(|fact| fact.latency_ms).collect::<Vec<_>>(),
        SUBMITTED_AT => facts.clone().map(|fact| fact.submitted_at.0).collect::<Vec<_>>(),
        RESOLVED_AT => facts.clone().map(|fact| fact.resolved_at.map(|moment| moment.0)).collect::<Vec<_>>(),
        ERROR_CODE => facts.clone().map(|fact| fact.error_code.as_deref()).collect::<Vec<_>>(),
        ESTIMATED_COST => facts.clone().map(|fact| fact.estimated_cost).collect::<Vec<_>>(),
        DURATION_S => facts.clone().map(|fact| fact.duration_s).collect::<Vec<_>>(),
        RESOLUTION => facts.map(|fact| fact.resolution.as_deref()).collect::<Vec<_>>(),
    ]
}
