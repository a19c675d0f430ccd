//! bfl's tasks.

use serde_json::{Value, json};

use crate::rig::Rig;

async fn submit(rig: &Rig, model: &str, body: Value) -> Value {
    let url = format!("{}/v1/{model}", rig.base("bfl"));
    let answer = Rig::authorised("bfl", rig.client.post(url)).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

async fn ended(rig: &Rig, task: &Value) -> Value {
    rig.until("bfl", task["polling_url"].as_str().unwrap(), |body| body["status"] != "Pending").await
}

#[tokio::test]
async fn a_task_is_polled_at_another_host_and_delivers_an_image_of_the_asked_size() {
    let rig = Rig::start().await;
    rig.turn("bfl", json!({"run_latency_ms": 1500})).await;
    let task = submit(&rig, "flux-pro-1.1", json!({"prompt": "a fox", "width": 768, "height": 1344, "seed": 3})).await;
    assert!(!task["polling_url"].as_str().unwrap().starts_with(rig.base("bfl")));
    let pending: Value = rig.get("bfl", task["polling_url"].as_str().unwrap()).await.json().await.unwrap();
    assert_eq!(pending["status"], "Pending");
    assert!((0.0..1.0).contains(&pending["progress"].as_f64().unwrap()));
    let ready = ended(&rig, &task).await;
    assert_eq!((&ready["status"], &ready["result"]["seed"]), (&json!("Ready"), &json!(3)));
    let sample = ready["result"]["sample"].as_str().unwrap();
    assert_eq!(rig.image(sample).await, ("image/jpeg".to_owned(), 768, 1344));
}

#[tokio::test]
async fn formats_and_defaults_are_those_of_the_endpoint() {
    let rig = Rig::start().await;
    rig.turn("bfl", json!({"run_latency_ms": 1})).await;
    for (model, body, expected) in [
        ("flux-pro-1.1", json!({"prompt": "a", "output_format": "png"}), ("image/png", 1024, 768)),
        ("flux-2-pro", json!({"prompt": "a", "output_format": "webp"}), ("image/webp", 1024, 1024)),
    ] {
        let ready = ended(&rig, &submit(&rig, model, body).await).await;
        let (kind, width, height) = rig.image(ready["result"]["sample"].as_str().unwrap()).await;
        assert_eq!((kind.as_str(), width, height), expected);
    }
}

#[tokio::test]
async fn rejections_and_faults_are_reported_where_bfl_reports_them() {
    let rig = Rig::start().await;
    rig.turn("bfl", json!({"behavior": "reject_input", "run_latency_ms": 1})).await;
    let refused = rig.submission("bfl").send().await.unwrap();
    assert_eq!(refused.status(), 422);
    assert_eq!(refused.json::<Value>().await.unwrap()["detail"][0]["loc"], json!(["body", "prompt"]));
    for (behavior, status) in [("reject_content", "Request Moderated"), ("accept_then_fail", "Error")] {
        rig.turn("bfl", json!({ "behavior": behavior })).await;
        let task = submit(&rig, "flux-pro-1.1", json!({"prompt": "a fox"})).await;
        let end = ended(&rig, &task).await;
        assert_eq!((&end["status"], &end["result"]), (&json!(status), &Value::Null));
    }
}

#[tokio::test]
async fn sizes_off_the_grid_are_refused() {
    let rig = Rig::start().await;
    let answer = rig.submission("bfl").json(&json!({"prompt": "a", "width": 1000})).send().await.unwrap();
    assert_eq!(answer.status(), 422);
}

#[tokio::test]
async fn unknown_tasks_and_models_are_not_found() {
    let rig = Rig::start().await;
    let url = format!("{}/v1/get_result?id=nosuch", rig.base("bfl"));
    let body: Value = rig.get("bfl", &url).await.json().await.unwrap();
    assert_eq!(body["status"], "Task not found");
    let url = format!("{}/v1/flux-schnell", rig.base("bfl"));
    let answer = Rig::authorised("bfl", rig.client.post(url)).json(&json!({"prompt": "a"})).send().await.unwrap();
    assert_eq!(answer.status(), 404);
}

#[tokio::test]
async fn active_tasks_over_the_limit_are_refused_until_one_ends() {
    let rig = Rig::start().await;
    rig.turn("bfl", json!({"max_active": 1, "run_latency_ms": 2000})).await;
    let task = submit(&rig, "flux-pro-1.1", json!({"prompt": "a fox"})).await;
    let refused = rig.submission("bfl").send().await.unwrap();
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "5");
    ended(&rig, &task).await;
    assert_eq!(rig.submission("bfl").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_webhook_takes_the_place_of_the_polling_url_and_is_signed_with_the_callers_secret() {
    let rig = Rig::start().await;
    let (sender, mut received) = tokio::sync::mpsc::channel(8);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hook = format!("http://{}/hook", listener.local_addr().unwrap());
    let route = axum::routing::post(move |headers: axum::http::HeaderMap, body: String| async move {
        sender.send((headers, body)).await.unwrap();
    });
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().route("/hook", route)).await });
    let body = json!({"prompt": "a fox", "webhook_url": hook, "webhook_secret": "hush"});
    let task = submit(&rig, "flux-pro-1.1", body).await;
    assert_eq!((&task["webhook_url"], &task["polling_url"]), (&json!(hook), &Value::Null));
    let (headers, body) = received.recv().await.unwrap();
    assert!(headers["x-bfl-signature"].to_str().unwrap().starts_with("sha256="));
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["status"], "Ready");
    assert!(!rig.submissions("").await[0].to_string().contains("hush"));
}
