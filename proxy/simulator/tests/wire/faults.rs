//! Good jobs whose answers, callbacks and outputs go wrong on their way.

use std::time::Duration;

use serde_json::{Value, json};

use crate::rig::{Hook, PROVIDERS, Rig};

#[tokio::test]
async fn a_connection_reset_after_acceptance_leaves_a_job_that_runs() {
    let rig = Rig::start().await;
    for provider in PROVIDERS {
        rig.turn(provider, json!({"fault": "reset_after_accept", "run_latency_ms": 1})).await;
        let error = rig.submission(provider).send().await.unwrap_err();
        assert!(!error.is_connect() && !error.is_timeout(), "{provider}: {error:?}");
    }
    let list = format!("{}/predictions", rig.base("replicate"));
    let list: Value = rig.get("replicate", &list).await.json().await.unwrap();
    assert_eq!(list["results"][0]["status"], "succeeded");
}

#[tokio::test]
async fn a_truncated_answer_has_a_good_status_and_no_json() {
    let rig = Rig::start().await;
    for provider in PROVIDERS {
        rig.turn(provider, json!({"fault": "truncated_json", "run_latency_ms": 1})).await;
        let answer = rig.submission(provider).send().await.unwrap();
        assert!(answer.status().is_success(), "{provider}");
        assert!(answer.text().await.unwrap().starts_with('{'));
    }
    rig.turn("fal", json!({"fault": null})).await;
    assert!(rig.submission("fal").send().await.unwrap().json::<Value>().await.is_ok());
}

#[tokio::test]
async fn a_slow_body_begins_and_does_not_end_in_time() {
    let rig = Rig::start().await;
    rig.turn("bfl", json!({"fault": "slow_body"})).await;
    let answer = rig.submission("bfl").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(tokio::time::timeout(Duration::from_millis(1_500), answer.bytes()).await.is_err());
}

#[tokio::test]
async fn throttling_comes_in_bursts() {
    let rig = Rig::start().await;
    rig.turn("openai", json!({"fault": "throttle_bursts", "seed": 10, "run_latency_ms": 0, "submit_latency_ms": 0}))
        .await;
    let mut statuses = Vec::new();
    for _ in 0..20 {
        // Wrong on purpose: nothing needs to be drawn to see who is let in.
        let body = json!({"model": "gpt-image-1"});
        statuses.push(rig.submission("openai").json(&body).send().await.unwrap().status().as_u16());
    }
    let throttled: Vec<usize> = (0..20).filter(|index| statuses[*index] == 429).collect();
    assert_eq!(throttled, [10, 11, 12, 13, 14]);
}

#[tokio::test]
async fn outputs_are_missing_or_no_images_when_asked_for() {
    let rig = Rig::start().await;
    for (fault, status, kind) in [("output_404", 404, None), ("output_wrong_type", 200, Some("text/html"))] {
        rig.turn("replicate", json!({"fault": fault, "run_latency_ms": 1})).await;
        let prediction: Value = rig.submission("replicate").send().await.unwrap().json().await.unwrap();
        let url = prediction["urls"]["get"].as_str().unwrap();
        let done = rig.until("replicate", url, |body| body["status"] == "succeeded").await;
        let file = rig.client.get(done["output"][0].as_str().unwrap()).send().await.unwrap();
        assert_eq!(file.status(), status);
        assert_eq!(file.headers().get("content-type").map(|kind| kind.to_str().unwrap()), kind);
    }
}

async fn predict(rig: &Rig, hook: &Hook) -> Value {
    let body = json!({"input": {"prompt": "a fox"}, "webhook": hook.url, "webhook_events_filter": ["completed"]});
    rig.submission("replicate").json(&body).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn a_callback_can_come_before_the_answer_to_the_submission() {
    let rig = Rig::start().await;
    let mut hook = Hook::open().await;
    rig.turn("replicate", json!({"fault": "webhook_first"})).await;
    let prediction = predict(&rig, &hook).await;
    assert_eq!(hook.waiting(), 1, "it was there before the answer");
    let (_, told, _) = hook.next().await;
    assert_eq!((&told["id"], &told["status"]), (&prediction["id"], &json!("succeeded")));
}

#[tokio::test]
async fn a_callback_can_come_twice() {
    let rig = Rig::start().await;
    let mut hook = Hook::open().await;
    rig.turn("replicate", json!({"fault": "webhook_twice", "run_latency_ms": 1})).await;
    predict(&rig, &hook).await;
    let (first, _, one) = hook.next().await;
    let (second, _, two) = hook.next().await;
    assert_eq!((first["webhook-id"].clone(), one), (second["webhook-id"].clone(), two));
}

#[tokio::test]
async fn a_cancelled_job_can_be_told_as_succeeded_later() {
    let rig = Rig::start().await;
    let mut hook = Hook::open().await;
    rig.turn("replicate", json!({"fault": "webhook_late_after_cancel", "behavior": "never_finish"})).await;
    let prediction = predict(&rig, &hook).await;
    let cancel = prediction["urls"]["cancel"].as_str().unwrap();
    let answer = Rig::authorised("replicate", rig.client.post(cancel)).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["status"], "canceled");
    assert_eq!(hook.next().await.1["status"], "succeeded");
}

#[tokio::test]
async fn the_fault_rate_is_a_share_of_its_own() {
    let rig = Rig::start().await;
    let change = json!({"fault": "truncated_json", "fault_rate": 0.5, "seed": 3, "submit_latency_ms": 0});
    let mut runs = Vec::new();
    for _ in 0..2 {
        rig.turn("fal", change.clone()).await;
        let mut good = Vec::new();
        for _ in 0..20 {
            good.push(rig.submission("fal").send().await.unwrap().json::<Value>().await.is_ok());
        }
        runs.push(good);
    }
    assert!(runs[0].contains(&true) && runs[0].contains(&false));
    assert_eq!(runs[0], runs[1]);
    let url = rig.control("/_sim/providers/fal");
    let refused = rig.client.put(url).json(&json!({"fault": "no_such"})).send().await.unwrap();
    assert_eq!(refused.status(), 400);
}
