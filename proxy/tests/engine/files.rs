//! Files that come in and files that are kept: what is looked at, and what happens while the store is down.

use crate::world::{POLLED, World, eventually, stage::picture};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ledger_contract::{ErrorCode, command::Command};
use proxy::engine::create;
use serde_json::json;

const WITH_INPUT: &str = "bytedance/seedream-4";

async fn create_with(world: &World, files: &[String]) -> Result<(), (ErrorCode, serde_json::Value)> {
    let body =
        json!({"generation_prompt": "x", "generation_input_file": files, "generation_provider_order": "replicate"});
    let reply = create(&world.engine, world.request(WITH_INPUT, &body)).await;
    reply.outcome.map(|_| ()).map_err(|failure| (failure.error.code, json!(failure.error.details)))
}

#[tokio::test]
async fn an_input_file_is_fetched_and_known_by_its_content() {
    let world = World::new().await;
    let at = |path: &str| format!("{}/{path}", world.stage.address());
    let (code, details) = create_with(&world, &[at("large-picture"), at("garbage")]).await.unwrap_err();
    assert_eq!(
        (code, details),
        (ErrorCode::UnsupportedFileFormat, json!({"field": "generation_input_file", "index": 1}))
    );
    assert_eq!(create_with(&world, &[at("nowhere")]).await.unwrap_err().0, ErrorCode::FileDownloadError);
    assert_eq!(create_with(&world, &[at("half-picture")]).await.unwrap_err().0, ErrorCode::FileLoadError);
    for (path, code) in [
        ("picture", ErrorCode::FileTooSmall),
        ("wide-picture", ErrorCode::FileTooLarge),
        ("heavy-picture", ErrorCode::FileSizeExceeded),
    ] {
        assert_eq!(create_with(&world, &[at(path)]).await.unwrap_err().0, code, "{path}");
    }
    assert!(world.book.commands().is_empty(), "nothing was reserved");
    assert_eq!(create_with(&world, &[at("large-picture")]).await, Ok(()));
}

/// A body as it reached the provider, from a request with the large picture as its input file.
async fn sent_with_input(model: &str, provider: &str) -> (World, Vec<u8>) {
    let world = World::new().await;
    let file = format!("{}/large-picture", world.stage.address());
    let body =
        json!({"generation_prompt": "x", "generation_input_file": [file], "generation_provider_order": provider});
    assert_eq!(create(&world.engine, world.request(model, &body)).await.status(), 200);
    let body = world.stage.last_body();
    (world, body)
}

#[tokio::test]
async fn a_provider_that_wants_base64_gets_the_file_itself() {
    let (world, body) = sent_with_input("bfl/flux-1.1-pro-ultra", "bfl").await;
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(STANDARD.decode(body["image_prompt"].as_str().unwrap()).unwrap(), picture(512, 512));
    world.told(&["AcceptAttempt", "Charge"]).await;
}

#[tokio::test]
async fn a_provider_that_wants_a_form_gets_the_file_as_a_part() {
    let (world, body) = sent_with_input("bfl/flux-2-klein-4b", "cloudflare").await;
    let file = picture(512, 512);
    let at = body.windows(file.len()).position(|window| window == file).expect("every byte of it");
    let before = String::from_utf8_lossy(&body[..at]).into_owned();
    assert!(before.starts_with("--form-") && before.contains("name=\"prompt\"\r\n\r\nx\r\n"), "{before}");
    assert!(before.ends_with("name=\"input_image_0\"; filename=\"input.png\"\r\nContent-Type: image/png\r\n\r\n"));
    world.told(&["AcceptAttempt", "Charge"]).await;
}

#[tokio::test]
async fn storing_is_tried_again_until_the_store_is_back() {
    let world = World::new().await;
    let folder = world.folder.path().join("artifacts");
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, "not a folder").unwrap();
    assert_eq!(world.create(POLLED, "bfl").await.status(), 200);
    world.told(&["AcceptAttempt"]).await;
    std::fs::remove_file(&folder).unwrap();
    std::fs::create_dir(&folder).unwrap();
    world.told(&["Charge"]).await;
    assert_eq!(world.files(), 1);
}

#[tokio::test]
async fn a_store_that_stays_down_until_the_deadline_fails_the_generation_as_ours() {
    let mut deadlines = crate::world::short_deadlines();
    deadlines.image_total_ms = 4_000;
    let world = World::with(deadlines).await;
    let folder = world.folder.path().join("artifacts");
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, "not a folder").unwrap();
    assert_eq!(world.create(POLLED, "bfl, replicate").await.status(), 200);
    eventually(|| world.book.refund().is_some(), || "never refunded".into()).await;
    assert_eq!(world.book.refund().unwrap().error.code, ErrorCode::InternalError);
    let submitted = world.book.commands().iter().filter(|command| matches!(command, Command::StartAttempt(_))).count();
    assert_eq!(submitted, 0, "the provider did its part");
}
