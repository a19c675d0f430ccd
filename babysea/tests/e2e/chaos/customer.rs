//! Customers that ask until they are answered: a lost answer is asked for again with the same idempotency key.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use serde_json::{Value, json};

use super::Random;
use crate::stack::Stack;

/// Requests of one account: within the burst of its plan and the list's pages.
const PER_ACCOUNT: usize = 500;
/// Tries of one request while the stack is killed. What was in progress at a kill is told once a lease has run out, and
/// every start gives leases 20 s anew: a stack that dies more often than that settles nothing, so these wait.
const HASTY_TRIES: usize = 8;
/// Tries afterwards; with the pause, some minutes.
const PATIENT_TRIES: usize = 300;
const PAUSE: Duration = Duration::from_millis(400);
/// A customer thinks at most that long before a request, so that kills fall between and into them.
const THOUGHT_MS: u64 = 1_500;
/// Codes that say "not now": limits, a request still in progress, a house that is down.
const LATER: [&str; 8] = ["BSE1005", "BSE1009", "BSE2016", "BSE4009", "BSE5001", "BSE5002", "BSE5003", "BSE5004"];

/// Routes with what each needs beside a prompt; small outputs.
const MENU: [(&str, &str); 12] = [
    ("image/bfl/flux-schnell", "{}"),
    ("image/bfl/flux-1.1-pro", r#"{"generation_ratio": "16:9"}"#),
    ("image/bfl/flux-2-pro", r#"{"generation_output_format": "png"}"#),
    ("image/bytedance/seedream-4", r#"{"generation_resolution": "1K"}"#),
    ("image/google/nano-banana", r#"{"generation_output_format": "jpg"}"#),
    ("image/qwen/image", "{}"),
    ("image/gpt/image-1", r#"{"generation_quality": "low"}"#),
    ("image/runway/gen-4-image", r#"{"generation_resolution": "720p"}"#),
    ("video/kling/v1.5-pro", r#"{"generation_duration": 5}"#),
    ("video/google/veo-3.1", r#"{"generation_duration": 4, "generation_resolution": "720p"}"#),
    ("video/wan/2.5-t2v", r#"{"generation_duration": 5, "generation_resolution": "480p"}"#),
    ("video/bytedance/seedance-1.5-pro", r#"{"generation_duration": 4, "generation_resolution": "720p"}"#),
];

/// What a customer was told in the end.
#[derive(Clone, Debug)]
pub enum Told {
    /// Its generation.
    Accepted(String),
    /// A code.
    Refused(String),
}

/// All customers.
pub struct Customers {
    base: String,
    http: reqwest::Client,
    keys: Vec<String>,
    told: Mutex<BTreeMap<usize, Told>>,
}

impl Customers {
    pub fn new(stack: &Stack, requests: usize) -> Self {
        let accounts = 0..requests.div_ceil(PER_ACCOUNT);
        let keys = accounts.map(|_| stack.account("enterprise", "100000.000").1).collect();
        let told = Mutex::default();
        Self { base: stack.base.clone(), http: stack.http().clone(), keys, told }
    }

    pub fn told(&self) -> BTreeMap<usize, Told> {
        self.told.lock().unwrap().clone()
    }

    /// Asks again for what was not answered while the stack was killed.
    pub async fn ask_for_the_rest(&self, count: usize, seed: u64) -> usize {
        let told = self.told();
        let rest: Vec<usize> = (0..count).filter(|index| !told.contains_key(index)).collect();
        let asked = rest.iter().map(|index| async move {
            assert!(self.try_for(*index, seed, PATIENT_TRIES).await, "request {index} was never answered");
        });
        futures::future::join_all(asked).await;
        rest.len()
    }

    /// Asks for one generation for a while.
    pub async fn ask_for(&self, index: usize, seed: u64) {
        self.try_for(index, seed, HASTY_TRIES).await;
    }

    async fn try_for(&self, index: usize, seed: u64, tries: usize) -> bool {
        let mut random = Random(seed ^ (index as u64) << 20);
        random.next();
        let &(route, more) = random.pick(&MENU);
        let mut body: Value = serde_json::from_str(more).unwrap();
        tokio::time::sleep(Duration::from_millis(random.next() % THOUGHT_MS)).await;
        body["generation_prompt"] = json!(format!("sea creature {index}, seed {seed}"));
        for _ in 0..tries {
            if let Some(told) = self.ask(index, route, &body).await {
                self.told.lock().unwrap().insert(index, told);
                return true;
            }
            tokio::time::sleep(PAUSE).await;
        }
        false
    }

    /// One try; nothing when it should be made again.
    async fn ask(&self, index: usize, route: &str, body: &Value) -> Option<Told> {
        let request = self.http.post(format!("{}/v1/generate/{route}", self.base)).bearer_auth(self.key(index));
        let answer = request.header("idempotency-key", format!("creature-{index}")).json(body).send().await.ok()?;
        let success = answer.status().is_success();
        let answer: Value = answer.json().await.ok()?;
        if success {
            return Some(Told::Accepted(answer["data"]["generation_id"].as_str().unwrap().to_owned()));
        }
        let code = answer["error"]["code"].as_str().unwrap_or_default().to_owned();
        assert!(code.starts_with("BSE4") || LATER.contains(&code.as_str()), "request {index} to {route}: {answer}");
        (!LATER.contains(&code.as_str())).then_some(Told::Refused(code))
    }

    fn key(&self, index: usize) -> &str {
        &self.keys[index / PER_ACCOUNT]
    }

    /// Every record of every account; nothing when a page could not be read.
    pub async fn records(&self, stack: &Stack) -> Option<Vec<Value>> {
        let mut records = Vec::new();
        for key in &self.keys {
            let mut offset = 0;
            loop {
                let url = format!("{}/v1/content/list?limit=100&offset={offset}", stack.base);
                let page: Value = self.http.get(url).bearer_auth(key).send().await.ok()?.json().await.ok()?;
                let page = page["data"]["generations"].as_array()?.clone();
                offset += page.len();
                let last = page.len() < 100;
                records.extend(page);
                if last {
                    break;
                }
            }
        }
        Some(records)
    }
}
