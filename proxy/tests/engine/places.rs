//! Our own limits on open submissions, and providers that an operator took out (api contract §10).

use std::sync::Arc;

use crate::world::{Behaviour, POLLED, World, eventually};
use ledger_contract::{ErrorCode, MediaKind, Provider, command::Command};
use proxy::{
    breaker::{Admitted, Permit},
    engine::create,
};
use proxy_normalize::lane;
use serde_json::json;

/// Takes every place at bfl.
fn fill_bfl(world: &World) -> Vec<Permit> {
    let lane = lane(Provider::Bfl, "flux-pro-1.1", MediaKind::Image);
    std::iter::from_fn(|| match world.engine.breakers.admit(lane, 1) {
        Admitted::Yes(permit) => Some(permit),
        Admitted::Full | Admitted::Refused => None,
    })
    .collect()
}

#[tokio::test]
async fn a_full_provider_is_passed_over_without_an_attempt_and_keeps_its_place_in_the_order() {
    let world = World::new().await;
    let places = fill_bfl(&world);
    assert_eq!(places.len(), 24);
    let reply = world.create(POLLED, "bfl, replicate").await;
    assert_eq!(reply.outcome.unwrap().data["generation_provider_order"], json!(["bfl", "replicate"]));
    world.told(&["Reserve", "AcceptAttempt", "Charge"]).await;
    assert_eq!(world.stage.submissions(), [Provider::Replicate]);
    let Some(Command::Reserve(reserve)) = world.book.commands().into_iter().next() else { panic!("no reservation") };
    assert_eq!(reserve.first_attempt.as_ref().unwrap().provider, Provider::Replicate);
}

#[tokio::test]
async fn when_every_provider_is_full_nothing_is_reserved() {
    let world = World::new().await;
    let _places = fill_bfl(&world);
    let reply = world.create(POLLED, "bfl").await;
    assert_eq!(reply.error_code(), Some(ErrorCode::NoProviderAvailable));
    assert!(world.book.commands().is_empty());
}

#[tokio::test]
async fn who_was_passed_over_is_waited_for_when_nobody_else_is_left() {
    let world = World::new().await;
    let places = fill_bfl(&world);
    world.stage.set(Provider::Replicate, Behaviour::Status(500));
    let request =
        world.request(POLLED, &json!({"generation_prompt": "x", "generation_provider_order": "bfl, replicate"}));
    let engine = Arc::clone(&world.engine);
    let creating = tokio::spawn(async move { create(&engine, request).await });
    eventually(|| world.stage.submissions() == [Provider::Replicate], || "replicate was not tried".into()).await;
    drop(places);
    let reply = creating.await.unwrap();
    assert_eq!(reply.outcome.unwrap().data["generation_prediction_id"], "b1");
    assert_eq!(world.stage.submissions(), [Provider::Replicate, Provider::Bfl]);
    world.told(&["Reserve", "FinishAttempt", "StartAttempt", "AcceptAttempt", "Charge"]).await;
}

#[tokio::test]
async fn waiting_for_a_place_ends_with_the_budget_of_create() {
    let mut deadlines = crate::world::short_deadlines();
    deadlines.create_ms = 4_000;
    let world = World::with(deadlines).await;
    let _places = fill_bfl(&world);
    world.stage.set(Provider::Replicate, Behaviour::Status(500));
    let reply = world.create(POLLED, "bfl, replicate").await;
    assert_eq!(reply.error_code(), Some(ErrorCode::ProviderTimeout));
    assert!(world.book.refund().is_some());
    assert_eq!(world.stage.submissions(), [Provider::Replicate]);
}

#[tokio::test]
async fn a_provider_that_an_operator_took_out_is_not_tried_and_not_in_the_order() {
    let world = World::new().await;
    world.book.switch_off(Provider::Bfl);
    eventually(|| world.engine.routing.is_off(Provider::Bfl, POLLED), || "the switch was not heard of".into()).await;
    let reply = world.create(POLLED, "bfl, replicate").await;
    assert_eq!(reply.outcome.unwrap().data["generation_provider_order"], json!(["replicate"]));
    let reply = world.create(POLLED, "bfl").await;
    assert_eq!(reply.error_code(), Some(ErrorCode::NoProviderAvailable));
}
