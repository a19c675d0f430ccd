//! The documented policy: its golden example through every door, its ties, its window, its percentiles.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "fixture/book.rs"]
mod book;

use std::fmt::Write;
use std::sync::Arc;

use book::{Book, GOLDEN, assert_golden, ranked, ranked_in};
use intelligence::frame::{Fact, Window};
use intelligence::source::Source;
use intelligence::{Policy, RankedModel, rank_file};
use ledger_contract::{AttemptOutcome, Timestamp};
use polars::prelude::ParquetWriter;

const HEADER: &str = "model,region,provider,outcome,latency_ms,estimated_cost,submitted_at,resolved_at,error_code\n";

fn now() -> Timestamp {
    Timestamp::parse("2026-05-06T00:05:00Z").unwrap()
}

fn window() -> Window {
    Window { now: now(), hours: 24 }
}

fn fact(provider: &str, outcome: AttemptOutcome, latency_ms: i32) -> Fact {
    let submitted_at = now().plus_ms(-60_000);
    Fact {
        model: "lab/model".into(),
        region: "us".into(),
        provider: provider.into(),
        outcome,
        latency_ms: Some(f64::from(latency_ms)),
        submitted_at,
        resolved_at: Some(submitted_at.plus_ms(i64::from(latency_ms))),
        error_code: None,
        estimated_cost: None,
        duration_s: None,
        resolution: None,
    }
}

fn used(provider: &str, latency_ms: i32) -> Fact {
    fact(provider, AttemptOutcome::Used, latency_ms)
}

fn rank_facts(facts: &[Fact]) -> Vec<RankedModel> {
    ranked(facts.iter(), window())
}

fn golden_csv() -> String {
    let mut text = HEADER.to_owned();
    for (provider, attempts) in GOLDEN {
        for (minute, (outcome, latency)) in attempts.into_iter().enumerate() {
            let submitted =
                Timestamp::parse("2026-05-06T00:00:00Z").unwrap().plus_ms(i64::try_from(minute).unwrap() * 60_000);
            let resolved = submitted.plus_ms(latency);
            writeln!(text, "lab/model,us,{provider},{outcome},{latency},0.004,{submitted},{resolved},").unwrap();
        }
    }
    text
}

#[test]
fn the_golden_example_comes_out_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("attempts.csv");
    std::fs::write(&file, golden_csv()).unwrap();
    let all = rank_file(Policy::Documented, &file, "us", 24, None).unwrap();
    let [model] = &all[..] else { unreachable!("one model: {all:?}") };
    assert_golden(model);
    assert_eq!(model.ranking.computed_at.to_string(), "2026-05-06T00:02:00.000Z");
    let json = serde_json::to_value(&all).unwrap();
    let mut fields: Vec<_> = json[0].as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        ["attempts_total", "computed_at", "model", "providers_ranked", "region", "scores", "window_hours"]
    );
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(
        runtime.block_on(async { rank_file(Policy::Documented, &file, "us", 24, None) }).unwrap(),
        all,
        "also inside a runtime"
    );
    assert!(rank_file(Policy::Documented, &file, "eu", 24, None).unwrap().is_empty());
    assert!(rank_file(Policy::Documented, &file, "mars", 24, None).is_err());
    assert!(rank_file(Policy::Documented, &file, "us", 0, None).is_err());
}

#[test]
fn the_golden_example_comes_out_of_a_parquet_file_that_lacks_what_is_optional() {
    let folder = tempfile::tempdir().unwrap();
    let (csv, parquet) = (folder.path().join("attempts.csv"), folder.path().join("attempts.parquet"));
    std::fs::write(&csv, golden_csv()).unwrap();
    let mut rows = intelligence::facts_of(&csv).unwrap().collect().unwrap();
    for optional in ["error_code", "estimated_cost", "duration_s", "resolution"] {
        rows.drop_in_place(optional).unwrap();
    }
    ParquetWriter::new(std::fs::File::create(&parquet).unwrap()).finish(&mut rows).unwrap();
    let all = rank_file(Policy::Documented, &parquet, "us", 24, None).unwrap();
    assert_golden(&all[0]);
    assert_eq!(all, rank_file(Policy::Documented, &csv, "us", 24, None).unwrap());
    assert_eq!(rank_file(Policy::Ours, &parquet, "us", 24, None).unwrap()[0].ranking.attempts_total, 9);
}

#[tokio::test]
async fn the_golden_example_comes_out_of_a_book() {
    let mut book = Book::new().await;
    book.golden("lab/model", now().plus_ms(-60_000)).await;
    book.attempt("lab/model", "provider_a", "pending", now().plus_ms(-1_000), None).await;
    let mut source = Source::new(&book.url(), "us", &book.attempts(), 24).unwrap();
    assert_eq!(source.refresh(window()).await.unwrap(), 9);
    let all = ranked_in(&source.take().unwrap(), window());
    assert_eq!((all[0].model.as_str(), all[0].region.as_str()), ("lab/model", "us"));
    assert_golden(&all[0]);
}

