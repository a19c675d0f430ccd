//! fal's queue.

use base64::Engine;
use serde_json::{Value, json};
use sha2::Digest;

use crate::rig::{Hook, Rig};

async fn submit(rig: &Rig, endpoint: &str, input: Value) -> Value {
    let url = format!("{}/{endpoint}", rig.base("fal"));
    let answer = Rig::authorised("fal", rig.client.post(url)).json(&input).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

fn url(ticket: &Value, name: &str) -> String {
    ticket[name].as_str().unwrap().to_owned()
}

async fn completed(rig: &Rig, ticket: &Value) -> Value {
    rig.until("fal", &url(ticket, "status_url"), |body| body["status"] == "COMPLETED").await
}

#[tokio::test]
async fn a_request_goes_through_the_queue_and_delivers_images_of_the_asked_size() {
    let rig = Rig::start().await;
    rig.turn("fal", json!({"run_latency_ms": 1500})).await;
    let input = json!({"prompt": "a fox", "image_size": {"width": 1216, "height": 832}, "num_images": 2, "seed": 5});
    let ticket = submit(&rig, "fal-ai/flux/schnell", input).await;
    assert_eq!((&ticket["status"], &ticket["queue_position"]), (&json!("IN_QUEUE"), &json!(0)));
    let app = format!("{}/fal-ai/flux/requests/{}", rig.base("fal"), ticket["request_id"].as_str().unwrap());
    assert_eq!(url(&ticket, "response_url"), app);
    let status = rig.get("fal", &url(&ticket, "status_url")).await;
    assert_eq!(status.status(), 202);
    let early = rig.get("fal", &url(&ticket, "response_url")).await;
    assert_eq!(early.status(), 400);

    let status = completed(&rig, &ticket).await;
    assert!(status["metrics"]["inference_time"].is_f64() && status["error"].is_null());
    let result: Value = rig.get("fal", &url(&ticket, "response_url")).await.json().await.unwrap();
    assert_eq!((&result["seed"], &result["images"][0]["width"]), (&json!(5), &json!(1216)));
    for image in result["images"].as_array().unwrap() {
        assert_eq!(rig.image(image["url"].as_str().unwrap()).await, ("image/jpeg".to_owned(), 1216, 832));
    }
}

#[tokio::test]
async fn a_video_endpoint_delivers_one_mp4() {
    let rig = Rig::start().await;
    rig.turn("fal", json!({"run_latency_ms": 20})).await;
    let input = json!({"prompt": "a fox", "duration": "5", "aspect_ratio": "1:1"});
    let ticket = submit(&rig, "fal-ai/kling-video/v1.5/pro/text-to-video", input).await;
    completed(&rig, &ticket).await;
    let result: Value = rig.get("fal", &url(&ticket, "response_url")).await.json().await.unwrap();
    let (kind, bytes) = rig.file(result["video"]["url"].as_str().unwrap()).await;
    assert_eq!((kind.as_str(), &bytes[4..8]), ("video/mp4", &b"ftyp"[..]));
}

#[tokio::test]
async fn what_exceeds_max_active_waits_in_the_queue_and_moves_up_on_a_cancellation() {
    let rig = Rig::start().await;
    rig.turn("fal", json!({"max_active": 1, "behavior": "never_finish", "run_latency_ms": 10})).await;
    let first = submit(&rig, "fal-ai/nano-banana", json!({"prompt": "one"})).await;
    rig.turn("fal", json!({"behavior": "ok"})).await;
    let second = submit(&rig, "fal-ai/nano-banana", json!({"prompt": "two"})).await;
    let third = submit(&rig, "fal-ai/nano-banana", json!({"prompt": "three"})).await;
    assert_eq!((&second["queue_position"], &third["queue_position"]), (&json!(0), &json!(1)));
    rig.until("fal", &url(&first, "status_url"), |body| body["status"] == "IN_PROGRESS").await;
    let status: Value = rig.get("fal", &url(&third, "status_url")).await.json().await.unwrap();
    assert_eq!(status["status"], "IN_QUEUE");

    let cancelled = Rig::authorised("fal", rig.client.put(url(&first, "cancel_url"))).send().await.unwrap();
    assert_eq!(cancelled.status(), 202);
    for ticket in [&second, &third] {
        assert!(completed(&rig, ticket).await["error"].is_null());
    }
}

#[tokio::test]
async fn cancelling_answers_as_the_queue_does() {
    let rig = Rig::start().await;
    rig.turn("fal", json!({"behavior": "never_finish"})).await;
    let ticket = submit(&rig, "fal-ai/veo2", json!({"prompt": "a fox"})).await;
    let cancel = |url: String| Rig::authorised("fal", rig.client.put(url)).send();
    let answer = cancel(url(&ticket, "cancel_url")).await.unwrap();
    assert_eq!(answer.status(), 202);
    assert_eq!(answer.json::<Value>().await.unwrap()["status"], "CANCELLATION_REQUESTED");
    let answer = cancel(url(&ticket, "cancel_url")).await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["status"], "ALREADY_COMPLETED");
    let unknown = format!("{}/fal-ai/veo2/requests/nosuch/cancel", rig.base("fal"));
    assert_eq!(cancel(unknown).await.unwrap().status(), 404);
    assert_eq!(completed(&rig, &ticket).await["error_type"], "client_cancelled");
    assert_eq!(rig.get("fal", &url(&ticket, "response_url")).await.status(), 499);
    assert_eq!(rig.submissions("?provider=fal").await[0]["cancelled"], true);
}

