//! How a provider behaves: the knobs of the control routes, and the draw that decides what one submission meets.
//!
//! The draw is a function of seed, provider and the number of the submission since the knobs were last turned, so the
//! same sequence of submissions meets the same fate every time. Nothing here touches accepted jobs.

mod fault;

use std::collections::VecDeque;

use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};

pub use fault::Fault;

use crate::provider::Provider;

/// The longest latency that can be asked for: a day.
const LATENCY_LIMIT_MS: u64 = 86_400_000;

/// What happens to a submission. Names are those of the control routes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Behavior {
    /// The provider works.
    #[default]
    Ok,
    /// 500 to the submission, at once.
    #[serde(rename = "http_500")]
    Http500,
    /// 429 to the submission, at once.
    #[serde(rename = "http_429")]
    Http429,
    /// 402 to the submission, at once.
    #[serde(rename = "http_402")]
    Http402,
    /// The listener and its open connections are closed. With a `failure_rate` below 1 the listener stays, and the
    /// connection of a submission that draws it is closed without an answer.
    RefuseConnection,
    /// The submission is read and never answered.
    HangSubmit,
    /// A good status with a body that isn't the provider's.
    Malformed,
    /// Invalid input, where and how the provider reports it.
    RejectInput,
    /// Refused content, where and how the provider reports it.
    RejectContent,
    /// Accepted, then a provider fault after the run latency.
    AcceptThenFail,
    /// Accepted, stays running.
    NeverFinish,
}

/// A provider's knobs.
#[derive(Clone, Debug, Serialize)]
pub struct Settings {
    /// What happens to the share `failure_rate` of submissions.
    pub behavior: Behavior,
    /// Milliseconds before a submission is answered.
    pub submit_latency_ms: u64,
    /// Milliseconds from acceptance to the end of a job; `null` for the default of its kind or pace.
    pub run_latency_ms: Option<u64>,
    /// Share of submissions, 0 to 1, that meet the behaviour; the others meet `ok`.
    pub failure_rate: f64,
    /// Decides every draw.
    pub seed: u64,
    /// Most unfinished jobs; `null` for no limit.
    pub max_active: Option<u32>,
    /// Most submissions in any minute; `null` for no limit.
    pub requests_per_minute: Option<u32>,
    /// What else goes wrong with accepted submissions; `null` for nothing.
    pub fault: Option<Fault>,
    /// Share of submissions, 0 to 1, that meet the fault.
    pub fault_rate: f64,
}

impl Settings {
    /// The defaults; `realistic` answers submissions as slowly as the real ones do.
    pub fn new(realistic: bool) -> Self {
        Self {
            behavior: Behavior::Ok,
            submit_latency_ms: if realistic { 250 } else { 20 },
            run_latency_ms: None,
            failure_rate: 1.0,
            seed: 0,
            max_active: None,
            requests_per_minute: None,
            fault: None,
            fault_rate: 1.0,
        }
    }
}

/// A change of knobs: what is left out keeps its value, `null` (or a limit of 0) turns a limit off.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Change {
    behavior: Option<Behavior>,
    submit_latency_ms: Option<u64>,
    run_latency_ms: Turn<u64>,
    failure_rate: Option<f64>,
    seed: Option<u64>,
    max_active: Turn<u32>,
    requests_per_minute: Turn<u32>,
    fault: Turn<Fault>,
    fault_rate: Option<f64>,
}

/// Tells a `null` from a key that was left out.
#[derive(Clone, Copy, Debug, Default)]
enum Turn<T> {
    #[default]
    Keep,
    To(Option<T>),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Turn<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Option::deserialize(from).map(Self::To)
    }
}

impl<T> Turn<T> {
    /// True when the key was there.
    fn is_turned(&self) -> bool {
        matches!(self, Self::To(_))
    }

    /// The new value where the old one is `value`.
    fn of(self, value: Option<T>) -> Option<T> {
        match self {
            Self::Keep => value,
            Self::To(value) => value,
        }
    }
}

impl Change {
    /// The first thing wrong with the values, in words.
    pub fn problem(&self) -> Option<String> {
        let latencies = [self.submit_latency_ms, self.run_latency_ms.of(None)];
        if latencies.into_iter().flatten().any(|latency| latency > LATENCY_LIMIT_MS) {
            return Some(format!("a latency is at most {LATENCY_LIMIT_MS} ms"));
        }
        let rates = [("failure_rate", self.failure_rate), ("fault_rate", self.fault_rate)];
        let wrong = rates.into_iter().find(|(_, rate)| !(0.0..=1.0).contains(&rate.unwrap_or(0.0)));
        wrong.map(|(name, _)| format!("{name} is between 0 and 1"))
    }
}

/// What one submission meets.
#[derive(Clone, Copy, Debug)]
pub struct Draw {
    /// The behaviour.
    pub behavior: Behavior,
    /// What else goes wrong.
    pub fault: Option<Fault>,
    /// A number that differs from draw to draw and repeats under the same seed.
    pub number: u64,
}

/// A provider's settings with the counters that belong to them.
#[derive(Debug)]
pub struct Knobs {
    provider: Provider,
    settings: Settings,
    drawn: u64,
    received_at_ms: VecDeque<i64>,
}

impl Knobs {
    /// Default knobs.
    pub fn new(provider: Provider, realistic: bool) -> Self {
        Self { provider, settings: Settings::new(realistic), drawn: 0, received_at_ms: VecDeque::new() }
    }

