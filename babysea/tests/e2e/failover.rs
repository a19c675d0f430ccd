//! Providers that refuse, hang, answer garbage, or accept and then fail: the next provider, one charge, correct attempts.

use serde_json::{Value, json};

use crate::stack::{Stack, within};

/// Short enough to test what passes a deadline, long enough for a healthy simulated provider on a busy machine.
const SHORT_DEADLINES: &[(&str, &str)] =
    &[("BABYSEA_DEADLINES_SUBMIT_MS", "2000"), ("BABYSEA_DEADLINES_IMAGE_ATTEMPT_MS", "5000")];

const BEHAVIORS: &[&str] = &[
    "ok",
    "http_500",
    "http_429",
    "http_402",
    "refuse_connection",
    "hang_submit",
    "malformed",
    "reject_input",
    "reject_content",
    "accept_then_fail",
    "never_finish",
];

#[tokio::test]
async fn a_provider_that_answers_500_is_followed_by_the_next_and_the_customer_pays_once() {
    within(120, async {
        let stack = Stack::start().await;
        stack.provider("replicate", json!({ "behavior": "http_500" })).await;
        let created = stack.image("replicate, fal").await;
        let record = stack.ended(&created.generation_id()).await;
        assert_succeeded_by(&record, "fal");
        assert_eq!(record["generation_provider_order"], json!(["replicate", "fal"]));
        assert_eq!(stack.attempts("replicate").await, (1, 0, 1));
        assert_eq!(stack.attempts("fal").await, (1, 1, 0));
        assert_charged_once(&stack).await;
    })
    .await;
}

#[tokio::test]
async fn a_job_that_fails_after_it_was_accepted_moves_on_while_the_record_stays() {
    within(120, async {
        let stack = Stack::start().await;
        stack.provider("replicate", json!({ "behavior": "accept_then_fail" })).await;
        let created = stack.image("replicate, fal").await;
        let first = created.data()["generation_prediction_id"].as_str().unwrap().to_owned();
        let record = stack.ended(&created.generation_id()).await;
        assert_succeeded_by(&record, "fal");
        assert_ne!(record["generation_prediction_id"], first, "the prediction id follows the failover");
        assert_eq!(stack.attempts("replicate").await, (1, 0, 1));
        assert_eq!(stack.attempts("fal").await, (1, 1, 0));
        assert_charged_once(&stack).await;
    })
    .await;
}

#[tokio::test]
async fn when_every_provider_refuses_the_customer_pays_nothing_and_learns_what_each_said() {
    within(120, async {
        let stack = Stack::start().await;
        stack.provider("replicate", json!({ "behavior": "http_500" })).await;
        stack.provider("fal", json!({ "behavior": "http_429" })).await;
        let refused = stack.image("replicate, fal").await;
        assert_eq!((refused.status.as_u16(), refused.code()), (502, "BSE4008"), "{refused:?}");
        let said = refused.body["error"]["provider_errors"].as_array().unwrap();
        let providers: Vec<&Value> = said.iter().map(|error| &error["provider"]).collect();
        assert_eq!(providers, ["replicate", "fal"]);
        let records = stack.all_ended().await;
        assert_eq!(records[0]["generation_status"], "failed");
        assert_eq!(records[0]["generation_cost_status"], "refunded");
        assert_eq!(records[0]["generation_error_code"], "BSE4008");
        stack.assert_audit_is_clean();
    })
    .await;
}

#[tokio::test]
async fn whatever_a_provider_does_every_generation_ends_and_the_book_balances() {
    let pairs = [
        ("bfl/flux-schnell", "replicate", "fal"),
        ("bfl/flux-schnell", "fal", "replicate"),
        ("bfl/flux-schnell", "cloudflare", "fal"),
        ("bfl/flux-1.1-pro", "bfl", "replicate"),
    ];
    // A stack for each: together their failures would open the breaker of the provider that has to help out.
    let walks = pairs.map(|(model, first, second)| walk_through_every_behavior(model, first, second));
    within(240, futures::future::join_all(walks)).await;
}

async fn walk_through_every_behavior(model: &str, first: &str, second: &str) {
    let stack = Stack::with(SHORT_DEADLINES).await;
    for behavior in BEHAVIORS {
        stack.provider(first, json!({ "behavior": behavior })).await;
        let prompt = format!("{behavior} at {first}");
        let order = format!("{first}, {second}");
        let body = json!({ "generation_prompt": prompt, "generation_provider_order": order });
        let reply = stack.create(&format!("image/{model}"), body).await;
        assert!(reply.status.is_success() || behavior.starts_with("reject"), "{prompt}: {reply:?}");
        // A provider with something in flight may be passed over after a 429: our own limit for it has fallen.
        stack.all_ended().await;
    }
    let records = stack.all_ended().await;
    assert_eq!(records.len(), BEHAVIORS.len());
    for record in &records {
        let (behavior, _) = record["generation_prompt"].as_str().unwrap().split_once(" at ").unwrap();
        assert_ended_as_promised(record, behavior, first);
    }
    stack.assert_audit_is_clean();
}

fn assert_ended_as_promised(record: &Value, behavior: &str, first: &str) {
    match behavior {
        "reject_input" => assert_eq!(record["generation_error_code"], "BSE4007", "{record}"),
        "reject_content" => assert_eq!(record["generation_error_code"], "BSE4006", "{record}"),
        "ok" => assert_succeeded_by(record, first),
        _ => {
            assert_eq!(record["generation_status"], "succeeded", "{record}");
            assert_ne!(record["generation_provider_used"], first, "{record}");
        }
    }
    let settled = if record["generation_status"] == "succeeded" { "charged" } else { "refunded" };
    assert_eq!(record["generation_cost_status"], settled, "{record}");
}

fn assert_succeeded_by(record: &Value, provider: &str) {
    assert_eq!(record["generation_status"], "succeeded", "{record}");
    assert_eq!(record["generation_provider_used"], provider, "{record}");
}

async fn assert_charged_once(stack: &Stack) {
    let account = stack.get("/v1/status").await.data()["account_id"].as_str().unwrap().to_owned();
    let rows = stack.json(&["credits", "list", "--account", &account]);
    let kinds: Vec<&str> = rows.as_array().unwrap().iter().map(|row| row["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["charge", "reserve", "add"], "newest first");
    stack.assert_audit_is_clean();
}
