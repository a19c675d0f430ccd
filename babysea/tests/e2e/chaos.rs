//! Chaos: mixed models against providers that fail at random, are slow and flap, while the stack is killed every few
//! seconds. At the end every generation is terminal and settled, no request has become two, the audit is clean, and a
//! generation failed only where each of its providers failed or where a kill left its submission in doubt.
//!
//! `make chaos` runs 10,000 generations (`BABYSEA_CHAOS_GENERATIONS`, `BABYSEA_CHAOS_SEED`). The providers run apart, as
//! real ones do, and are not killed. What is drawn repeats under a seed; when it happens does not.

mod customer;
mod weather;

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Child,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::task::JoinHandle;

use crate::{
    calls::is_terminal,
    stack::{Stack, eventually, within},
};
use customer::{Customers, Told};
use weather::Weather;

/// Generations of the share that runs with the other tests.
const FEW: usize = 48;
/// Customers that wait for an answer at the same time.
const WORKERS: usize = 8;
/// Short, so that a provider that hangs does not decide how long the run takes.
const DEADLINES: [(&str, &str); 5] = [
    ("BABYSEA_DEADLINES_SUBMIT_MS", "2000"),
    ("BABYSEA_DEADLINES_IMAGE_ATTEMPT_MS", "10000"),
    ("BABYSEA_DEADLINES_VIDEO_ATTEMPT_MS", "12000"),
    ("BABYSEA_DEADLINES_IMAGE_TOTAL_MS", "90000"),
    ("BABYSEA_DEADLINES_VIDEO_TOTAL_MS", "90000"),
];
/// Between two kills at least, and how much longer at most.
const LIFE_MS: (u64, u64) = (1_000, 4_000);

#[tokio::test]
async fn whatever_fails_and_whenever_the_stack_dies_every_generation_ends_and_the_book_balances() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let count = number("BABYSEA_CHAOS_GENERATIONS").and_then(|count| usize::try_from(count).ok()).unwrap_or(FEW);
    let seed = number("BABYSEA_CHAOS_SEED").unwrap_or(1);
    within(600 + count as u64, run(count, seed)).await;
}

async fn run(count: usize, seed: u64) {
    let began = Instant::now();
    let outside = Stack::prepared(&[]);
    let providers = Outside(outside.role(&["simulator"], &[]).await);
    let variables = [&DEADLINES[..], &[("BABYSEA_SIMULATOR_URL", outside.simulator.as_str())]].concat();
    let mut stack = Stack::with(&variables).await;
    let customers = Arc::new(Customers::new(&stack, count));

    let weather = Weather::begin(outside.simulator.clone(), seed);
    let kills = work(&mut stack, &customers, count, seed).await;
    let mut tried = weather.end().await;
    let late = customers.ask_for_the_rest(count, seed).await;
    let records = settled(&stack, &customers).await;
    weather::look(&outside.simulator, &mut tried).await;

    let told = customers.told();
    stack.assert_audit_is_clean();
    let summary = judge(&records, &told, &tried);
    println!(
        "chaos, seed {seed}: {count} requests, {kills} kills, {late} answered after them, in {:?}\n{summary}\nthe audit is clean",
        began.elapsed()
    );
    drop(stack);
    drop(providers);
}

/// The providers' process, ended with the test however that ends.
struct Outside(Child);

impl Drop for Outside {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

/// Customers at work, and the stack killed under them; returns how often.
async fn work(stack: &mut Stack, customers: &Arc<Customers>, count: usize, seed: u64) -> u64 {
    let workers: Vec<JoinHandle<()>> = (0..WORKERS)
        .map(|worker| {
            let customers = Arc::clone(customers);
            tokio::spawn(async move {
                for index in (worker..count).step_by(WORKERS) {
                    customers.ask_for(index, seed).await;
                }
            })
        })
        .collect();
    let mut random = Random(seed);
    let mut kills = 0;
    while !workers.iter().all(JoinHandle::is_finished) {
        let life = Duration::from_millis(LIFE_MS.0 + random.next() % LIFE_MS.1);
        let _early = tokio::time::timeout(life, async {
            while !workers.iter().all(JoinHandle::is_finished) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
        stack.kill();
        stack.start_again().await;
        kills += 1;
    }
    for worker in workers {
        worker.await.unwrap();
    }
    kills
}

/// Every record of every customer, once all are terminal.
async fn settled(stack: &Stack, customers: &Customers) -> Vec<Value> {
    eventually("the end of every generation", Duration::from_mins(4), async || {
        let records = customers.records(stack).await?;
        records.iter().all(is_terminal).then_some(records)
    })
    .await
}

/// What must hold, asserted; what happened, in words.
fn judge(records: &[Value], told: &BTreeMap<usize, Told>, tried: &BTreeMap<usize, BTreeSet<String>>) -> String {
    let mut counts = BTreeMap::<&str, usize>::new();
    let mut of_request = BTreeMap::<usize, usize>::new();
    let known: BTreeSet<&str> = records.iter().filter_map(|record| record["generation_id"].as_str()).collect();
    for record in records {
        let index = index_of(record["generation_prompt"].as_str().unwrap()).unwrap();
        *of_request.entry(index).or_default() += 1;
        let status = record["generation_status"].as_str().unwrap();
        let settled = if status == "succeeded" { "charged" } else { "refunded" };
        assert_eq!(record["generation_cost_status"], settled, "{record}");
        if status == "failed" {
            *counts.entry(why(record, tried.get(&index))).or_default() += 1;
        } else {
            *counts.entry("succeeded").or_default() += 1;
        }
    }
    assert!(of_request.values().all(|count| *count == 1), "a request became two generations");
    for (index, told) in told {
        match told {
            Told::Accepted(id) => assert!(known.contains(id.as_str()), "request {index}: {id} is gone"),
            Told::Refused(code) => {
                *counts.entry("answers: refused").or_default() += 1;
                assert!(code.starts_with("BSE4"), "request {index} was refused with {code}");
            }
        }
    }
    counts.iter().map(|(what, count)| format!("  {count:>6} {what}")).collect::<Vec<_>>().join("\n")
}

/// Why a generation failed. There are two good reasons.
fn why(record: &Value, tried: Option<&BTreeSet<String>>) -> &'static str {
    let order: Vec<&str> =
        record["generation_provider_order"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    if order.iter().all(|provider| tried.is_some_and(|tried| tried.contains(*provider))) {
        return "failed: each of its providers was tried and failed";
    }
    if record["generation_started_at"].is_null() {
        return "failed: nothing was accepted before a kill or the end of create's budget";
    }
    println!("left before all were tried: {record}\n  tried {tried:?}");
    "failed: a provider was left out by its breaker, its limit or the deadline"
}

/// The request a prompt belongs to.
fn index_of(text: &str) -> Option<usize> {
    let (_, rest) = text.split_once("creature ")?;
    rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

/// A linear congruential step: small, seeded, good enough to pick.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[usize::try_from(self.next()).unwrap() % from.len()]
    }
}
