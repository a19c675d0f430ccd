//! The control routes.

use serde_json::{Value, json};

use crate::rig::{PROVIDERS, Rig};

#[tokio::test]
async fn all_eight_providers_are_listed_with_the_shape_of_their_real_base_url() {
    let rig = Rig::start().await;
    let listed: Value = rig.client.get(rig.control("/_sim/providers")).send().await.unwrap().json().await.unwrap();
    let paths = [
        ("replicate", "/v1"),
        ("fal", ""),
        ("bfl", ""),
        ("openai", "/v1"),
        ("runway", "/v1"),
        ("byteplus", "/api/v3"),
        ("alibabacloud", "/api/v1"),
        ("cloudflare", "/client/v4"),
    ];
    assert_eq!(listed.as_object().unwrap().len(), paths.len());
    for (provider, path) in paths {
        let base = listed[provider]["base_url"].as_str().unwrap();
        assert_eq!(base, rig.base(provider));
        let port = base.strip_prefix("http://127.0.0.1:").unwrap().strip_suffix(path).unwrap();
        assert!(port.parse::<u16>().is_ok(), "{base}");
        assert_eq!(listed[provider]["behavior"], "ok");
    }
}

#[tokio::test]
async fn omitted_knobs_keep_their_value_and_a_reset_restores_all() {
    let rig = Rig::start().await;
    rig.turn("fal", json!({"behavior": "http_500", "failure_rate": 0.25, "seed": 9, "max_active": 4})).await;
    let turned = rig.turn("fal", json!({"submit_latency_ms": 5})).await;
    let kept = ["behavior", "failure_rate", "seed", "max_active", "submit_latency_ms"].map(|key| turned[key].clone());
    assert_eq!(kept, [json!("http_500"), json!(0.25), json!(9), json!(4), json!(5)]);
    rig.submission("fal").send().await.unwrap();
    rig.client.delete(rig.control("/_sim")).send().await.unwrap();
    let listed: Value = rig.client.get(rig.control("/_sim/providers")).send().await.unwrap().json().await.unwrap();
    let fal = &listed["fal"];
    assert_eq!((&fal["behavior"], &fal["submit_latency_ms"]), (&json!("ok"), &json!(20)));
    assert_eq!((&fal["failure_rate"], &fal["max_active"]), (&json!(1.0), &Value::Null));
    assert!(rig.submissions("").await.is_empty());
}

#[tokio::test]
async fn a_reset_opens_closed_listeners() {
    let rig = Rig::start().await;
    rig.turn("bfl", json!({"behavior": "refuse_connection"})).await;
    rig.client.delete(rig.control("/_sim")).send().await.unwrap();
    assert_eq!(rig.submission("bfl").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn bad_knobs_and_unknown_providers_are_refused_and_change_nothing() {
    let rig = Rig::start().await;
    let put = |provider: &str, body: &'static str| {
        rig.client.put(rig.control(&format!("/_sim/providers/{provider}"))).body(body).send()
    };
    for body in [r#"{"behavior": "explode"}"#, r#"{"failure_rate": 2}"#, r#"{"sed": 1}"#, "", "[]", r#"{"seed": -1}"#] {
        let answer = put("fal", body).await.unwrap();
        assert_eq!(answer.status(), 400, "{body}");
        assert!(answer.json::<Value>().await.unwrap()["error"].is_string());
    }
    assert_eq!(put("nosuch", "{}").await.unwrap().status(), 404);
    assert_eq!(rig.client.get(rig.control("/_sim/submissions?provider=nosuch")).send().await.unwrap().status(), 404);
    assert_eq!(rig.turn("fal", json!({})).await["behavior"], "ok");
}

#[tokio::test]
async fn submissions_are_listed_oldest_first_without_credentials() {
    let rig = Rig::start().await;
    for provider in PROVIDERS {
        rig.submission(provider).header("x-trace", "seen").send().await.unwrap();
    }
    let all = rig.submissions("").await;
    let providers: Vec<_> = all.iter().map(|submission| submission["provider"].as_str().unwrap()).collect();
    assert_eq!(providers, PROVIDERS);
    let models: Vec<_> = all.iter().map(|submission| submission["native_model"].as_str().unwrap()).collect();
    let expected = [
        "black-forest-labs/flux-schnell",
        "fal-ai/flux/schnell",
        "/v1/flux-pro-1.1",
        "gpt-image-1",
        "gen4_image",
        "seedream-4-0-250828",
        "qwen-image",
        "@cf/black-forest-labs/flux-1-schnell",
    ];
    assert_eq!(models, expected);
    assert_eq!(all[0]["body"], json!({"input": {"prompt": "a fox"}}));
    for submission in &all {
        assert_eq!(submission["headers_seen"]["x-trace"], "seen");
        let has_jobs = ["replicate", "fal", "bfl", "runway"].contains(&submission["provider"].as_str().unwrap());
        assert_eq!(submission["prediction_id"].is_string(), has_jobs);
        assert_eq!(submission["cancelled"], false);
        assert!(submission["submitted_at"].as_str().unwrap().ends_with('Z'));
        assert!(!submission.to_string().contains("SECRETKEY"), "{submission}");
    }
    assert_eq!(rig.submissions("?provider=bfl").await.len(), 1);
}
