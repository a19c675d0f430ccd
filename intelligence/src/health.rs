//! Who does badly right now: a pure function of the attempts of the last minutes, those in flight included. The last few
//! attempts decide, so it takes seconds to see a brown-out; and it takes a few good ones to see that it is over.

use std::collections::BTreeMap;

use intelligence_hints::{Finding, Health};
use ledger_contract::{AttemptOutcome, Timestamp};
use polars::prelude::{DataFrame, LazyFrame, PolarsResult, col, lit};

use crate::apart::apart;
use crate::frame::{
    DURATION_S, ERROR_CODE, LATENCY_MS, MODEL, OUTCOME, PROVIDER, REGION, RESOLUTION, RESOLVED_AT, SUBMITTED_AT,
};
use crate::policy::evidence::{Class, class, size};
use crate::policy::expected::Standing;

/// How far back an end may lie to be looked at.
pub const RECENT_MS: i64 = 120_000;
/// How many of a provider's last attempts are looked at.
const LOOK_AT: usize = 12;
/// Attempts below which nothing is said.
const MIN_ATTEMPTS: u32 = 5;
/// An attempt is slow beyond this many usual ones.
const SLOW_FACTOR: f64 = 3.0;
/// A provider's own timeout.
const TIMEOUT: &str = "BSE4002";

/// One attempt as far as health looks at it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// When it was sent.
    pub submitted_at: Timestamp,
    /// How it ended; `None` while it is in flight.
    pub class: Option<Class>,
    /// Whether it ended by running out of time.
    pub timed_out: bool,
    /// How long it took, or takes already, per unit of size.
    pub spent_ms: f64,
    /// Beyond which of those it is slow; infinite when nothing is known of its provider.
    pub slow_after_ms: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Good,
    Failed,
    TimedOut,
    Slow,
}

impl Observation {
    /// What it says, if anything: one in flight that isn't slow yet says nothing.
    fn sign(self) -> Option<Sign> {
        match self.class {
            Some(Class::Wasted) if self.timed_out => Some(Sign::TimedOut),
            Some(Class::Wasted) => Some(Sign::Failed),
            Some(Class::Used) | None if self.spent_ms > self.slow_after_ms => Some(Sign::Slow),
            Some(Class::Used) => Some(Sign::Good),
            Some(Class::Neutral) | None => None,
        }
    }
}

/// Beyond how many milliseconds per unit of size an attempt of each of a model's providers is slow: three times what is
/// usual for it, and longer than the best of the others needs. Being slow is no reason to be last if all are slower.
pub fn slow_after(standings: &[Standing]) -> impl Iterator<Item = (&str, f64)> {
    standings.iter().map(|standing| {
        let others = standings.iter().filter(|other| other.provider != standing.provider && other.may_lead);
        let best_other = others.map(|other| other.expected_ms).fold(f64::INFINITY, f64::min);
        let best_other = if best_other.is_finite() { best_other } else { 0.0 };
        (standing.provider.as_str(), (SLOW_FACTOR * standing.usual_ms).max(best_other))
    })
}

/// What each provider's last attempts say, providers by name.
pub fn findings<N: Ord + ToString>(observations: impl IntoIterator<Item = (N, Observation)>) -> Vec<Finding> {
    let mut signs: BTreeMap<N, Vec<(Timestamp, Sign)>> = BTreeMap::new();
    for (provider, observation) in observations {
        if let Some(sign) = observation.sign() {
            signs.entry(provider).or_default().push((observation.submitted_at, sign));
        }
    }
    let finding = |(provider, mut signs): (N, Vec<(Timestamp, Sign)>)| {
        signs.sort_by_key(|(submitted_at, _)| std::cmp::Reverse(*submitted_at));
        let mut finding = Finding { provider: provider.to_string(), ..Finding::default() };
        for (_, sign) in signs.into_iter().take(LOOK_AT) {
            finding.looked_at += 1;
            match sign {
                Sign::Good => {}
                Sign::Failed => finding.failed += 1,
                Sign::TimedOut => finding.timed_out += 1,
                Sign::Slow => finding.slow += 1,
            }
        }
        finding
    };
    signs.into_iter().map(finding).collect()
}

/// Half or more of what was looked at was bad, and enough was.
pub fn is_degraded(finding: &Finding) -> bool {
    let Finding { provider: _, looked_at, failed, timed_out, slow } = finding;
    *looked_at >= MIN_ATTEMPTS && (failed + timed_out + slow) * 2 >= *looked_at
}

/// The snapshot to publish.
pub fn snapshot(findings: Vec<Finding>, now: Timestamp) -> Health {
    let degraded = findings.iter().filter(|finding| is_degraded(finding)).map(|finding| finding.provider.clone());
    Health::new(degraded.collect(), findings, now)
}

/// Health of one region out of a frame. `slow_after_ms` says from when on an attempt of a model at a provider is slow.
pub fn health(
    facts: LazyFrame,
    region: &str,
    now: Timestamp,
    slow_after_ms: &(dyn Fn(&str, &str) -> f64 + Sync),
) -> PolarsResult<Health> {
    let just_now = col(RESOLVED_AT).gt(lit(now.plus_ms(-RECENT_MS).0)).or(col(RESOLVED_AT).is_null());
    let names = [MODEL, PROVIDER, OUTCOME, ERROR_CODE, LATENCY_MS, SUBMITTED_AT, DURATION_S, RESOLUTION];
    let recent = facts
        .filter(col(REGION).eq(lit(region.to_owned())).and(just_now).and(col(SUBMITTED_AT).lt_eq(lit(now.0))))
        .select(names.map(col));
    let found: PolarsResult<Vec<Finding>> = apart(|| {
        let rows = recent.collect()?;
        Ok(findings(observations(&rows, now, slow_after_ms)?))
    })?;
    Ok(snapshot(found?, now))
}

fn observations(
    rows: &DataFrame,
    now: Timestamp,
    slow_after_ms: &(dyn Fn(&str, &str) -> f64 + Sync),
) -> PolarsResult<Vec<(String, Observation)>> {
    let text = |name| rows.column(name).and_then(|column| column.str());
    let (models, providers, outcomes) = (text(MODEL)?, text(PROVIDER)?, text(OUTCOME)?);
    let (codes, resolutions) = (text(ERROR_CODE)?, text(RESOLUTION)?);
    let (latencies, durations) = (rows.column(LATENCY_MS)?.f64()?, rows.column(DURATION_S)?.f64()?);
    let submissions = rows.column(SUBMITTED_AT)?.i64()?;
    let row = |row: usize| {
        let (model, provider) = (models.get(row)?, providers.get(row)?);
        let (code, submitted_at) = (codes.get(row), Timestamp(submissions.get(row)?));
        let class = class(outcomes.get(row)?.parse::<AttemptOutcome>().ok()?, code);
        let spent_ms = latencies.get(row).unwrap_or_else(|| crate::frame::latency_ms(submitted_at, now));
        let observation = Observation {
            submitted_at,
            class,
            timed_out: code == Some(TIMEOUT),
            spent_ms: spent_ms / size(durations.get(row), resolutions.get(row)),
            slow_after_ms: slow_after_ms(model, provider),
        };
        Some((provider.to_owned(), observation))
    };
    Ok((0..rows.height()).filter_map(row).collect())
}
