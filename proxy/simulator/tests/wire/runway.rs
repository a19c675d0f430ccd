//! Runway's tasks.

use serde_json::{Value, json};

use crate::rig::Rig;

fn clip() -> Value {
    json!({"model": "gen4_turbo", "promptText": "a fox", "promptImage": "https://images.example.com/fox.png",
        "ratio": "1104:832", "duration": 5})
}

async fn submitted(rig: &Rig, path: &str, body: &Value) -> String {
    let (status, answer) = rig.post("runway", path, body).await;
    assert_eq!(status, 200, "{answer}");
    format!("{}/tasks/{}", rig.base("runway"), answer["id"].as_str().unwrap())
}

async fn delete(rig: &Rig, url: &str) -> u16 {
    Rig::authorised("runway", rig.client.delete(url)).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_task_runs_and_gives_another_url_each_time() {
    let rig = Rig::start().await;
    rig.turn("runway", json!({"run_latency_ms": 600})).await;
    let url = submitted(&rig, "/image_to_video", &clip()).await;
    let task: Value = rig.get("runway", &url).await.json().await.unwrap();
    assert_eq!((&task["status"], &task["estimatedCost"]["credits"]), (&json!("PENDING"), &json!(25)));
    let running = rig.until("runway", &url, |task| task["status"] == "RUNNING").await;
    assert!(running["progress"].as_f64().unwrap() < 1.0);
    let done = rig.until("runway", &url, |task| task["status"] == "SUCCEEDED").await;
    let again: Value = rig.get("runway", &url).await.json().await.unwrap();
    let outputs = [&done, &again].map(|task| task["output"][0].as_str().unwrap().to_owned());
    assert_ne!(outputs[0], outputs[1]);
    for output in outputs {
        let (kind, bytes) = rig.file(&output).await;
        assert_eq!((kind.as_str(), &bytes[4..8]), ("video/mp4", &b"ftyp"[..]));
    }
}

#[tokio::test]
async fn a_still_has_exactly_the_asked_ratio() {
    let rig = Rig::start().await;
    rig.turn("runway", json!({"run_latency_ms": 1})).await;
    let body = json!({"model": "gen4_image", "promptText": "a fox", "ratio": "1680:720"});
    let url = submitted(&rig, "/text_to_image", &body).await;
    let done = rig.until("runway", &url, |task| task["status"] == "SUCCEEDED").await;
    assert_eq!(done["cost"]["credits"], 5);
    assert_eq!(rig.image(done["output"][0].as_str().unwrap()).await, ("image/png".to_owned(), 1680, 720));
}

#[tokio::test]
async fn every_request_names_the_version() {
    let rig = Rig::start().await;
    let url = format!("{}/text_to_image", rig.base("runway"));
    let body = json!({"model": "gen4_image", "promptText": "a fox", "ratio": "1280:720"});
    for version in [None, Some("2023-01-01")] {
        let mut request = rig.client.post(&url).header("authorization", "Bearer key").json(&body);
        if let Some(version) = version {
            request = request.header("x-runway-version", version);
        }
        assert_eq!(request.send().await.unwrap().status(), 400, "{version:?}");
    }
    let organization = format!("{}/organization", rig.base("runway"));
    let bare = rig.client.get(&organization).header("authorization", "Bearer key").send().await.unwrap();
    assert_eq!(bare.status(), 400);
    let told: Value = rig.get("runway", &organization).await.json().await.unwrap();
    assert!(told["tier"]["models"]["gen4_turbo"]["maxConcurrentGenerations"].is_number());
}

#[tokio::test]
async fn tasks_over_the_limit_are_throttled_and_run_later() {
    let rig = Rig::start().await;
    rig.turn("runway", json!({"max_active": 1, "behavior": "never_finish", "run_latency_ms": 10})).await;
    let first = submitted(&rig, "/image_to_video", &clip()).await;
    rig.turn("runway", json!({"behavior": "ok"})).await;
    let second = submitted(&rig, "/image_to_video", &clip()).await;
    rig.until("runway", &second, |task| task["status"] == "THROTTLED").await;
    assert_eq!(delete(&rig, &first).await, 204);
    assert_eq!(rig.get("runway", &first).await.json::<Value>().await.unwrap()["status"], "CANCELLED");
    rig.until("runway", &second, |task| task["status"] == "SUCCEEDED").await;
    assert_eq!(rig.submissions("").await[0]["cancelled"], true);
}

#[tokio::test]
async fn deleting_a_finished_task_deletes_its_record_and_its_output() {
    let rig = Rig::start().await;
    rig.turn("runway", json!({"run_latency_ms": 1})).await;
    let url = submitted(&rig, "/image_to_video", &clip()).await;
    let done = rig.until("runway", &url, |task| task["status"] == "SUCCEEDED").await;
    assert_eq!(delete(&rig, &url).await, 204);
    assert_eq!(rig.get("runway", &url).await.status(), 404);
    assert_eq!(rig.get("runway", done["output"][0].as_str().unwrap()).await.status(), 404);
    assert_eq!(delete(&rig, &url).await, 404);
    assert_eq!(rig.submissions("").await[0]["cancelled"], false);
}

#[tokio::test]
async fn failures_have_codes_and_wrong_bodies_have_issues() {
    let rig = Rig::start().await;
    for (behavior, code) in [("accept_then_fail", "INTERNAL"), ("reject_content", "SAFETY.INPUT.TEXT")] {
        rig.turn("runway", json!({"behavior": behavior, "run_latency_ms": 1})).await;
        let url = submitted(&rig, "/image_to_video", &clip()).await;
        let task = rig.until("runway", &url, |task| task["status"] == "FAILED").await;
        assert_eq!(task["failureCode"], code);
    }
    rig.turn("runway", json!({"behavior": "ok"})).await;
    for (change, path) in [
        (json!({"ratio": "1:1"}), "ratio"),
        (json!({"duration": 11}), "duration"),
        (json!({"model": "gen9"}), "model"),
        (json!({"promptImage": null}), "promptImage"),
        (json!({"promptImage": "ftp://example.com/a.png"}), "promptImage"),
        (json!({"aspect_ratio": "16:9"}), "aspect_ratio"),
    ] {
        let mut body = clip();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (status, answer) = rig.post("runway", "/image_to_video", &body).await;
        assert_eq!((status, &answer["issues"][0]["path"][0]), (400, &json!(path)), "{answer}");
    }
}
