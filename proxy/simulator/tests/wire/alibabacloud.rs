//! `DashScope`'s image calls and tasks.

use serde_json::{Value, json};

use crate::rig::Rig;

const VIDEO: &str = "/services/aigc/video-generation/video-synthesis";

fn clip() -> Value {
    json!({"model": "wan2.5-t2v-preview", "input": {"prompt": "a fox"},
        "parameters": {"size": "832*480", "duration": 5}})
}

async fn submitted(rig: &Rig, path: &str, body: &Value) -> String {
    let (status, answer) = rig.post("alibabacloud", path, body).await;
    assert_eq!((status, &answer["output"]["task_status"]), (200, &json!("PENDING")), "{answer}");
    format!("{}/tasks/{}", rig.base("alibabacloud"), answer["output"]["task_id"].as_str().unwrap())
}

async fn ended(rig: &Rig, url: &str, status: &str) -> Value {
    rig.until("alibabacloud", url, |task| task["output"]["task_status"] == status).await
}

#[tokio::test]
async fn qwen_image_answers_at_once_with_a_png() {
    let rig = Rig::start().await;
    let answer: Value = rig.submission("alibabacloud").send().await.unwrap().json().await.unwrap();
    assert_eq!((&answer["usage"]["width"], &answer["usage"]["image_count"]), (&json!(1328), &json!(1)));
    let url = answer["output"]["choices"][0]["message"]["content"][0]["image"].as_str().unwrap();
    assert!(url.contains("?Expires="));
    assert_eq!(rig.image(url).await, ("image/png".to_owned(), 1328, 1328));
}

#[tokio::test]
async fn a_video_is_a_task_and_needs_the_header() {
    let rig = Rig::start().await;
    rig.turn("alibabacloud", json!({"run_latency_ms": 50})).await;
    let bare = rig.client.post(format!("{}{VIDEO}", rig.base("alibabacloud"))).header("authorization", "Bearer key");
    let refused = bare.json(&clip()).send().await.unwrap();
    assert_eq!(refused.status(), 403);
    assert_eq!(refused.json::<Value>().await.unwrap()["code"], "AccessDenied");

    let url = submitted(&rig, VIDEO, &clip()).await;
    let task = ended(&rig, &url, "SUCCEEDED").await;
    assert_eq!((&task["usage"]["size"], &task["usage"]["duration"]), (&json!("832*480"), &json!(5)));
    let (kind, _) = rig.file(task["output"]["video_url"].as_str().unwrap()).await;
    assert_eq!(kind, "video/mp4");
}

#[tokio::test]
async fn only_a_pending_task_can_be_cancelled() {
    let rig = Rig::start().await;
    rig.turn("alibabacloud", json!({"behavior": "never_finish", "run_latency_ms": 10, "max_active": 1})).await;
    let running = submitted(&rig, VIDEO, &clip()).await;
    let pending = submitted(&rig, VIDEO, &clip()).await;
    ended(&rig, &running, "RUNNING").await;
    let cancel = |url: &str| Rig::authorised("alibabacloud", rig.client.post(format!("{url}/cancel"))).send();
    let refused = cancel(&running).await.unwrap();
    assert_eq!(refused.status(), 400);
    assert_eq!(refused.json::<Value>().await.unwrap()["code"], "UnsupportedOperation");
    assert_eq!(cancel(&pending).await.unwrap().status(), 200);
    ended(&rig, &pending, "CANCELED").await;
}

#[tokio::test]
async fn what_never_was_is_unknown() {
    let rig = Rig::start().await;
    let url = format!("{}/tasks/86ecf553-d340-4e21-xxxx", rig.base("alibabacloud"));
    let answer = rig.get("alibabacloud", &url).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.json::<Value>().await.unwrap()["output"]["task_status"], "UNKNOWN");
}

#[tokio::test]
async fn failures_carry_the_vendors_codes() {
    let rig = Rig::start().await;
    for (behavior, code) in [("accept_then_fail", "InternalError.Algo"), ("reject_content", "DataInspectionFailed")] {
        rig.turn("alibabacloud", json!({"behavior": behavior, "run_latency_ms": 1})).await;
        let task = ended(&rig, &submitted(&rig, VIDEO, &clip()).await, "FAILED").await;
        assert_eq!(task["output"]["code"], code);
    }
    let sync = rig.submission("alibabacloud").send().await.unwrap();
    assert_eq!(sync.status(), 400);
    assert_eq!(sync.json::<Value>().await.unwrap()["code"], "DataInspectionFailed");
    rig.turn("alibabacloud", json!({"behavior": "ok"})).await;
    let mut wrong = clip();
    wrong["parameters"]["size"] = "1*1".into();
    let (status, answer) = rig.post("alibabacloud", VIDEO, &wrong).await;
    assert_eq!((status, &answer["code"]), (400, &json!("InvalidParameter")));
    wrong["model"] = "wan9".into();
    assert_eq!(rig.post("alibabacloud", VIDEO, &wrong).await.0, 404);
}

#[tokio::test]
async fn the_older_image_path_gives_results_one_by_one() {
    let rig = Rig::start().await;
    rig.turn("alibabacloud", json!({"run_latency_ms": 1, "fault": "partial_error"})).await;
    let body =
        json!({"model": "qwen-image", "input": {"prompt": "a fox"}, "parameters": {"size": "1328*1328", "n": 2}});
    let url = submitted(&rig, "/services/aigc/text2image/image-synthesis", &body).await;
    let task = ended(&rig, &url, "SUCCEEDED").await;
    assert!(task["output"]["results"][0]["url"].is_string());
    assert_eq!(task["output"]["results"][1]["code"], "DataInspectionFailed");
    assert_eq!(task["output"]["task_metrics"], json!({"TOTAL": 2, "SUCCEEDED": 1, "FAILED": 1}));
}
