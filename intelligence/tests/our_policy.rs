//! Our policy: what an attempt costs a provider, and what it must not cost it.
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;

use intelligence::frame::{Fact, Window, frame};
use intelligence::policy::evidence::{COUNTED_CODES, Class, Ended, Tally, class, size};
use intelligence::policy::expected::{Settings, Standing, standings};
use intelligence::policy::rank;
use intelligence::{Policy, RankedModel};
use ledger_contract::{AttemptOutcome, ErrorCode, Timestamp};
use polars::prelude::IntoLazy;

const NOW: Timestamp = Timestamp(1_779_874_860_000);
const WINDOW: Window = Window { now: NOW, hours: 24 };

fn fact(provider: &str, outcome: AttemptOutcome, ago_s: i64, latency_ms: i64) -> Fact {
    let submitted_at = NOW.plus_ms(-ago_s * 1_000);
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
        estimated_cost: Some(0.01),
        duration_s: None,
        resolution: None,
    }
}

fn used(provider: &str, count: i64, latency_ms: i64) -> Vec<Fact> {
    (0..count).map(|n| fact(provider, AttemptOutcome::Used, 60 + n, latency_ms)).collect()
}

fn ranked(facts: &[Fact]) -> RankedModel {
    let frame = frame(facts.iter()).unwrap().lazy();
    rank(Policy::Ours, frame, WINDOW, &Settings::default()).unwrap().remove(0)
}

fn order(facts: &[Vec<Fact>]) -> Vec<String> {
    ranked(&facts.concat()).ranking.providers_ranked
}

fn standing(facts: &[Vec<Fact>], provider: &str) -> Standing {
    ranked(&facts.concat()).standings.into_iter().find(|standing| standing.provider == provider).unwrap()
}

fn failed(provider: &str, count: i64, latency_ms: i64, code: &str) -> Vec<Fact> {
    let code: Arc<str> = code.into();
    let fail =
        |n| Fact { error_code: Some(code.clone()), ..fact(provider, AttemptOutcome::Failed, 60 + n, latency_ms) };
    (0..count).map(fail).collect()
}

#[test]
fn the_faster_provider_stands_first_and_its_score_is_minus_its_expected_seconds() {
    let facts = [used("slow", 200, 9_000), used("quick", 200, 3_000)];
    assert_eq!(order(&facts), ["quick", "slow"]);
    let quick = standing(&facts, "quick");
    assert!((quick.expected_ms - 3_000.0).abs() < 600.0, "{quick:?}");
    assert!((quick.score * -1_000.0 - quick.expected_ms - 10.0).abs() < 1e-6, "a cent weighs 10 ms: {quick:?}");
}

#[test]
fn a_refusal_in_no_time_costs_little_and_a_timeout_much() {
    let refuses = [used("quick", 100, 2_000), failed("quick", 50, 50, "BSE4004"), used("other", 150, 3_000)];
    assert_eq!(order(&refuses), ["quick", "other"]);
    let hangs = [used("quick", 100, 2_000), failed("quick", 50, 120_000, "BSE4002"), used("other", 150, 3_000)];
    assert_eq!(order(&hangs), ["other", "quick"]);
}

#[test]
fn what_the_customer_did_is_not_held_against_a_provider() {
    let cancelled: Vec<Fact> = (0..50).map(|n| fact("quick", AttemptOutcome::Cancelled, 60 + n, 30_000)).collect();
    let rejected = failed("quick", 50, 20_000, "BSE4006");
    let plain = standing(&[used("quick", 50, 2_000), used("other", 50, 3_000)], "quick");
    let blamed = standing(&[used("quick", 50, 2_000), used("other", 50, 3_000), cancelled, rejected], "quick");
    assert_eq!(plain, blamed);
}

#[test]
fn one_lucky_attempt_does_not_lead() {
    let facts = [used("usual", 200, 3_000), used("lucky", 1, 10)];
    assert_eq!(order(&facts), ["usual", "lucky"]);
    assert!(!standing(&facts, "lucky").may_lead);
    assert_eq!(order(&[used("usual", 200, 3_000), used("proven", 100, 10)]), ["proven", "usual"]);
}