    /// The current values.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// True when connections themselves are refused.
    pub fn refuses_connections(&self) -> bool {
        self.settings.behavior == Behavior::RefuseConnection && self.settings.failure_rate >= 1.0
    }

    /// Turns knobs. A change of behaviour, fault, rate or seed starts the sequence of draws again.
    pub fn turn(&mut self, change: &Change) {
        let settings = &mut self.settings;
        let rates = change.failure_rate.or(change.fault_rate);
        if change.behavior.is_some() || rates.is_some() || change.seed.is_some() || change.fault.is_turned() {
            self.drawn = 0;
        }
        settings.behavior = change.behavior.unwrap_or(settings.behavior);
        settings.submit_latency_ms = change.submit_latency_ms.unwrap_or(settings.submit_latency_ms);
        settings.run_latency_ms = change.run_latency_ms.of(settings.run_latency_ms);
        settings.failure_rate = change.failure_rate.unwrap_or(settings.failure_rate);
        settings.seed = change.seed.unwrap_or(settings.seed);
        settings.max_active = change.max_active.of(settings.max_active).filter(|limit| *limit > 0);
        settings.requests_per_minute =
            change.requests_per_minute.of(settings.requests_per_minute).filter(|limit| *limit > 0);
        settings.fault = change.fault.of(settings.fault);
        settings.fault_rate = change.fault_rate.unwrap_or(settings.fault_rate);
    }

    /// Draws what the next submission meets.
    pub fn draw(&mut self) -> Draw {
        let settings = &self.settings;
        let number = hash(settings.seed, self.provider, self.drawn);
        // Another sequence, so that the fault does not follow the behaviour.
        let faulty = hash(!settings.seed, self.provider, self.drawn);
        let behavior = if share(number) < settings.failure_rate { settings.behavior } else { Behavior::Ok };
        let fault = settings.fault.filter(|_| share(faulty) < settings.fault_rate);
        let fault = fault.and_then(|fault| fault.at(self.drawn, settings.seed));
        self.drawn += 1;
        Draw { behavior, fault, number }
    }

    /// Counts a submission; false when the minute is full.
    pub fn within_rate(&mut self, now_ms: i64) -> bool {
        let Some(limit) = self.settings.requests_per_minute else {
            self.received_at_ms.clear();
            return true;
        };
        while self.received_at_ms.front().is_some_and(|at| *at <= now_ms - 60_000) {
            self.received_at_ms.pop_front();
        }
        let free = self.received_at_ms.len() < limit as usize;
        if free {
            self.received_at_ms.push_back(now_ms);
        }
        free
    }
}

/// The upper 32 bits as a share: exact in an f64.
fn share(number: u64) -> f64 {
    f64::from(u32::try_from(number >> 32).unwrap_or(u32::MAX)) / 4_294_967_296.0
}

fn hash(seed: u64, provider: Provider, number: u64) -> u64 {
    let mut hash = Sha256::new();
    hash.update(seed.to_be_bytes());
    hash.update(number.to_be_bytes());
    hash.update(provider.id().as_bytes());
    hash.finalize().iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn knobs(change: &str) -> Knobs {
        let mut knobs = Knobs::new(Provider::Fal, false);
        knobs.turn(&serde_json::from_str(change).unwrap());
        knobs
    }

    fn sequence(knobs: &mut Knobs) -> Vec<Behavior> {
        (0..200).map(|_| knobs.draw().behavior).collect()
    }

    #[test]
    fn the_same_seed_draws_the_same_sequence() {
        let change = r#"{"behavior": "http_500", "failure_rate": 0.3, "seed": 7}"#;
        assert_eq!(sequence(&mut knobs(change)), sequence(&mut knobs(change)));
        let other = r#"{"behavior": "http_500", "failure_rate": 0.3, "seed": 8}"#;
        assert_ne!(sequence(&mut knobs(change)), sequence(&mut knobs(other)));
    }

    #[test]
    fn the_failure_rate_is_the_share_of_failures() {
        let mut knobs = knobs(r#"{"behavior": "http_500", "failure_rate": 0.3}"#);
        let failures = sequence(&mut knobs).into_iter().filter(|behavior| *behavior != Behavior::Ok).count();
        assert!((40..80).contains(&failures), "{failures} of 200");
    }

    #[test]
    fn omitted_keys_keep_their_value_and_null_turns_a_limit_off() {
        let mut knobs = knobs(r#"{"max_active": 3, "run_latency_ms": 5}"#);
        knobs.turn(&serde_json::from_str(r#"{"behavior": "http_429"}"#).unwrap());
        assert_eq!((knobs.settings().max_active, knobs.settings().run_latency_ms), (Some(3), Some(5)));
        knobs.turn(&serde_json::from_str(r#"{"max_active": null, "run_latency_ms": null}"#).unwrap());
        assert_eq!((knobs.settings().max_active, knobs.settings().run_latency_ms), (None, None));
    }

    #[test]
    fn a_minute_admits_no_more_than_its_limit() {
        let mut knobs = knobs(r#"{"requests_per_minute": 2}"#);
        assert!(knobs.within_rate(0) && knobs.within_rate(1));
        assert!(!knobs.within_rate(59_999));
        assert!(knobs.within_rate(60_000));
    }
}