#[tokio::test]
async fn failures_are_completed_requests_whose_result_carries_the_error() {
    let rig = Rig::start().await;
    let expected = [
        ("reject_content", 422, "content_policy_violation"),
        ("reject_input", 422, "value_error"),
        ("accept_then_fail", 500, "internal_server_error"),
    ];
    for (behavior, status, kind) in expected {
        rig.turn("fal", json!({"behavior": behavior, "run_latency_ms": 1})).await;
        let ticket = submit(&rig, "fal-ai/flux-pro/v1.1", json!({"prompt": "a fox"})).await;
        assert!(completed(&rig, &ticket).await["error"].is_string());
        let result = rig.get("fal", &url(&ticket, "response_url")).await;
        assert_eq!(result.status(), status, "{behavior}");
        let body: Value = result.json().await.unwrap();
        let told = if body["detail"].is_array() { &body["detail"][0]["type"] } else { &body["error_type"] };
        assert_eq!(told, kind);
    }
}

#[tokio::test]
async fn a_wrong_field_is_reported_with_the_result() {
    let rig = Rig::start().await;
    rig.turn("fal", json!({"run_latency_ms": 1})).await;
    let ticket = submit(&rig, "fal-ai/veo2", json!({"prompt": "a fox", "duration": 5})).await;
    completed(&rig, &ticket).await;
    let result = rig.get("fal", &url(&ticket, "response_url")).await;
    assert_eq!(result.status(), 422);
    assert_eq!(result.json::<Value>().await.unwrap()["detail"][0]["loc"], json!(["body", "duration"]));
}

async fn hooked(rig: &Rig, hook: &Hook) -> Value {
    let url = format!("{}/fal-ai/flux/schnell?fal_webhook={}", rig.base("fal"), hook.url.replace('/', "%2F"));
    let answer = Rig::authorised("fal", rig.client.post(url)).json(&json!({"prompt": "a fox"})).send().await.unwrap();
    answer.json().await.unwrap()
}

/// True when a callback's signature fits one of the published keys.
async fn is_signed(rig: &Rig, headers: &axum::http::HeaderMap, body: &str) -> bool {
    let url = format!("{}/.well-known/jwks.json", rig.base("fal"));
    let keys: Value = rig.client.get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!((&keys["keys"][0]["kty"], &keys["keys"][0]["crv"]), (&json!("OKP"), &json!("Ed25519")));
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let key = engine.decode(keys["keys"][0]["x"].as_str().unwrap()).unwrap();
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let digest = hex::encode(sha2::Sha256::digest(body.as_bytes()));
    let [id, user, at] = ["request-id", "user-id", "timestamp"].map(|name| header(&format!("x-fal-webhook-{name}")));
    let signature = hex::decode(header("x-fal-webhook-signature")).unwrap();
    let key = ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, key);
    key.verify(format!("{id}\n{user}\n{at}\n{digest}").as_bytes(), &signature).is_ok()
}

#[tokio::test]
async fn a_webhook_is_signed_with_a_published_key() {
    let rig = Rig::start().await;
    rig.turn("fal", json!({"run_latency_ms": 1})).await;
    let mut hook = Hook::open().await;
    let ticket = hooked(&rig, &hook).await;
    let (headers, told, body) = hook.next().await;
    assert!(is_signed(&rig, &headers, &body).await);
    assert_eq!((&told["status"], &told["request_id"]), (&json!("OK"), &ticket["request_id"]));
    assert!(told["payload"]["images"][0]["url"].is_string());

    rig.turn("fal", json!({"behavior": "reject_content"})).await;
    hooked(&rig, &hook).await;
    let (_, told, _) = hook.next().await;
    assert_eq!((&told["status"], &told["error"]), (&json!("ERROR"), &json!("Invalid status code: 422")));
    assert_eq!(told["payload"]["detail"][0]["type"], "content_policy_violation");
}

#[tokio::test]
async fn a_badly_signed_webhook_fits_no_key_and_keys_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start_in(folder.path()).await;
    rig.turn("fal", json!({"run_latency_ms": 1, "fault": "webhook_bad_signature"})).await;
    let mut hook = Hook::open().await;
    hooked(&rig, &hook).await;
    let (headers, _, body) = hook.next().await;
    assert!(!is_signed(&rig, &headers, &body).await);
    rig.turn("fal", json!({"fault": null})).await;
    hooked(&rig, &hook).await;
    let (headers, _, body) = hook.next().await;
    rig.stop().await;
    let rig = Rig::start_in(folder.path()).await;
    assert!(is_signed(&rig, &headers, &body).await);
}

#[tokio::test]
async fn the_status_stream_tells_every_state_and_ends() {
    let rig = Rig::start().await;
    rig.turn("fal", json!({"run_latency_ms": 500})).await;
    let ticket = submit(&rig, "fal-ai/flux/schnell", json!({"prompt": "a fox"})).await;
    let events = rig.get("fal", &format!("{}/stream", url(&ticket, "status_url"))).await.text().await.unwrap();
    let states: Vec<Value> = events
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    let states: Vec<&str> = states.iter().map(|state| state["status"].as_str().unwrap()).collect();
    assert_eq!(states, ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]);
}
