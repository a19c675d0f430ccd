//! The weather at the providers: every little while one of them turns good, bad or slow. Remembers what they were sent.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Random, index_of};

const PROVIDERS: [&str; 8] = ["replicate", "fal", "bfl", "openai", "runway", "byteplus", "alibabacloud", "cloudflare"];
/// Between two changes.
const CHANGE: Duration = Duration::from_millis(700);
/// Changes between two looks at the submissions, of which the simulator keeps the last 10,000.
const LOOK_EVERY: usize = 30;

/// What a provider may turn to; most of the time it works.
const TURNS: [&str; 16] = [
    r#"{"behavior": "ok"}"#,
    r#"{"behavior": "ok"}"#,
    r#"{"behavior": "ok", "submit_latency_ms": 900}"#,
    r#"{"behavior": "ok", "run_latency_ms": 3000}"#,
    r#"{"behavior": "http_500", "failure_rate": 0.5}"#,
    r#"{"behavior": "http_500", "failure_rate": 1}"#,
    r#"{"behavior": "http_429", "failure_rate": 0.5}"#,
    r#"{"behavior": "accept_then_fail", "failure_rate": 0.5}"#,
    r#"{"behavior": "never_finish", "failure_rate": 0.3}"#,
    r#"{"behavior": "hang_submit", "failure_rate": 0.3}"#,
    r#"{"behavior": "malformed", "failure_rate": 0.4}"#,
    r#"{"behavior": "refuse_connection", "failure_rate": 0.5}"#,
    r#"{"behavior": "ok", "fault": "reset_after_accept", "fault_rate": 0.3}"#,
    r#"{"behavior": "ok", "fault": "truncated_json", "fault_rate": 0.3}"#,
    r#"{"behavior": "ok", "fault": "webhook_twice"}"#,
    r#"{"behavior": "ok", "fault": "webhook_bad_signature"}"#,
];

/// Providers by request.
pub type Tried = BTreeMap<usize, BTreeSet<String>>;

/// Changes until it is told to end.
pub struct Weather {
    simulator: String,
    stop: CancellationToken,
    task: JoinHandle<Tried>,
}

impl Weather {
    pub fn begin(simulator: String, seed: u64) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(change(simulator.clone(), seed, stop.clone()));
        Self { simulator, stop, task }
    }

    /// Clears up, and says which providers each request was sent to so far.
    pub async fn end(self) -> Tried {
        self.stop.cancel();
        let tried = self.task.await.unwrap();
        for provider in PROVIDERS {
            turn(&self.simulator, provider, &calm()).await;
        }
        tried
    }
}

fn calm() -> Value {
    json!({ "behavior": "ok", "failure_rate": 1, "fault": null, "fault_rate": 1, "submit_latency_ms": 20,
        "run_latency_ms": null })
}

async fn change(simulator: String, seed: u64, stop: CancellationToken) -> Tried {
    let (mut random, mut tried) = (Random(seed), Tried::new());
    for provider in PROVIDERS {
        turn(&simulator, provider, &drawn(&mut random)).await;
    }
    for turns in 1.. {
        let provider = random.pick(&PROVIDERS);
        turn(&simulator, provider, &drawn(&mut random)).await;
        if turns % LOOK_EVERY == 0 {
            look(&simulator, &mut tried).await;
        }
        if tokio::time::timeout(CHANGE, stop.cancelled()).await.is_ok() {
            break;
        }
    }
    tried
}

fn drawn(random: &mut Random) -> Value {
    let words: &&str = random.pick(&TURNS);
    let change: Value = serde_json::from_str(words).unwrap();
    let mut knobs = calm();
    knobs.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    knobs["seed"] = random.next().into();
    knobs
}

async fn turn(simulator: &str, provider: &str, knobs: &Value) {
    let url = format!("{simulator}/_sim/providers/{provider}");
    let answer = reqwest::Client::builder().no_proxy().build().unwrap().put(url).json(knobs).send().await.unwrap();
    assert!(answer.status().is_success(), "{knobs}");
}

/// Adds what the simulator has received.
pub async fn look(simulator: &str, tried: &mut Tried) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let list: Vec<Value> =
        client.get(format!("{simulator}/_sim/submissions")).send().await.unwrap().json().await.unwrap();
    for submission in list {
        if let Some(index) = index_of(&submission["body"].to_string()) {
            tried.entry(index).or_default().insert(submission["provider"].as_str().unwrap().to_owned());
        }
    }
}
