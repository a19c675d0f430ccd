//! Cloudflare's synchronous call.

use base64::Engine;
use serde_json::{Value, json};

use crate::rig::{Rig, form};

async fn failure(rig: &Rig) -> (u16, i64) {
    let answer = rig.submission("cloudflare").send().await.unwrap();
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["success"], false);
    (status, body["errors"][0]["code"].as_i64().unwrap())
}

#[tokio::test]
async fn a_call_answers_with_a_square_jpeg() {
    let rig = Rig::start().await;
    let answer = rig.submission("cloudflare").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("cf-ray"));
    let body: Value = answer.json().await.unwrap();
    assert_eq!((&body["success"], &body["errors"]), (&json!(true), &json!([])));
    let engine = base64::engine::general_purpose::STANDARD;
    let bytes = engine.decode(body["result"]["image"].as_str().unwrap()).unwrap();
    assert_eq!(image::guess_format(&bytes).unwrap(), image::ImageFormat::Jpeg);
    let decoded = image::load_from_memory(&bytes).unwrap();
    assert_eq!((decoded.width(), decoded.height()), (1024, 1024));
}

#[tokio::test]
async fn failures_carry_the_documented_codes() {
    let rig = Rig::start().await;
    for (behavior, expected) in [
        ("reject_content", (400, 3030)),
        ("reject_input", (400, 5004)),
        ("accept_then_fail", (500, 3043)),
        ("http_429", (429, 10_429)),
        ("http_402", (402, 3036)),
    ] {
        rig.turn("cloudflare", json!({"behavior": behavior, "run_latency_ms": 1})).await;
        assert_eq!(failure(&rig).await, expected, "{behavior}");
    }
}

#[tokio::test]
async fn unknown_models_and_fields_are_refused() {
    let rig = Rig::start().await;
    let base = format!("{}/accounts/abc/ai/run", rig.base("cloudflare"));
    for (model, body, code) in [
        ("@cf/no/such", json!({"prompt": "a"}), 5007),
        ("@cf/black-forest-labs/flux-1-schnell", json!({"prompt": "a", "width": 512}), 5004),
        ("@cf/black-forest-labs/flux-1-schnell", json!({"steps": 4}), 5004),
    ] {
        let request = Rig::authorised("cloudflare", rig.client.post(format!("{base}/{model}"))).json(&body);
        let body: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(body["errors"][0]["code"], code);
    }
}

#[tokio::test]
async fn closing_the_open_request_is_the_cancellation() {
    let rig = Rig::start().await;
    rig.turn("cloudflare", json!({"behavior": "never_finish", "max_active": 1})).await;
    let open = tokio::spawn(rig.submission("cloudflare").send());
    let url = rig.control("/_sim/submissions");
    rig.until("cloudflare", &url, |list| list[0].is_object()).await;
    open.abort();
    rig.until("cloudflare", &url, |list| list[0]["cancelled"] == true).await;
    rig.turn("cloudflare", json!({"behavior": "ok"})).await;
    assert_eq!(rig.submission("cloudflare").send().await.unwrap().status(), 200, "its place is free again");
}

#[tokio::test]
async fn calls_over_the_limit_find_no_capacity() {
    let rig = Rig::start().await;
    rig.turn("cloudflare", json!({"behavior": "never_finish", "max_active": 1})).await;
    let open = tokio::spawn(rig.submission("cloudflare").send());
    rig.until("cloudflare", &rig.control("/_sim/submissions"), |list| list[0].is_object()).await;
    assert_eq!(failure(&rig).await, (429, 3040));
    open.abort();
}

#[tokio::test]
async fn flux_2_takes_a_form_and_older_models_answer_with_the_image_itself() {
    let rig = Rig::start().await;
    let base = format!("{}/accounts/abc/ai/run", rig.base("cloudflare"));
    let (kind, body) = form(&[("prompt", "a fox"), ("width", "768"), ("height", "1344")], &["input_image_0"]);
    let url = format!("{base}/@cf/black-forest-labs/flux-2-klein-4b");
    let request = Rig::authorised("cloudflare", rig.client.post(&url)).header("content-type", kind).body(body);
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    let bytes = base64::engine::general_purpose::STANDARD.decode(answer["result"]["image"].as_str().unwrap()).unwrap();
    let decoded = image::load_from_memory(&bytes).unwrap();
    assert_eq!((decoded.width(), decoded.height()), (768, 1344));
    let json = Rig::authorised("cloudflare", rig.client.post(&url)).json(&json!({"prompt": "a fox"}));
    assert_eq!(json.send().await.unwrap().status(), 400);

    for (model, kind) in
        [("@cf/stabilityai/stable-diffusion-xl-base-1.0", "image/png"), ("@cf/leonardo/phoenix-1.0", "image/jpeg")]
    {
        let request = Rig::authorised("cloudflare", rig.client.post(format!("{base}/{model}")));
        let answer = request.json(&json!({"prompt": "a fox"})).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], kind);
        let bytes = answer.bytes().await.unwrap();
        assert_eq!(image::guess_format(&bytes).unwrap().to_mime_type(), kind);
    }
}
