//! Callbacks wake whoever follows the job, and nothing else; polling goes on beside them.

use std::{sync::Arc, time::Duration};

use crate::world::{Behaviour, POLLED, World, eventually, short_deadlines};
use ledger_contract::Provider;
use proxy::{
    callbacks::{self, Received},
    engine::create,
};
use serde_json::{Value, json};

async fn reporting() -> World {
    World::changed(short_deadlines(), |config| config.public_url = "https://api.example".into()).await
}

/// Where bfl was asked to call back, and with what secret.
fn target(world: &World) -> (String, String) {
    let body: Value = serde_json::from_slice(&world.stage.last_body()).unwrap();
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    let url = text("webhook_url");
    let token = url.strip_prefix("https://api.example/callbacks/bfl/").unwrap().to_owned();
    (token, text("webhook_secret"))
}

async fn call_back(world: &World, token: &str, secret: &str, body: &Value) -> u16 {
    let job = world.engine.callbacks.find("bfl", token).unwrap();
    let headers = vec![("x-webhook-secret".to_owned(), secret.to_owned())];
    let received = Received { headers, body: body.to_string().into() };
    callbacks::receive(&world.engine, job, received).await.status()
}

fn over() -> Value {
    json!({"id": "b1", "status": "Ready"})
}

#[tokio::test]
async fn a_callback_makes_the_follower_ask_at_once() {
    let world = reporting().await;
    assert_eq!(world.create(POLLED, "bfl").await.status(), 200);
    let (token, secret) = target(&world);
    assert_eq!(call_back(&world, &token, &secret, &over()).await, 200);
    world.told(&["AcceptAttempt", "Charge"]).await;
    assert_eq!(world.stage.polls(), 1, "the state was read, not believed");
}

#[tokio::test]
async fn without_a_callback_the_job_is_asked_for_all_the_same() {
    let world = reporting().await;
    assert_eq!(world.create(POLLED, "bfl").await.status(), 200);
    world.told(&["AcceptAttempt", "Charge"]).await;
}

#[tokio::test]
async fn a_callback_that_comes_before_the_submission_is_answered_is_not_missed() {
    let world = reporting().await;
    world.stage.set(Provider::Bfl, Behaviour::Slow(200));
    let request = world.request(POLLED, &json!({"generation_prompt": "x", "generation_provider_order": "bfl"}));
    let engine = Arc::clone(&world.engine);
    let creating = tokio::spawn(async move { create(&engine, request).await });
    eventually(|| !world.stage.last_body().is_empty(), || "nothing was submitted".into()).await;
    let (token, secret) = target(&world);
    assert_eq!(call_back(&world, &token, &secret, &over()).await, 200);
    assert_eq!(creating.await.unwrap().status(), 200);
    world.told(&["AcceptAttempt", "Charge"]).await;
    assert_eq!(world.stage.polls(), 1);
}

#[tokio::test]
async fn a_forged_callback_is_refused_and_wakes_nobody() {
    let world = reporting().await;
    world.stage.set(Provider::Bfl, Behaviour::NeverEnds);
    assert_eq!(world.create(POLLED, "bfl").await.status(), 200);
    let (token, _) = target(&world);
    assert_eq!(call_back(&world, &token, "guessed", &over()).await, 401);
    assert_eq!(world.engine.callbacks.find("fal", &token), None);
    let asked = tokio::time::timeout(Duration::from_millis(400), async {
        while world.stage.polls() == 0 {
            tokio::task::yield_now().await;
        }
    });
    assert!(asked.await.is_err(), "the back-up asks after a second, nothing before it");
}

#[tokio::test]
async fn repeated_callbacks_and_those_of_a_job_that_is_over_change_nothing() {
    let world = reporting().await;
    assert_eq!(world.create(POLLED, "bfl").await.status(), 200);
    let (token, secret) = target(&world);
    for _ in 0..3 {
        assert_eq!(call_back(&world, &token, &secret, &over()).await, 200);
    }
    world.told(&["AcceptAttempt", "Charge"]).await;
    let told = world.book.names().len();
    assert_eq!(call_back(&world, &token, &secret, &over()).await, 200);
    assert_eq!(call_back(&world, &token, &secret, &json!({"id": "b1", "status": "Pending"})).await, 200);
    assert_eq!(world.book.names().len(), told);
}

#[tokio::test]
async fn without_https_nothing_real_is_asked_to_call_back() {
    let world = World::new().await;
    assert_eq!(world.create(POLLED, "bfl").await.status(), 200);
    let body: Value = serde_json::from_slice(&world.stage.last_body()).unwrap();
    assert_eq!(body.get("webhook_url"), None);
}
