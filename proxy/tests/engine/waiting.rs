//! `Prefer: wait` and the stream behind the events route.

use std::{sync::Arc, time::Duration};

use crate::world::{Behaviour, POLLED, World};
use ledger_contract::{GenerationId, Provider};
use proxy::{
    engine::{CreateRequest, create},
    wait::{self, Question},
};
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::Instant};

fn preferring(world: &World, wait_ms: u64) -> CreateRequest {
    let body = json!({"generation_prompt": "x", "generation_provider_order": "bfl"});
    CreateRequest { prefer_wait: Some(Duration::from_millis(wait_ms)), ..world.request(POLLED, &body) }
}

#[tokio::test]
async fn a_create_that_prefers_to_wait_answers_with_the_finished_generation() {
    let world = World::new().await;
    let reply = create(&world.engine, preferring(&world, 20_000)).await;
    let data = reply.outcome.unwrap().data;
    assert_eq!(data["generation"]["generation_status"], "succeeded");
    assert_eq!(data["generation"]["generation_id"], data["generation_id"]);
    assert_eq!(data["generation_initialized"], true);
}

#[tokio::test]
async fn a_wait_that_ends_before_the_generation_leaves_the_answer_as_it_is() {
    let world = World::new().await;
    world.stage.set(Provider::Bfl, Behaviour::NeverEnds);
    let reply = create(&world.engine, preferring(&world, 400)).await;
    let data = reply.outcome.unwrap().data;
    assert_eq!((data["generation_initialized"].as_bool(), data.get("generation")), (Some(true), None));
}

#[tokio::test]
async fn a_create_that_failed_is_not_waited_for() {
    let world = World::new().await;
    world.stage.set(Provider::Bfl, Behaviour::Status(422));
    let began = Instant::now();
    let reply = create(&world.engine, preferring(&world, 20_000)).await;
    assert!(reply.outcome.is_err());
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_stream_hears_the_follower_and_ends_with_the_generation() {
    let world = World::new().await;
    world.stage.set(Provider::Bfl, Behaviour::NeverEnds);
    let data = world.create(POLLED, "bfl").await.outcome.unwrap().data;
    let generation_id: GenerationId = data["generation_id"].as_str().unwrap().parse().unwrap();
    let (caller, received_at) = (world.caller, Instant::now());
    let question = Question { caller, generation_id, request_id: "req_1".into(), received_at };
    let waiter = world.engine.hub.enter(caller.account_id, generation_id).unwrap();
    let record = wait::current(&world.engine, &question).await.unwrap();
    let (sender, mut events) = mpsc::channel(1);
    tokio::spawn(wait::stream(Arc::clone(&world.engine), question, waiter, record, sender));
    let first = events.recv().await.unwrap();
    assert_eq!(status(&first), "processing");
    world.stage.set(Provider::Bfl, Behaviour::Works);
    assert_eq!(status(&events.recv().await.unwrap()), "succeeded");
    assert_eq!(events.recv().await, None);
}

fn status(event: &[u8]) -> String {
    let text = std::str::from_utf8(event).unwrap();
    let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let record: Value = serde_json::from_str(data).unwrap();
    record["generation_status"].as_str().unwrap().to_owned()
}
