//! replicate's predictions.

use base64::Engine;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::rig::{Hook, Rig};

async fn predict(rig: &Rig, model: &str, input: Value) -> Value {
    let url = format!("{}/models/{model}/predictions", rig.base("replicate"));
    let request = Rig::authorised("replicate", rig.client.post(url)).json(&json!({ "input": input }));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 201);
    answer.json().await.unwrap()
}

async fn finished(rig: &Rig, prediction: &Value) -> Value {
    let url = prediction["urls"]["get"].as_str().unwrap();
    rig.until("replicate", url, |body| body["completed_at"].is_string()).await
}

#[tokio::test]
async fn a_prediction_runs_and_delivers_images_of_the_asked_size() {
    let rig = Rig::start().await;
    let input = json!({"prompt": "a fox", "aspect_ratio": "16:9", "output_format": "png", "num_outputs": 2});
    let prediction = predict(&rig, "black-forest-labs/flux-schnell", input.clone()).await;
    assert_eq!((&prediction["status"], &prediction["version"]), (&json!("starting"), &json!("hidden")));
    assert_eq!(prediction["input"], input);
    let done = finished(&rig, &prediction).await;
    assert_eq!(done["status"], "succeeded");
    assert!(done["metrics"]["predict_time"].as_f64().unwrap() > 0.0);
    let output = done["output"].as_array().unwrap();
    assert_eq!(output.len(), 2);
    let mut files = Vec::new();
    for url in output {
        assert_eq!(rig.image(url.as_str().unwrap()).await, ("image/png".to_owned(), 1344, 768));
        files.push(rig.file(url.as_str().unwrap()).await.1);
    }
    assert_ne!(files[0], files[1]);
}

#[tokio::test]
async fn a_video_model_delivers_one_mp4() {
    let rig = Rig::start().await;
    rig.turn("replicate", json!({"run_latency_ms": 50})).await;
    let input = json!({"prompt": "a fox", "duration": 5, "aspect_ratio": "9:16"});
    let done = finished(&rig, &predict(&rig, "google/veo-2", input).await).await;
    let (kind, bytes) = rig.file(done["output"].as_str().unwrap()).await;
    assert_eq!((kind.as_str(), &bytes[4..8]), ("video/mp4", &b"ftyp"[..]));
}

#[tokio::test]
async fn the_same_prompt_and_seed_give_the_same_bytes() {
    let rig = Rig::start().await;
    rig.turn("replicate", json!({"run_latency_ms": 1})).await;
    let mut files = Vec::new();
    for (prompt, seed) in [("a fox", 1), ("a fox", 1), ("a fox", 2), ("an owl", 1)] {
        let input = json!({"prompt": prompt, "seed": seed});
        let done = finished(&rig, &predict(&rig, "black-forest-labs/flux-schnell", input).await).await;
        files.push(rig.file(done["output"][0].as_str().unwrap()).await.1);
    }
    assert_eq!(files[0], files[1]);
    assert_ne!(files[0], files[2]);
    assert_ne!(files[0], files[3]);
}

#[tokio::test]
async fn a_cancelled_prediction_stays_cancelled_and_the_list_says_so() {
    let rig = Rig::start().await;
    rig.turn("replicate", json!({"behavior": "never_finish"})).await;
    let prediction = predict(&rig, "google/nano-banana", json!({"prompt": "a fox"})).await;
    let url = prediction["urls"]["cancel"].as_str().unwrap();
    for _ in 0..2 {
        let answer = Rig::authorised("replicate", rig.client.post(url)).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.json::<Value>().await.unwrap()["status"], "canceled");
    }
    assert_eq!(rig.submissions("").await[0]["cancelled"], true);
}

#[tokio::test]
async fn cancelling_a_finished_prediction_changes_nothing() {
    let rig = Rig::start().await;
    rig.turn("replicate", json!({"run_latency_ms": 1})).await;
    let done = finished(&rig, &predict(&rig, "google/nano-banana", json!({"prompt": "a fox"})).await).await;
    let url = done["urls"]["cancel"].as_str().unwrap();
    let answer = Rig::authorised("replicate", rig.client.post(url)).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["status"], "succeeded");
    assert_eq!(rig.submissions("").await[0]["cancelled"], false);
}

#[tokio::test]
async fn prefer_wait_holds_the_answer_until_the_end_or_the_limit() {
    let rig = Rig::start().await;
    let answer = rig.submission("replicate").header("prefer", "wait=5").send().await.unwrap();
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.json::<Value>().await.unwrap()["status"], "succeeded");
    rig.turn("replicate", json!({"behavior": "never_finish"})).await;
    let answer = rig.submission("replicate").header("prefer", "wait=1").send().await.unwrap();
    assert_eq!(answer.status(), 202);
    assert_eq!(answer.json::<Value>().await.unwrap()["status"], "processing");
}