#[test]
fn scores_keep_full_precision() {
    let all = rank_facts(&[used("a", 1), used("b", 3), fact("b", AttemptOutcome::Failed, 3), used("b", 3)]);
    let expected = 1.0 * (2.0 / 3.0) - 0.5 * (1.0 / 3.0) - 0.3 * 1.0;
    assert_eq!(all[0].ranking.scores.get("b").unwrap().to_bits(), f64::to_bits(expected));
    let expected = 1.0 - 0.5 * 0.0 - 0.3 * (1.0 / 3.0);
    assert_eq!(all[0].ranking.scores.get("a").unwrap().to_bits(), f64::to_bits(expected));
}

#[test]
fn the_same_score_goes_to_the_lower_p95_and_then_by_name() {
    let all = rank_facts(&[used("zebra", 0), used("ant", 0), used("bee", 0)]);
    assert_eq!(all[0].ranking.providers_ranked, ["ant", "bee", "zebra"]);
}

#[test]
fn equal_scores_are_equal_although_floats_differ_in_the_last_bits() {
    // slow: 4 of 5 used, norm 1; quick: 3 of 5, norm 0. On paper both are 0.4; in floats slow is ahead by 1e-16.
    let attempts = |name: &str, used_of_five: usize, latency: i32| {
        let lost = (used_of_five..5).map(|_| fact(name, AttemptOutcome::Failed, latency)).collect::<Vec<_>>();
        [vec![used(name, latency); used_of_five], lost].concat()
    };
    let all = rank_facts(&[attempts("slow", 4, 1_000), attempts("quick", 3, 0)].concat());
    let scores = &all[0].ranking.scores;
    assert!(scores.get("slow") > scores.get("quick"), "{scores:?}");
    assert_eq!(all[0].ranking.providers_ranked, ["quick", "slow"]);
}

#[test]
fn a_lone_provider_pays_the_whole_latency_weight_unless_it_took_no_time() {
    assert!((rank_facts(&[used("a", 5)])[0].ranking.scores.get("a").unwrap() - 0.7).abs() < 1e-12);
    assert!((rank_facts(&[used("a", 0)])[0].ranking.scores.get("a").unwrap() - 1.0).abs() < 1e-12);
}

#[test]
fn p95_is_the_nearest_rank_for_every_count() {
    for count in 1..=400_i32 {
        // Latencies 1..=count in a scrambled order, beside a slowest provider that makes the norm readable.
        let mut facts: Vec<Fact> = (0..count).map(|n| used("a", (n * 7_919) % count + 1)).collect();
        let distinct: std::collections::BTreeSet<i32> = (0..count).map(|n| (n * 7_919) % count + 1).collect();
        assert_eq!(distinct.len(), usize::try_from(count).unwrap());
        facts.push(used("slowest", 1_000_000));
        let score = rank_facts(&facts)[0].ranking.scores.get("a").unwrap();
        let nearest_rank = (95 * count + 99) / 100;
        let expected = 1.0 - 0.3 * (f64::from(nearest_rank) / 1_000_000.0);
        assert!((score - expected).abs() < 1e-9, "{count}: {score} instead of {expected}");
    }
}

#[test]
fn the_window_includes_both_ends_and_nothing_else() {
    let at = |millis: i64| Fact { submitted_at: now().plus_ms(millis), ..used("a", 1) };
    let day = 24 * 3_600_000;
    let total = |facts: &[Fact]| rank_facts(facts).first().map_or(0, |model| model.ranking.attempts_total);
    assert_eq!(total(&[at(0), at(-day)]), 2);
    assert_eq!(total(&[at(1), at(-day - 1)]), 0);
}

#[test]
fn pending_unresolved_and_negative_rows_count_nowhere() {
    let pending = Fact { outcome: AttemptOutcome::Pending, ..used("a", 1) };
    let unresolved = Fact { resolved_at: None, latency_ms: None, ..used("a", 1) };
    let negative = fact("a", AttemptOutcome::Failed, -1);
    assert!(rank_facts(&[pending.clone(), unresolved.clone(), negative.clone()]).is_empty());
    assert_eq!(rank_facts(&[pending, unresolved, negative, used("a", 1)])[0].ranking.attempts_total, 1);
    assert!(rank_facts(&[]).is_empty());
}

#[test]
fn models_and_regions_are_ranked_apart() {
    let other_model = Fact { model: "a/b".into(), ..used("p", 900) };
    let other_region = Fact { region: Arc::from("eu"), ..used("p", 900) };
    let all = rank_facts(&[used("p", 1), other_model, other_region]);
    let names: Vec<_> = all.iter().map(|ranked| (ranked.model.as_str(), ranked.region.as_str())).collect();
    assert_eq!(names, [("a/b", "us"), ("lab/model", "eu"), ("lab/model", "us")]);
}
