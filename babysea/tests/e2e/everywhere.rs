//! Every model at every provider that offers it, as text and with input files: the real payloads against the simulator, which
//! checks them as the providers' own validators do.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    calls::is_terminal,
    stack::{Stack, eventually, within},
};

/// A request of one model at one provider, and a name for it.
struct Case {
    name: String,
    route: String,
    body: Value,
}

#[tokio::test]
async fn every_model_delivers_at_every_provider_it_is_offered_at() {
    within(600, async {
        let mut stack = Stack::with(&[("BABYSEA_INPUT_ALLOW_PRIVATE", "true")]).await;
        let (_, key) = stack.account("enterprise", "10000");
        stack.key = key;
        for provider in ["replicate", "fal", "bfl", "openai", "runway", "byteplus", "alibabacloud", "cloudflare"] {
            stack.provider(provider, json!({ "submit_latency_ms": 0, "run_latency_ms": 50 })).await;
        }
        let picture = picture(&stack).await;
        let models = stack.get("/v1/library/models").await.data()["models"].as_array().unwrap().clone();
        let cases: Vec<Case> = models.iter().flat_map(|model| cases(model, &picture)).collect();
        let mut open = Vec::new();
        for case in cases {
            open.push((case.name.clone(), created(&stack, &case).await));
        }
        let count = open.len();
        for (name, id) in open {
            let record = ended(&stack, &id).await;
            assert_eq!(record["generation_status"], "succeeded", "{name}: {record}");
            eprintln!("{name}: {} as {}", record["generation_status"], record["generation_prediction_id"]);
        }
        assert!(count >= 108, "{count}");
        stack.assert_audit_is_clean();
    })
    .await;
}

/// Waits where the plan's rate limit says so: there are more cases than a burst.
async fn created(stack: &Stack, case: &Case) -> String {
    let reply = eventually(&case.name, Duration::from_mins(1), async || {
        let reply = stack.create(&case.route, case.body.clone()).await;
        (reply.status != 429).then_some(reply)
    })
    .await;
    assert!(reply.status.is_success(), "{}: {:?}", case.name, reply.body);
    reply.generation_id()
}

/// A picture that can be fetched: one that the stack made itself.
async fn picture(stack: &Stack) -> String {
    let created = stack.image("replicate").await;
    let record = ended(stack, &created.generation_id()).await;
    record["generation_output_file"][0].as_str().unwrap().to_owned()
}

/// Looked at slowly enough for the general rate limit, with many generations under way.
async fn ended(stack: &Stack, id: &str) -> Value {
    eventually(&format!("the end of {id}"), Duration::from_mins(2), async || {
        let record = stack.generation(id).await;
        is_terminal(&record).then_some(record)
    })
    .await
}

fn cases(model: &Value, picture: &str) -> Vec<Case> {
    let (id, schema) = (model["model_identifier"].as_str().unwrap(), &model["schema"]);
    let has_last = model["specific_schema"].as_array().unwrap().contains(&json!("generation_input_file_last_content"));
    let needs_input = ["wan/2.5-i2v", "wan/2.6-i2v", "runway/gen-4-turbo", "runway/gen-4-image-turbo"].contains(&id);
    let takes_input = schema["generation_input_file"] == true;
    let mut cases = Vec::new();
    for provider in model["model_supported_provider"].as_array().unwrap() {
        let mut body = json!({ "generation_prompt": "a seal", "generation_provider_order": provider });
        if let Some(durations) = schema["generation_duration"].as_array() {
            body["generation_duration"] = durations[0].clone();
        }
        let route = format!("{}/{id}", model["model_type"].as_str().unwrap());
        let mut add = |kind: &str, body: &Value| {
            let name = format!("{id} at {} {kind}", provider.as_str().unwrap());
            cases.push(Case { name, route: route.clone(), body: body.clone() });
        };
        if !needs_input {
            add("from text", &body);
        }
        if takes_input {
            body["generation_input_file"] = json!([picture]);
            add("from an image", &body);
        }
        if has_last {
            body["generation_input_file_last_content"] = json!(picture);
            add("from two frames", &body);
        }
    }
    cases
}
