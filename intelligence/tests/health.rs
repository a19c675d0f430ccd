//! Health: what makes a provider degraded within seconds, and what doesn't.
#![allow(clippy::unwrap_used, missing_docs)]

use intelligence::frame::{Fact, frame};
use intelligence::health::health;
use intelligence_hints::Health;
use ledger_contract::{AttemptOutcome, Timestamp};
use polars::prelude::IntoLazy;

const NOW: Timestamp = Timestamp(1_779_874_860_000);

fn fact(provider: &str, outcome: AttemptOutcome, ago_ms: i64, latency_ms: i64) -> Fact {
    let submitted_at = NOW.plus_ms(-ago_ms);
    let ended = outcome != AttemptOutcome::Pending;
    Fact {
        model: "lab/model".into(),
        region: "us".into(),
        provider: provider.into(),
        outcome,
        latency_ms: ended.then(|| f64::from(i32::try_from(latency_ms).unwrap())),
        submitted_at,
        resolved_at: ended.then(|| submitted_at.plus_ms(latency_ms)),
        error_code: None,
        estimated_cost: None,
        duration_s: None,
        resolution: None,
    }
}

/// `count` attempts, 100 ms apart, the last sent `ago_ms` ago.
fn run(provider: &str, outcome: AttemptOutcome, count: i64, ago_ms: i64, latency_ms: i64) -> Vec<Fact> {
    (0..count).map(|n| fact(provider, outcome, ago_ms + n * 100, latency_ms)).collect()
}

/// Usual: 2 s; slow after 6 s.
fn seen(facts: &[Vec<Fact>]) -> Health {
    let facts = facts.concat();
    health(frame(facts.iter()).unwrap().lazy(), "us", NOW, &|_, _| 6_000.0).unwrap()
}

#[test]
fn failures_of_the_last_seconds_outweigh_successes_before_them() {
    let before = run("fal", AttemptOutcome::Used, 100, 20_000, 2_000);
    assert!(seen(std::slice::from_ref(&before)).degraded.is_empty());
    let now = run("fal", AttemptOutcome::Failed, 8, 1_000, 100);
    let found = seen(&[before, now]);
    assert_eq!(found.degraded, ["fal"]);
    assert_eq!((found.findings[0].looked_at, found.findings[0].failed), (12, 8));
}

#[test]
fn attempts_in_flight_for_too_long_are_seen_before_they_end() {
    let before = run("fal", AttemptOutcome::Used, 100, 20_000, 2_000);
    let hanging = run("fal", AttemptOutcome::Pending, 10, 7_000, 0);
    let found = seen(&[before.clone(), hanging]);
    assert_eq!((found.degraded.as_slice(), found.findings[0].slow), (["fal".to_owned()].as_slice(), 10));
    let young = run("fal", AttemptOutcome::Pending, 40, 1_000, 0);
    assert!(seen(&[before, young]).degraded.is_empty(), "who just began says nothing");
}

#[test]
fn a_few_good_attempts_end_it() {
    let bad = run("fal", AttemptOutcome::Failed, 50, 30_000, 100);
    let good = run("fal", AttemptOutcome::Used, 7, 5_000, 2_000);
    assert_eq!(seen(std::slice::from_ref(&bad)).degraded, ["fal"]);
    assert!(seen(&[bad, good]).degraded.is_empty());
}

#[test]
fn little_evidence_old_evidence_and_the_customers_doing_say_nothing() {
    assert!(seen(&[run("fal", AttemptOutcome::Failed, 4, 1_000, 100)]).degraded.is_empty());
    assert!(seen(&[run("fal", AttemptOutcome::Failed, 50, 200_000, 100)]).findings.is_empty());
    assert!(seen(&[run("fal", AttemptOutcome::Cancelled, 50, 1_000, 100)]).findings.is_empty());
}

#[test]
fn timeouts_are_told_apart() {
    let timed_out = |fact: Fact| Fact { error_code: Some("BSE4002".into()), ..fact };
    let facts = run("fal", AttemptOutcome::Failed, 6, 60_000, 8_000).into_iter().map(timed_out).collect();
    assert_eq!(seen(&[facts]).findings[0].timed_out, 6);
}
