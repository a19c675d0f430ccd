//! Stories, the attempts they leave, and policies that meet them.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use intelligence::backtest::{Backtest, POLICIES};
use intelligence::csv;
use intelligence::frame::{Window, frame};
use intelligence::policy::expected::Settings;
use intelligence::replay::{Advisor, Documented, Ours};
use intelligence::scenario::{Scenario, World};
use intelligence::simulate::{self, EPOCH_MS, history};
use intelligence::{Policy, policy};
use ledger_contract::{AttemptOutcome, Timestamp};
use polars::prelude::IntoLazy;

#[test]
fn a_seed_is_one_file_for_ever_and_another_seed_another() {
    let first = simulate::csv(Scenario::Flapping, 3);
    assert_eq!(first, simulate::csv(Scenario::Flapping, 3));
    assert_ne!(first, simulate::csv(Scenario::Flapping, 4));
    assert_ne!(first, simulate::csv(Scenario::Steady, 3));
}

#[test]
fn every_story_leaves_attempts_that_read_back() {
    for scenario in Scenario::ALL {
        let facts = csv::read(simulate::csv(scenario, 1).as_bytes()).unwrap();
        assert!(facts.len() > 5_000, "{}: {}", scenario.name(), facts.len());
        assert!(facts.iter().all(|fact| fact.latency_ms.is_some_and(|latency| latency >= 0.0)), "{}", scenario.name());
        assert!(facts.iter().all(|fact| (fact.outcome == AttemptOutcome::Failed) == fact.error_code.is_some()));
    }
}

#[test]
fn a_brown_out_is_a_brown_out_of_the_best() {
    let world = World::new(Scenario::BrownOut, 8);
    let (from_ms, until_ms) = world.trouble.unwrap();
    let best = |at_ms: i64| {
        let offers = &world.demands[0].offers;
        let index = |offer: usize| offers[offer].course.at(at_ms).unwrap().index_ms();
        (0..offers.len()).min_by(|a, b| index(*a).total_cmp(&index(*b))).unwrap()
    };
    assert_ne!(best(from_ms - 1), best(from_ms));
    assert_eq!(best(from_ms - 1), best(until_ms));
}

#[test]
fn a_new_provider_is_not_there_before_it_comes() {
    let world = World::new(Scenario::NewProvider, 2);
    let there = |at_ms: i64| world.demands[0].offers.iter().filter(|offer| offer.course.at(at_ms).is_some()).count();
    assert_eq!((there(0), there(world.duration_ms)), (3, 4));
}

/// The order a frame of the day before gives, and the order an advisor has that met the same attempts one by one.
fn orders(policy: Policy, seed: u64) -> (Vec<String>, Vec<String>) {
    let world = World::new(Scenario::Steady, seed);
    let facts = csv::read(simulate::csv(Scenario::Steady, seed).as_bytes()).unwrap();
    let past: Vec<_> = facts.iter().filter(|fact| fact.resolved_at.unwrap().0 <= EPOCH_MS).collect();
    let window = Window { now: Timestamp(EPOCH_MS), hours: 24 };
    let settings = Settings::default();
    let ranked = policy::rank(policy, frame(past.iter().copied()).unwrap().lazy(), window, &settings).unwrap();
    let mut advisor: Box<dyn Advisor> = match policy {
        Policy::Documented => Box::new(Documented::new(&world, 24)),
        Policy::Ours => Box::new(Ours::new(&world, settings)),
    };
    for line in history(&world).iter().filter(|line| line.attempt.resolved_ms <= 0) {
        advisor.learn(&line.attempt);
    }
    advisor.rank(0, &[]);
    let names = |offer: &usize| world.demands[0].offers[*offer].provider.to_string();
    (ranked[0].ranking.providers_ranked.clone(), advisor.published(0).unwrap().iter().map(names).collect())
}

#[test]
fn one_attempt_at_a_time_is_the_same_as_a_frame_of_them() {
    for seed in 1..6 {
        for policy in [Policy::Documented, Policy::Ours] {
            let (framed, met) = orders(policy, seed);
            assert_eq!(framed, met, "{policy} of seed {seed}");
        }
    }
}

#[test]
fn a_backtest_says_how_far_each_policy_is_from_the_oracle() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("attempts.csv");
    std::fs::write(&file, simulate::csv(Scenario::BrownOut, 5)).unwrap();
    let policies = POLICIES.map(str::to_owned);
    let backtest = Backtest { attempts: &file, region: "us", policies: &policies, since: Some(Timestamp(EPOCH_MS)) };
    let outcome = backtest.run().unwrap();
    let regret = |name: &str| outcome.replays.iter().find(|replay| replay.policy == name).unwrap().regret_ms;
    assert!(regret("oracle").abs() < 1e-9);
    assert!(regret("ours") < regret("documented"), "{}", outcome.table());
    assert!(regret("ours") < regret("lowest-latency"), "{}", outcome.table());
    assert_eq!(outcome.table(), backtest.run().unwrap().table(), "the same file is the same table");
    let report = outcome.report().unwrap();
    assert_eq!(report.matches("<svg").count(), 3);
    if let Ok(kept) = std::env::var("KEEP_REPORT") {
        std::fs::write(kept, report).unwrap();
    }
    let unknown = ["best".to_owned()];
    assert!(Backtest { policies: &unknown, ..backtest }.run().is_err());
}
