//! Credits, idempotency, cancel and delete, through the front door.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    calls::Reply,
    stack::{Stack, within},
};

const ROUTE: &str = "/v1/generate/image/bfl/flux-schnell";

#[tokio::test]
async fn the_same_idempotency_key_gives_the_same_answer_and_makes_one_generation() {
    within(120, async {
        let stack = Stack::start().await;
        let body = json!({ "generation_prompt": "once" });
        let first = keyed(&stack, "order-1", &body).await;
        let again = keyed(&stack, "order-1", &json!({ "generation_prompt": "once" })).await;
        assert_eq!(again.headers["idempotency-replayed"], "true");
        assert_eq!(again.data(), first.data());
        assert_ne!(again.body["request_id"], first.body["request_id"]);
        let other = keyed(&stack, "order-1", &json!({ "generation_prompt": "twice" })).await;
        assert_eq!((other.status.as_u16(), other.code()), (409, "BSE2015"));
        let invalid = keyed(&stack, "order-1", &json!({ "generation_promt": "twice" })).await;
        assert_eq!(invalid.code(), "BSE2015", "the key is looked up before the body is judged");
        assert_eq!(stack.all_ended().await.len(), 1);
        stack.assert_audit_is_clean();
    })
    .await;
}

#[tokio::test]
async fn requests_with_one_new_key_at_once_make_one_generation() {
    within(120, async {
        let stack = Stack::start().await;
        let body = json!({ "generation_prompt": "together" });
        let replies = futures_of(8, || keyed(&stack, "together", &body)).await;
        for reply in &replies {
            assert!(reply.status == 200 || reply.code() == "BSE2016", "{reply:?}");
        }
        assert!(replies.iter().any(|reply| reply.status == 200));
        assert_eq!(stack.all_ended().await.len(), 1);
        stack.assert_audit_is_clean();
    })
    .await;
}

#[tokio::test]
async fn a_budget_that_would_be_passed_starts_nothing_and_a_new_one_acts_on_the_next_request() {
    within(120, async {
        let mut stack = Stack::start().await;
        let (account, _) = stack.account("pro", "1.000");
        let create = ["key", "create", "--account", &account, "--name", "thrifty", "--budget", "0.005/day"];
        let key = stack.json(&create);
        stack.key = key["api_key"].as_str().unwrap().to_owned();
        stack.ended(&stack.image("fal").await.generation_id()).await;

        let refused = stack.image("fal").await;
        assert_eq!((refused.status.as_u16(), refused.code()), (402, "BSE1010"));
        let details = &refused.body["error"]["details"];
        assert_eq!(
            (&details["budget"], &details["spent"], &details["required"]),
            (&json!(0.005), &json!(0.005), &json!(0.005))
        );
        assert!(details["window_ends_at"].as_str().unwrap().ends_with("T00:00:00.000Z"), "{details}");
        assert_eq!(stack.submissions("fal").await.len(), 1);

        stack.json(&["key", "set-budget", "--key", key["apikey_id"].as_str().unwrap(), "--budget", "none"]);
        stack.ended(&stack.image("fal").await.generation_id()).await;
        stack.assert_audit_is_clean();
    })
    .await;
}

#[tokio::test]
async fn credits_that_do_not_suffice_start_nothing_and_a_grant_counts_once() {
    within(120, async {
        let mut stack = Stack::start().await;
        let (account, key) = stack.account("pro", "0.000");
        stack.key = key;
        let refused = stack.image("fal").await;
        assert_eq!((refused.status.as_u16(), refused.code()), (402, "BSE1004"));
        assert!(refused.body["error"]["details"]["required"].is_number());
        assert!(stack.submissions("fal").await.is_empty());

        let grant = ["credits", "add", "--account", &account, "--amount", "0.500", "--idempotency-key", "gift"];
        assert_eq!(stack.json(&grant)["already_added"], false);
        assert_eq!(stack.json(&grant)["already_added"], true);
        let other = ["credits", "add", "--account", &account, "--amount", "9", "--idempotency-key", "gift"];
        assert_eq!(stack.run(&other).status.code(), Some(1));
        let record = stack.ended(&stack.image("fal").await.generation_id()).await;
        let left = stack.get("/v1/user/billing").await.data()["billing_credit_balance"].as_f64().unwrap();
        assert!((0.5 - record["generation_cost"].as_f64().unwrap() - left).abs() < 1e-9);
        stack.assert_audit_is_clean();
    })
    .await;
}

