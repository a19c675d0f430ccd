//! Every input the catalogue's facts lead to, at every provider that offers the model: 1,350 native bodies, made from
//! the mappings of the reference by varying one field at a time. None may be refused.

use futures::StreamExt;
use serde_json::{Value, json};

use crate::rig::{PROVIDERS, Rig, form};

const INPUTS: &str = include_str!("../fixtures/native_inputs.ndjson");

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

async fn send(rig: &Rig, row: &Value) -> (u16, String) {
    let (provider, path) = (row["provider"].as_str().unwrap(), row["path"].as_str().unwrap());
    let request = Rig::authorised(provider, rig.client.post(format!("{}{path}", rig.base(provider))));
    let request = match row["files"].as_array() {
        None => request.json(&row["body"]),
        Some(files) => {
            let fields = row["body"].as_object().unwrap();
            let fields: Vec<(&str, String)> = fields.iter().map(|(name, value)| (name.as_str(), text(value))).collect();
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let files: Vec<&str> = files.iter().filter_map(Value::as_str).collect();
            let (kind, body) = form(&fields, &files);
            request.header("content-type", kind).body(body)
        }
    };
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn no_input_of_the_catalogue_is_refused_by_the_provider_it_is_for() {
    let rig = Rig::start().await;
    for provider in PROVIDERS {
        rig.turn(provider, json!({"submit_latency_ms": 0, "run_latency_ms": 0})).await;
    }
    let rows: Vec<Value> = INPUTS.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let models: std::collections::BTreeSet<String> = rows.iter().map(|row| row["model"].to_string()).collect();
    futures::stream::iter(&rows).for_each_concurrent(16, |row| is_taken(&rig, row)).await;
    assert_eq!(models.len(), 42);
}

async fn is_taken(rig: &Rig, row: &Value) {
    let (status, answer) = send(rig, row).await;
    assert!((200..300).contains(&status), "{status} {answer} to {row}");
    if row["provider"] == "fal" {
        // The queue takes everything; the complaint comes with the result.
        let ticket: Value = serde_json::from_str(&answer).unwrap();
        let result = rig.get("fal", ticket["response_url"].as_str().unwrap()).await;
        assert_eq!(result.status(), 200, "{} to {row}", result.text().await.unwrap());
    }
}
