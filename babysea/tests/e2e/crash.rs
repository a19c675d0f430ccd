//! `kill -9` at any moment: after a restart every generation ends, nothing is charged twice, and the audit is clean.
//!
//! `make crash` runs more rounds (`BABYSEA_CRASH_ROUNDS`); each takes as long as a lease lasts.

use std::time::Duration;

use serde_json::{Value, json};

use crate::stack::{Stack, within};

/// Stacks that crash at the same time; mostly they wait for a lease to run out.
const STACKS: u64 = 3;
const GENERATIONS_PER_ROUND: usize = 8;
/// Longer than starting, accepting and finishing takes, so that a crash hits every stage.
const LONGEST_LIFE_MS: u32 = 2_500;

#[tokio::test]
async fn every_generation_ends_after_a_crash_and_the_book_balances() {
    let rounds: u64 = std::env::var("BABYSEA_CRASH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(STACKS);
    let per_stack = rounds.div_ceil(STACKS);
    within(60 + per_stack * 120, async {
        futures::future::join_all((0..STACKS).map(|seed| crash_again_and_again(seed, per_stack))).await;
    })
    .await;
}

async fn crash_again_and_again(seed: u64, rounds: u64) {
    let mut stack = Stack::start().await;
    let mut random = seed;
    for round in 0..rounds {
        stir_providers(&stack, &mut random).await;
        let life = next(&mut random) % LONGEST_LIFE_MS;
        let _ = tokio::time::timeout(Duration::from_millis(life.into()), create_some(&stack, next(&mut random))).await;
        stack.kill();
        stack.start_again().await;
        let records = stack.all_ended().await;
        assert_each_is_settled(&records);
        stack.assert_audit_is_clean();
        assert_nothing_was_submitted_twice(&stack, &records).await;
        println!("seed {seed}, round {round}: killed after {life} ms; {} generations ended", records.len());
    }
}

/// Some providers are slow to accept, some refuse, some accept and then fail: a crash also hits failovers.
async fn stir_providers(stack: &Stack, random: &mut u64) {
    for provider in ["replicate", "fal", "cloudflare", "bfl"] {
        let behavior = ["ok", "ok", "http_500", "accept_then_fail"][next(random) as usize % 4];
        let submit_latency_ms = [20, 20, 700][next(random) as usize % 3];
        stack.provider(provider, json!({ "behavior": behavior, "submit_latency_ms": submit_latency_ms })).await;
    }
}

/// Starts generations of every kind and then waits for the kill.
async fn create_some(stack: &Stack, random: u32) {
    let creates = (0..GENERATIONS_PER_ROUND).map(|index| async move {
        let prompt = format!("crash {random} {index}");
        match index % 4 {
            0 => stack.try_create("image/bfl/flux-schnell", json!({ "generation_prompt": prompt })).await,
            1 => {
                let body = json!({ "generation_prompt": prompt, "generation_provider_order": "cloudflare, fal" });
                stack.try_create("image/bfl/flux-schnell", body).await
            }
            2 => stack.try_create("image/bfl/flux-1.1-pro", json!({ "generation_prompt": prompt })).await,
            _ => {
                let body = json!({ "generation_prompt": prompt, "generation_duration": 5 });
                stack.try_create("video/kling/v1.5-pro", body).await
            }
        }
    });
    futures::future::join_all(creates).await;
    std::future::pending::<()>().await;
}

fn assert_each_is_settled(records: &[Value]) {
    for record in records {
        let settled = if record["generation_status"] == "succeeded" { "charged" } else { "refunded" };
        assert_eq!(record["generation_cost_status"], settled, "{record}");
    }
}

/// A provider that was asked once for a generation is followed after a crash, not asked again.
async fn assert_nothing_was_submitted_twice(stack: &Stack, records: &[Value]) {
    let mut bodies = Vec::new();
    for provider in ["replicate", "fal", "cloudflare", "bfl"] {
        let sent = stack.submissions(provider).await;
        bodies.push(sent.iter().map(|submission| submission["body"].to_string()).collect::<Vec<String>>());
    }
    for record in records {
        let prompt = format!("\"{}\"", record["generation_prompt"].as_str().unwrap());
        let times = |sent: &Vec<String>| sent.iter().filter(|body| body.contains(&prompt)).count();
        let times: Vec<usize> = bodies.iter().map(times).collect();
        assert!(times.iter().all(|times| *times <= 1), "asked {times:?} times: {record}");
        let was_made = record["generation_status"] == "succeeded";
        assert!(!was_made || times.contains(&1), "nobody was asked: {record}");
    }
}

/// A linear congruential step: small, seeded, and good enough to pick moments.
fn next(state: &mut u64) -> u32 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    u32::try_from(*state >> 40).unwrap()
}
