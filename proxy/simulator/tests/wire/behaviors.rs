//! Every behaviour at every provider.

use std::time::Duration;

use serde_json::{Value, json};

use crate::rig::{PROVIDERS, Rig};

#[tokio::test]
async fn http_behaviours_answer_with_their_status_in_json_at_once() {
    let rig = Rig::start().await;
    for provider in PROVIDERS {
        for (behavior, status) in [("http_500", 500), ("http_429", 429), ("http_402", 402)] {
            rig.turn(provider, json!({"behavior": behavior, "submit_latency_ms": 60_000})).await;
            let answer = rig.submission(provider).send().await.unwrap();
            assert_eq!(answer.status(), status, "{provider}");
            assert!(answer.json::<Value>().await.unwrap().is_object());
        }
    }
    assert!(rig.submissions("").await.iter().all(|submission| submission["prediction_id"].is_null()));
}

#[tokio::test]
async fn malformed_answers_are_good_statuses_without_the_providers_body() {
    let rig = Rig::start().await;
    for provider in PROVIDERS {
        rig.turn(provider, json!({"behavior": "malformed"})).await;
        let answer = rig.submission(provider).send().await.unwrap();
        assert!([200, 201].contains(&answer.status().as_u16()));
        assert!(answer.json::<Value>().await.is_err(), "{provider}");
    }
}

#[tokio::test]
async fn a_hung_submission_is_read_and_never_answered() {
    let rig = Rig::start().await;
    let mut hung = Vec::new();
    for provider in PROVIDERS {
        rig.turn(provider, json!({"behavior": "hang_submit", "submit_latency_ms": 0})).await;
        hung.push(tokio::spawn(rig.submission(provider).send()));
    }
    let all = |list: &Value| list.as_array().is_some_and(|list| list.len() == PROVIDERS.len());
    rig.until("fal", &rig.control("/_sim/submissions"), all).await;
    for (provider, call) in PROVIDERS.iter().zip(hung) {
        assert!(tokio::time::timeout(Duration::from_millis(50), call).await.is_err(), "{provider}");
    }
}

#[tokio::test]
async fn a_closed_listener_refuses_connections_and_comes_back_on_the_same_port() {
    let rig = Rig::start().await;
    for provider in PROVIDERS {
        rig.turn(provider, json!({"behavior": "refuse_connection"})).await;
        for _ in 0..3 {
            let refused = rig.submission(provider).send().await.unwrap_err();
            assert!(refused.is_connect(), "{provider}: {refused:?}");
        }
        rig.turn(provider, json!({"behavior": "ok"})).await;
        assert!(rig.submission(provider).send().await.unwrap().status().is_success());
    }
    assert_eq!(rig.submissions("").await.len(), PROVIDERS.len(), "refused ones were never received");
}

#[tokio::test]
async fn closing_the_listener_breaks_open_requests_off() {
    let rig = Rig::start().await;
    rig.turn("fal", json!({"behavior": "hang_submit"})).await;
    let hung = tokio::spawn(rig.submission("fal").send());
    rig.until("fal", &rig.control("/_sim/submissions"), |list| list[0].is_object()).await;
    rig.turn("fal", json!({"behavior": "refuse_connection"})).await;
    let broken = hung.await.unwrap().unwrap_err();
    assert!(!broken.is_timeout() && !broken.is_connect(), "{broken:?}");
}

#[tokio::test]
async fn a_share_of_refused_connections_is_cut_without_an_answer() {
    let rig = Rig::start().await;
    rig.turn("bfl", json!({"behavior": "refuse_connection", "failure_rate": 0.5, "seed": 1})).await;
    let mut cut = 0;
    for _ in 0..20 {
        cut += usize::from(rig.submission("bfl").send().await.is_err());
    }
    assert!((1..20).contains(&cut), "{cut} of 20");
}

#[tokio::test]
async fn the_same_seed_meets_the_same_failures() {
    let rig = Rig::start().await;
    let mut runs = Vec::new();
    for seed in [7, 7, 8] {
        let knobs = json!({"behavior": "http_500", "failure_rate": 0.5, "seed": seed, "submit_latency_ms": 0});
        rig.turn("replicate", knobs).await;
        let mut statuses = Vec::new();
        for _ in 0..24 {
            statuses.push(rig.submission("replicate").send().await.unwrap().status().as_u16());
        }
        runs.push(statuses);
    }
    assert!(runs[0].contains(&500) && runs[0].contains(&201));
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

#[tokio::test]
async fn turning_knobs_never_changes_accepted_jobs() {
    let rig = Rig::start().await;
    let prediction: Value = rig.submission("replicate").send().await.unwrap().json().await.unwrap();
    rig.turn("replicate", json!({"behavior": "never_finish", "run_latency_ms": 60_000})).await;
    let reset = rig.client.delete(rig.control("/_sim")).send().await.unwrap();
    assert_eq!(reset.status(), 200);
    rig.turn("replicate", json!({"behavior": "accept_then_fail"})).await;
    let url = prediction["urls"]["get"].as_str().unwrap();
    let done = rig.until("replicate", url, |body| body["completed_at"].is_string()).await;
    assert_eq!(done["status"], "succeeded");
}

#[tokio::test]
async fn requests_over_the_minutes_limit_are_throttled_in_the_providers_form() {
    let rig = Rig::start().await;
    for provider in PROVIDERS {
        rig.turn(provider, json!({"requests_per_minute": 2, "run_latency_ms": 1})).await;
        let mut statuses = Vec::new();
        for _ in 0..3 {
            statuses.push(rig.submission(provider).send().await.unwrap().status().as_u16());
        }
        assert!(statuses[..2].iter().all(|status| *status < 300), "{provider}: {statuses:?}");
        assert_eq!(statuses[2], 429, "{provider}");
    }
}

#[tokio::test]
async fn a_submission_without_a_key_is_refused_in_the_providers_form() {
    let rig = Rig::start().await;
    for (provider, path) in [
        ("replicate", "/models/a/b/predictions"),
        ("fal", "/fal-ai/flux/schnell"),
        ("bfl", "/v1/flux-pro-1.1"),
        ("openai", "/images/generations"),
        ("runway", "/text_to_image"),
        ("byteplus", "/images/generations"),
        ("alibabacloud", "/services/aigc/multimodal-generation/generation"),
        ("cloudflare", "/accounts/abc/ai/run/@cf/black-forest-labs/flux-1-schnell"),
    ] {
        let url = format!("{}{path}", rig.base(provider));
        let answer = rig.client.post(url).json(&json!({"prompt": "a"})).send().await.unwrap();
        assert_eq!(answer.status(), if provider == "bfl" { 403 } else { 401 }, "{provider}");
        assert!(answer.json::<Value>().await.unwrap().is_object());
    }
}

#[tokio::test]
async fn bodies_that_are_no_json_or_too_large_are_refused() {
    let rig = Rig::start().await;
    for provider in PROVIDERS {
        for body in ["{".to_owned(), "x".repeat(17 << 20)] {
            // A server may close before a body of that size is written; both are refusals.
            if let Ok(answer) = rig.submission(provider).body(body).send().await {
                assert_eq!(answer.status(), 400, "{provider}");
            }
        }
    }
}