#[test]
fn a_stuck_provider_does_not_look_fast() {
    let stuck: Vec<Fact> = (0..60).map(|_| fact("quick", AttemptOutcome::Pending, 50, 0)).collect();
    let facts = [used("quick", 60, 2_000), used("other", 60, 3_000)];
    assert_eq!(order(&facts), ["quick", "other"]);
    assert_eq!(order(&[facts.concat(), stuck]), ["other", "quick"]);
    let young: Vec<Fact> = (0..20).map(|_| fact("quick", AttemptOutcome::Pending, 1, 0)).collect();
    assert_eq!(order(&[facts.concat(), young]), ["quick", "other"], "attempts that just began say nothing");
}

#[test]
fn what_happened_last_weighs_more_than_what_happened_in_the_morning() {
    let morning: Vec<Fact> = (0..500).map(|n| fact("was", AttemptOutcome::Used, 20_000 + n, 1_000)).collect();
    let facts = [morning, used("was", 100, 9_000), used("other", 100, 4_000)];
    assert_eq!(order(&facts), ["other", "was"]);
}

#[test]
fn long_videos_do_not_make_a_provider_slow() {
    let video = |provider: &str, seconds: f64, resolution: &str, latency: i64| -> Vec<Fact> {
        let sized = |fact| Fact { duration_s: Some(seconds), resolution: Some(resolution.into()), ..fact };
        used(provider, 50, latency).into_iter().map(sized).collect()
    };
    assert_eq!(order(&[video("long", 10.0, "1080p", 90_000), video("short", 5.0, "720p", 40_000)]), ["long", "short"]);
    assert!((size(Some(10.0), Some("1080p")) - 3.0).abs() < 1e-12);
    assert!((size(None, Some("2K")) - 1.0).abs() < 1e-12);
}

#[test]
fn of_two_alike_the_cheaper_stands_first() {
    let dear = used("a", 50, 3_000).into_iter().map(|fact| Fact { estimated_cost: Some(0.09), ..fact }).collect();
    assert_eq!(order(&[dear, used("b", 50, 3_000)]), ["b", "a"]);
}

#[test]
fn a_tally_fed_one_by_one_agrees_with_the_frame() {
    let settings = Settings::default();
    let facts = [used("p", 40, 2_345), failed("p", 7, 400, "BSE4001"), used("q", 30, 3_000)].concat();
    let mut tallies = [("p", Tally::default()), ("q", Tally::default())];
    for fact in facts.iter().rev() {
        let ended = Ended {
            submitted_at: fact.submitted_at,
            class: class(fact.outcome, fact.error_code.as_deref()).unwrap(),
            spent_ms: fact.latency_ms.unwrap(),
            cost_usd: fact.estimated_cost.unwrap(),
        };
        let tally = tallies.iter_mut().find(|(provider, _)| *provider == &*fact.provider).unwrap();
        tally.1.add(&ended, &settings);
    }
    let evidence = tallies.map(|(provider, tally)| (provider, tally.at(NOW, [], &settings)));
    for (ours, framed) in standings(&evidence, &settings).iter().zip(&ranked(&facts).standings) {
        assert_eq!((&ours.provider, ours.attempts), (&framed.provider, framed.attempts));
        assert!((ours.score - framed.score).abs() < 1e-9 && (ours.uncertainty_ms - framed.uncertainty_ms).abs() < 1e-6);
    }
}

#[test]
fn the_counted_failures_are_those_the_breaker_counts() {
    let counted = [
        ErrorCode::ProviderError,
        ErrorCode::ProviderTimeout,
        ErrorCode::ProviderRateLimited,
        ErrorCode::ProviderUnavailable,
        ErrorCode::ProviderCreditsExhausted,
    ];
    assert_eq!(counted.map(|code| code.to_string()), COUNTED_CODES);
    assert_eq!(class(AttemptOutcome::Failed, Some("BSE4006")), Some(Class::Neutral));
    assert_eq!(class(AttemptOutcome::Failed, Some("BSE4001")), Some(Class::Wasted));
    assert_eq!(class(AttemptOutcome::Pending, None), None);
}
