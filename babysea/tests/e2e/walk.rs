//! The main walk: an image and a video, from the request to the file, and what the book says afterwards.

use serde_json::json;

use crate::stack::{Stack, within};

/// What a file is, by its first bytes.
fn kind_of(bytes: &[u8]) -> &'static str {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => "video/mp4",
        _ => "unknown",
    }
}

#[tokio::test]
async fn an_image_comes_back_in_each_format_and_is_charged_once() {
    within(120, async {
        let stack = Stack::start().await;
        let before = balance(&stack).await;
        let mut cost = 0.0;
        for (format, kind) in [("png", "image/png"), ("jpg", "image/jpeg"), ("webp", "image/webp")] {
            let body =
                json!({ "generation_prompt": format!("a seal as {format}"), "generation_output_format": format });
            let created = stack.create("image/bfl/flux-schnell", body).await;
            assert_eq!(created.data()["generation_initialized"], true);
            let record = stack.ended(&created.generation_id()).await;
            assert_eq!(record["generation_status"], "succeeded", "{record}");
            assert_eq!(record["generation_cost_status"], "charged");
            cost += record["generation_cost"].as_f64().unwrap();
            let (headers, bytes) = stack.download(record["generation_output_file"][0].as_str().unwrap()).await;
            assert_eq!(kind_of(&bytes), kind);
            assert_eq!(headers["content-type"], kind);
            assert_eq!(headers["content-length"], bytes.len().to_string().as_str());
        }
        assert!((before - balance(&stack).await - cost).abs() < 1e-9, "exactly the costs are gone");
        assert_rows(&stack, 3).await;
        stack.assert_audit_is_clean();
    })
    .await;
}

#[tokio::test]
async fn a_video_comes_back_and_any_range_of_it_can_be_asked_for() {
    within(120, async {
        let stack = Stack::start().await;
        let body = json!({ "generation_prompt": "a seal slides into the sea", "generation_duration": 5 });
        let created = stack.create("video/kling/v1.5-pro", body).await;
        let record = stack.ended(&created.generation_id()).await;
        assert_eq!(record["generation_status"], "succeeded", "{record}");
        assert_eq!(record["generation_type"], "video");
        let url = record["generation_output_file"][0].as_str().unwrap();
        let (headers, bytes) = stack.download(url).await;
        assert_eq!((kind_of(&bytes), headers["content-type"].to_str().unwrap()), ("video/mp4", "video/mp4"));

        let part = stack.http().get(url).header("Range", "bytes=4-7").send().await.unwrap();
        assert_eq!(part.status(), 206);
        assert_eq!(part.headers()["content-range"], format!("bytes 4-7/{}", bytes.len()).as_str());
        assert_eq!(&part.bytes().await.unwrap()[..], b"ftyp");
        let beyond = stack.http().get(url).header("Range", format!("bytes={}-", bytes.len())).send().await.unwrap();
        assert_eq!(beyond.status(), 416);
        assert_rows(&stack, 1).await;
        stack.assert_audit_is_clean();
    })
    .await;
}

#[tokio::test]
async fn another_prompt_makes_another_picture() {
    within(120, async {
        let stack = Stack::start().await;
        let mut pictures = Vec::new();
        for prompt in ["a seal", "a walrus"] {
            let body = json!({ "generation_prompt": prompt, "generation_provider_order": "replicate" });
            let record = stack.ended(&stack.create("image/bfl/flux-schnell", body).await.generation_id()).await;
            pictures.push(stack.download(record["generation_output_file"][0].as_str().unwrap()).await.1);
        }
        assert_ne!(pictures[0], pictures[1]);
    })
    .await;
}

#[tokio::test]
async fn the_command_line_client_saves_what_it_asked_for() {
    within(120, async {
        let stack = Stack::start().await;
        let arguments =
            ["generate", "bfl/flux-schnell", "a seal", "--set", "generation_output_format=png", "--out", "seal.png"];
        let record = stack.json(&arguments);
        assert_eq!(record["generation_status"], "succeeded");
        assert_eq!(kind_of(&std::fs::read(stack.folder().join("seal.png")).unwrap()), "image/png");

        let arguments = ["generate", "kling/v1.5-pro", "a seal", "--set", "generation_duration=5", "--wait"];
        let record = stack.json(&arguments);
        let saved = record["saved"][0].as_str().unwrap();
        assert_eq!(saved, format!("{}.mp4", record["generation_id"].as_str().unwrap()));
        assert_eq!(kind_of(&std::fs::read(stack.folder().join(saved)).unwrap()), "video/mp4");

        let refused = stack.run(&["generate", "no/such-model", "a seal", "--json"]);
        assert_eq!(refused.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&refused.stdout).contains("BSE2011"), "{refused:?}");
    })
    .await;
}

#[tokio::test]
async fn every_read_of_the_contract_answers() {
    within(120, async {
        let stack = Stack::start().await;
        let id = stack.image("fal").await.generation_id();
        stack.ended(&id).await;
        let routes = [
            "/v1/status",
            "/v1/usage?days=7",
            "/v1/user/account",
            "/v1/user/billing",
            "/v1/estimate/bfl/flux-schnell?count=3",
            "/v1/content/list?limit=10",
            &format!("/v1/content/{id}"),
            "/v1/health/inference/providers",
            "/v1/health/inference/models",
            "/v1/health/storage",
            "/v1/health/cache",
            "/v1/library/providers",
            "/v1/library/models",
        ];
        for route in routes {
            let reply = stack.get(route).await;
            assert_eq!(reply.status, 200, "{route}: {reply:?}");
            assert_eq!(reply.body["status"], "success", "{route}");
            assert_eq!(reply.headers["x-request-id"], reply.body["request_id"].as_str().unwrap(), "{route}");
            assert!(reply.headers.contains_key("x-ratelimit-limit"), "{route}");
        }
        let missing = stack.get("/v1/nothing/here").await;
        assert_eq!((missing.status.as_u16(), missing.code()), (404, "BSE2017"));
    })
    .await;
}

async fn balance(stack: &Stack) -> f64 {
    stack.get("/v1/user/billing").await.data()["billing_credit_balance"].as_f64().unwrap()
}

/// The book holds the first grant, and a reserve and a charge of each generation.
async fn assert_rows(stack: &Stack, generations: usize) {
    let account = stack.get("/v1/status").await.data()["account_id"].as_str().unwrap().to_owned();
    let rows = stack.json(&["credits", "list", "--account", &account]);
    let count = |kind: &str| rows.as_array().unwrap().iter().filter(|row| row["type"] == kind).count();
    let found = (count("add"), count("reserve"), count("charge"), count("refund"));
    assert_eq!(found, (1, generations, generations, 0), "{rows}");
}
