//! `ModelArk`'s images and video tasks.

use base64::Engine;
use serde_json::{Value, json};

use crate::rig::{Hook, Rig};

const IMAGES: &str = "/images/generations";
const TASKS: &str = "/contents/generations/tasks";

fn image(change: &Value) -> Value {
    let mut body = json!({"model": "seedream-4-0-250828", "prompt": "a fox", "size": "1024x1024"});
    body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    body
}

fn video() -> Value {
    json!({"model": "seedance-1-0-pro-250528", "resolution": "480p", "ratio": "16:9", "duration": 2,
        "content": [{"type": "text", "text": "a fox"}]})
}

async fn submitted(rig: &Rig, body: &Value) -> String {
    let (status, answer) = rig.post("byteplus", TASKS, body).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer["id"].as_str().unwrap().starts_with("cgt-"));
    format!("{}{TASKS}/{}", rig.base("byteplus"), answer["id"].as_str().unwrap())
}

async fn delete(rig: &Rig, url: &str) -> u16 {
    Rig::authorised("byteplus", rig.client.delete(url)).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn an_image_comes_as_url_or_inline() {
    let rig = Rig::start().await;
    let (_, linked) = rig.post("byteplus", IMAGES, &image(&json!({}))).await;
    assert_eq!((&linked["data"][0]["size"], &linked["usage"]["generated_images"]), (&json!("1024x1024"), &json!(1)));
    let url = linked["data"][0]["url"].as_str().unwrap();
    assert_eq!(rig.image(url).await, ("image/jpeg".to_owned(), 1024, 1024));
    let (_, inline) = rig.post("byteplus", IMAGES, &image(&json!({"response_format": "b64_json"}))).await;
    let engine = base64::engine::general_purpose::STANDARD;
    let bytes = engine.decode(inline["data"][0]["b64_json"].as_str().unwrap()).unwrap();
    assert_eq!(image::guess_format(&bytes).unwrap(), image::ImageFormat::Jpeg);
    assert!(rig.submissions("").await.iter().all(|submission| submission["prediction_id"].is_null()));
}

#[tokio::test]
async fn one_failed_image_of_a_group_is_an_error_in_its_slot() {
    let rig = Rig::start().await;
    rig.turn("byteplus", json!({"fault": "partial_error"})).await;
    let group =
        json!({"sequential_image_generation": "auto", "sequential_image_generation_options": {"max_images": 3}});
    let (status, answer) = rig.post("byteplus", IMAGES, &image(&group)).await;
    assert_eq!((status, answer["data"].as_array().unwrap().len()), (200, 3));
    assert!(answer["data"][0]["url"].is_string());
    assert_eq!(answer["data"][2]["error"]["code"], "OutputImageSensitiveContentDetected");
    assert_eq!(answer["usage"]["generated_images"], 2);
}

#[tokio::test]
async fn wrong_fields_and_refused_content_carry_the_vendors_codes() {
    let rig = Rig::start().await;
    for (change, status, code) in [
        (json!({"size": "64x64"}), 400, "InvalidParameter"),
        (json!({"size": "3K"}), 400, "InvalidParameter"),
        (json!({"prompt": null}), 400, "MissingParameter"),
        (json!({"model": "seedream-9"}), 404, "InvalidEndpointOrModel.NotFound"),
    ] {
        let (got, answer) = rig.post("byteplus", IMAGES, &image(&change)).await;
        assert_eq!((got, &answer["error"]["code"]), (status, &json!(code)), "{change}");
        assert!(answer["error"]["message"].as_str().unwrap().contains("Request id: "));
    }
    rig.turn("byteplus", json!({"behavior": "reject_content"})).await;
    for (path, body) in [(IMAGES, image(&json!({}))), (TASKS, video())] {
        let (status, answer) = rig.post("byteplus", path, &body).await;
        assert_eq!((status, &answer["error"]["code"]), (400, &json!("InputTextSensitiveContentDetected")));
    }
}

#[tokio::test]
async fn a_task_calls_back_on_every_change_and_delivers_a_video() {
    let rig = Rig::start().await;
    rig.turn("byteplus", json!({"run_latency_ms": 400})).await;
    let mut hook = Hook::open().await;
    let mut body = video();
    body["callback_url"] = hook.url.clone().into();
    let url = submitted(&rig, &body).await;
    let mut told = Vec::new();
    for _ in 0..3 {
        let (headers, body, _) = hook.next().await;
        assert!(headers.keys().all(|name| !name.as_str().contains("signature")));
        told.push(body["status"].as_str().unwrap().to_owned());
    }
    assert_eq!(told, ["queued", "running", "succeeded"]);
    let task: Value = rig.get("byteplus", &url).await.json().await.unwrap();
    assert_eq!((&task["framespersecond"], &task["duration"]), (&json!(24), &json!(2)));
    let (kind, _) = rig.file(task["content"]["video_url"].as_str().unwrap()).await;
    assert_eq!(kind, "video/mp4");
}

#[tokio::test]
async fn deleting_means_something_else_in_every_state() {
    let rig = Rig::start().await;
    rig.turn("byteplus", json!({"run_latency_ms": 1000, "max_active": 1})).await;
    let running = submitted(&rig, &video()).await;
    let queued = submitted(&rig, &video()).await;
    rig.until("byteplus", &running, |task| task["status"] == "running").await;
    assert_eq!(delete(&rig, &running).await, 409);
    assert_eq!(delete(&rig, &queued).await, 200);
    assert_eq!(rig.get("byteplus", &queued).await.json::<Value>().await.unwrap()["status"], "cancelled");
    assert_eq!(delete(&rig, &queued).await, 409);
    rig.until("byteplus", &running, |task| task["status"] == "succeeded").await;
    assert_eq!(delete(&rig, &running).await, 200);
    assert_eq!(rig.get("byteplus", &running).await.status(), 404);
    let list: Value = rig.get("byteplus", &format!("{}{TASKS}", rig.base("byteplus"))).await.json().await.unwrap();
    assert_eq!((&list["total"], &list["items"][0]["status"]), (&json!(1), &json!("cancelled")));
}

#[tokio::test]
async fn a_task_that_fails_says_so_in_its_error() {
    let rig = Rig::start().await;
    rig.turn("byteplus", json!({"behavior": "accept_then_fail", "run_latency_ms": 1})).await;
    let url = submitted(&rig, &video()).await;
    let task = rig.until("byteplus", &url, |task| task["status"] == "failed").await;
    assert_eq!(task["error"]["code"], "InternalServiceError");
    rig.turn("byteplus", json!({"behavior": "ok"})).await;
    let mut wrong = video();
    wrong["duration"] = 13.into();
    assert_eq!(rig.post("byteplus", TASKS, &wrong).await.0, 400);
}