#[tokio::test]
async fn parallel_creates_never_spend_more_than_there_is() {
    within(120, async {
        let mut stack = Stack::start().await;
        let (_, key) = stack.account("scale", "0.017");
        stack.key = key;
        let replies = futures_of(12, || stack.image("fal")).await;
        let accepted = replies.iter().filter(|reply| reply.status == 200).count();
        assert_eq!(accepted, 3, "at 0.005 each: {replies:?}");
        assert!(replies.iter().all(|reply| reply.status == 200 || reply.code() == "BSE1004"), "{replies:?}");
        assert_eq!(stack.all_ended().await.len(), 3);
        let left = stack.get("/v1/user/billing").await.data()["billing_credit_balance"].clone();
        assert_eq!(left, json!(0.002));
        stack.assert_audit_is_clean();
    })
    .await;
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_stop_what_it_paid_for() {
    within(120, async {
        let stack = Stack::start().await;
        stack.provider("fal", json!({ "submit_latency_ms": 1500 })).await;
        let submitted = crate::stack::eventually("the submission", Duration::from_secs(10), async || {
            (!stack.submissions("fal").await.is_empty()).then_some(())
        });
        tokio::select! {
            reply = stack.image("fal") => panic!("answered before it hung up: {reply:?}"),
            () = submitted => {} // and the request is dropped with its connection
        }
        let records = stack.all_ended().await;
        assert_eq!(records.len(), 1);
        assert_eq!(records[0]["generation_status"], "succeeded", "{records:?}");
        assert_eq!(stack.attempts("fal").await, (1, 1, 0));
        stack.assert_audit_is_clean();
    })
    .await;
}

#[tokio::test]
async fn a_canceled_generation_is_refunded_stopped_upstream_and_stays_canceled() {
    within(120, async {
        let stack = Stack::start().await;
        stack.provider("replicate", json!({ "behavior": "never_finish" })).await;
        let before = stack.get("/v1/user/billing").await.data()["billing_credit_balance"].clone();
        let id = stack.image("replicate").await.generation_id();
        let path = format!("/v1/content/generation/cancel/{id}");
        let canceled = stack.send(stack.request(Method::POST, &path).bearer_auth(&stack.key)).await;
        assert_eq!(canceled.data()["generation_status"], "canceled");
        assert_eq!(canceled.data()["credits_refunded"], true);
        assert_eq!(canceled.data()["provider_cancel_sent"], true);
        assert_eq!(stack.get("/v1/user/billing").await.data()["billing_credit_balance"], before);
        let again = stack.send(stack.request(Method::POST, &path).bearer_auth(&stack.key)).await;
        assert_eq!((again.status.as_u16(), again.code()), (409, "BSE3002"));
        crate::stack::eventually("the provider to have been told", Duration::from_secs(10), async || {
            stack.submissions("replicate").await.iter().any(|job| job["cancelled"] == true).then_some(())
        })
        .await;
        stack.assert_audit_is_clean();
    })
    .await;
}

#[tokio::test]
async fn a_deleted_generation_is_gone_with_its_files_and_its_rows_stay() {
    within(120, async {
        let stack = Stack::start().await;
        let id = stack.image("fal").await.generation_id();
        let record = stack.ended(&id).await;
        let url = record["generation_output_file"][0].as_str().unwrap().to_owned();
        let deleted = delete(&stack, &id).await;
        assert_eq!(deleted.data(), &json!({ "generation_id": id, "files_deleted": 1 }));
        assert_eq!(stack.get(&format!("/v1/content/{id}")).await.code(), "BSE3001");
        assert_eq!(delete(&stack, &id).await.code(), "BSE3001");
        assert_eq!(stack.http().get(&url).send().await.unwrap().status(), 404);
        assert_eq!(stack.attempts("fal").await, (1, 1, 0), "attempts outlive the record");

        stack.provider("fal", json!({ "behavior": "never_finish" })).await;
        let running = stack.image("fal").await.generation_id();
        assert_eq!(delete(&stack, &running).await.data()["files_deleted"], 0);
        stack.assert_audit_is_clean();
    })
    .await;
}

#[tokio::test]
async fn no_more_generations_run_at_once_than_the_plan_allows() {
    within(120, async {
        let mut stack = Stack::start().await;
        let (_, key) = stack.account("free", "10");
        stack.key = key;
        stack.provider("fal", json!({ "behavior": "never_finish" })).await;
        let replies = futures_of(6, || stack.image("fal")).await;
        let accepted: Vec<&Reply> = replies.iter().filter(|reply| reply.status == 200).collect();
        assert_eq!(accepted.len(), 2, "{replies:?}");
        assert!(replies.iter().all(|reply| reply.status == 200 || reply.code() == "BSE1009"), "{replies:?}");
        for reply in accepted {
            delete(&stack, &reply.generation_id()).await;
        }
        stack.assert_audit_is_clean();
    })
    .await;
}

async fn keyed(stack: &Stack, key: &str, body: &Value) -> Reply {
    let request = stack.request(Method::POST, ROUTE).bearer_auth(&stack.key).header("Idempotency-Key", key);
    stack.send(request.json(body)).await
}

async fn delete(stack: &Stack, id: &str) -> Reply {
    stack.send(stack.request(Method::DELETE, &format!("/v1/content/{id}")).bearer_auth(&stack.key)).await
}

/// The same request, several times at once.
async fn futures_of<T>(count: usize, ask: impl AsyncFn() -> T) -> Vec<T> {
    futures::future::join_all((0..count).map(|_| ask())).await
}