#[tokio::test]
async fn a_webhook_is_called_with_a_valid_signature() {
    let rig = Rig::start().await;
    let mut hook = Hook::open().await;
    let body = json!({"input": {"prompt": "a fox"}, "webhook": hook.url, "webhook_events_filter": ["completed"]});
    let answer = rig.submission("replicate").json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let (headers, told, body) = hook.next().await;
    assert_eq!(told["status"], "succeeded");

    let url = format!("{}/webhooks/default/secret", rig.base("replicate"));
    let secret: Value = rig.get("replicate", &url).await.json().await.unwrap();
    let base64 = base64::engine::general_purpose::STANDARD;
    let key = base64.decode(secret["key"].as_str().unwrap().strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    let header = |name: &str| headers[name].to_str().unwrap();
    mac.update(format!("{}.{}.{body}", header("webhook-id"), header("webhook-timestamp")).as_bytes());
    let expected = format!("v1,{}", base64.encode(mac.finalize().into_bytes()));
    assert_eq!(header("webhook-signature"), expected);
}

#[tokio::test]
async fn the_filter_chooses_among_start_logs_output_and_completed() {
    let rig = Rig::start().await;
    rig.turn("replicate", json!({"run_latency_ms": 600})).await;
    let mut hook = Hook::open().await;
    for (filter, expected) in [
        (json!(["start", "logs", "output", "completed"]), vec!["starts", "logs", "output", "completed"]),
        (json!(["output"]), vec!["output"]),
    ] {
        let body = json!({"input": {"prompt": "a fox"}, "webhook": hook.url, "webhook_events_filter": filter});
        let prediction: Value = rig.submission("replicate").json(&body).send().await.unwrap().json().await.unwrap();
        for event in expected {
            let (_, told, _) = hook.next().await;
            assert_eq!(told["id"], prediction["id"]);
            let finished = event == "completed";
            assert_eq!(told["status"], if finished { "succeeded" } else { "processing" }, "{event}");
            assert_eq!(told["output"].is_array(), finished || event == "output", "{event}");
        }
    }
}

#[tokio::test]
async fn invalid_input_is_refused_with_the_fields_that_are_wrong() {
    let rig = Rig::start().await;
    let body = json!({"input": {"num_outputs": 9, "aspect_ratio": "7:1"}, "extra": true});
    let answer = rig.submission("replicate").json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 422);
    let body: Value = answer.json().await.unwrap();
    let fields: Vec<_> = body["invalid_fields"].as_array().unwrap().iter().map(|field| &field["field"]).collect();
    assert_eq!(fields, ["input.extra", "input.prompt", "input.aspect_ratio", "input.num_outputs"]);
}

#[tokio::test]
async fn rejections_and_faults_are_reported_where_replicate_reports_them() {
    let rig = Rig::start().await;
    rig.turn("replicate", json!({"behavior": "reject_input", "run_latency_ms": 1})).await;
    assert_eq!(rig.submission("replicate").send().await.unwrap().status(), 422);
    for (behavior, text) in [("reject_content", "(E005)"), ("accept_then_fail", "(E1000)")] {
        rig.turn("replicate", json!({ "behavior": behavior })).await;
        let done = finished(&rig, &predict(&rig, "google/nano-banana", json!({"prompt": "a fox"})).await).await;
        assert_eq!(done["status"], "failed");
        assert!(done["error"].as_str().unwrap().contains(text), "{done}");
        assert_eq!(done["output"], Value::Null);
    }
}

#[tokio::test]
async fn predictions_are_listed_newest_first_and_unknown_ones_are_not_found() {
    let rig = Rig::start().await;
    let first = predict(&rig, "google/nano-banana", json!({"prompt": "one"})).await;
    let second = predict(&rig, "google/nano-banana", json!({"prompt": "two"})).await;
    let url = format!("{}/predictions", rig.base("replicate"));
    let list: Value = rig.get("replicate", &url).await.json().await.unwrap();
    let ids: Vec<_> = list["results"].as_array().unwrap().iter().map(|entry| &entry["id"]).collect();
    assert_eq!(ids, [&second["id"], &first["id"]]);
    assert_eq!(rig.get("replicate", &format!("{url}/nosuch")).await.status(), 404);
}

#[tokio::test]
async fn the_version_route_knows_official_names_and_hashes() {
    let rig = Rig::start().await;
    let url = format!("{}/predictions", rig.base("replicate"));
    for (version, model) in [
        ("google/nano-banana", "google/nano-banana"),
        ("8c47da666861d081eeb4d1261853087de23923a268a69b63febdf5dc1dee08e4", "lightricks/ltx-video"),
    ] {
        let body = json!({"version": version, "input": {"prompt": "a fox"}});
        let answer = Rig::authorised("replicate", rig.client.post(&url)).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        assert_eq!(answer.json::<Value>().await.unwrap()["model"], model);
    }
}
