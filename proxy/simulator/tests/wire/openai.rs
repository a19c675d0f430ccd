//! `OpenAI`'s images.

use base64::Engine;
use serde_json::{Value, json};

use crate::rig::{Rig, form};

fn images(body: &Value) -> Vec<Vec<u8>> {
    let base64 = base64::engine::general_purpose::STANDARD;
    let data = body["data"].as_array().unwrap().iter();
    data.map(|image| base64.decode(image["b64_json"].as_str().unwrap()).unwrap()).collect()
}

fn size(bytes: &[u8]) -> (u32, u32) {
    let decoded = image::load_from_memory(bytes).unwrap();
    (decoded.width(), decoded.height())
}

#[tokio::test]
async fn a_generation_answers_with_as_many_images_as_asked_in_the_asked_form() {
    let rig = Rig::start().await;
    let body = json!({"model": "gpt-image-1", "prompt": "a fox", "n": 2, "size": "1536x1024", "quality": "low",
        "output_format": "webp"});
    let answer = rig.submission("openai").json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers()["x-request-id"].to_str().unwrap().starts_with("req_"));
    let body: Value = answer.json().await.unwrap();
    assert_eq!(
        (&body["size"], &body["quality"], &body["output_format"]),
        (&json!("1536x1024"), &json!("low"), &json!("webp"))
    );
    assert_eq!(body["usage"]["output_tokens"], 816);
    let images = images(&body);
    assert_eq!(images.len(), 2);
    assert_ne!(images[0], images[1]);
    for image in images {
        assert_eq!(image::guess_format(&image).unwrap(), image::ImageFormat::WebP);
        assert_eq!(size(&image), (1536, 1024));
    }
    assert!(rig.submissions("?provider=openai").await[0]["prediction_id"].is_null());
}

#[tokio::test]
async fn an_edit_is_a_form_with_images_and_is_listed_without_their_bytes() {
    let rig = Rig::start().await;
    let fields = [("model", "gpt-image-1"), ("prompt", "a fox"), ("n", "1"), ("input_fidelity", "high")];
    let (kind, body) = form(&fields, &["image[]", "image[]"]);
    let edits = format!("{}/images/edits", rig.base("openai"));
    let send = |kind: String, body: Vec<u8>| {
        Rig::authorised("openai", rig.client.post(&edits)).header("content-type", kind).body(body).send()
    };
    let answer: Value = send(kind, body).await.unwrap().json().await.unwrap();
    assert_eq!(size(&images(&answer)[0]), (1024, 1024));
    let listed = &rig.submissions("").await[0]["body"];
    assert_eq!((&listed["prompt"], listed["image"].as_array().unwrap().len()), (&json!("a fox"), 2));

    let (kind, body) = form(&fields, &[]);
    let answer = send(kind, body).await.unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.json::<Value>().await.unwrap()["error"]["code"], "missing_required_parameter");
}

#[tokio::test]
async fn wrong_fields_are_named_in_the_error_object() {
    let rig = Rig::start().await;
    for (change, status, code, param) in [
        (json!({"size": "512x512"}), 400, "invalid_value", json!("size")),
        (json!({"response_format": "b64_json"}), 400, "unknown_parameter", json!("response_format")),
        (json!({"prompt": null}), 400, "missing_required_parameter", json!("prompt")),
        (json!({"n": 11}), 400, "invalid_value", json!("n")),
        (json!({"background": "transparent", "output_format": "jpeg"}), 400, "invalid_value", json!("background")),
        (json!({"model": "gpt-image-0"}), 404, "model_not_found", json!(null)),
    ] {
        let mut body = json!({"model": "gpt-image-1", "prompt": "a fox"});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = rig.submission("openai").json(&body).send().await.unwrap();
        assert_eq!(answer.status(), status, "{change}");
        assert!(answer.headers().contains_key("x-request-id"));
        let error = answer.json::<Value>().await.unwrap()["error"].take();
        assert_eq!((&error["code"], &error["param"]), (&json!(code), &param), "{error}");
    }
}

#[tokio::test]
async fn refused_content_and_faults_come_in_the_vendors_words() {
    let rig = Rig::start().await;
    for (behavior, status, kind, code) in [
        ("reject_content", 400, "image_generation_user_error", json!("moderation_blocked")),
        ("reject_input", 400, "invalid_request_error", json!("invalid_value")),
        ("accept_then_fail", 500, "server_error", json!(null)),
        ("http_429", 429, "requests", json!("rate_limit_exceeded")),
        ("http_402", 402, "insufficient_quota", json!("insufficient_quota")),
    ] {
        rig.turn("openai", json!({"behavior": behavior, "run_latency_ms": 1})).await;
        let answer = rig.submission("openai").send().await.unwrap();
        assert_eq!(answer.status(), status, "{behavior}");
        let error = answer.json::<Value>().await.unwrap()["error"].take();
        assert_eq!((&error["type"], &error["code"]), (&json!(kind), &code), "{behavior}");
    }
}

#[tokio::test]
async fn closing_the_held_request_is_the_cancellation() {
    let rig = Rig::start().await;
    rig.turn("openai", json!({"behavior": "never_finish"})).await;
    let open = tokio::spawn(rig.submission("openai").send());
    let url = rig.control("/_sim/submissions");
    rig.until("openai", &url, |list| list[0].is_object()).await;
    open.abort();
    rig.until("openai", &url, |list| list[0]["cancelled"] == true).await;
}
