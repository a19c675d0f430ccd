//! Idempotency keys: claimed with the reservation, answered once, never rewritten.

use ledger_book::CLAIM_LIFETIME_MS;
use ledger_contract::{
    AttemptOutcome::Failed,
    command::ReserveAnswer,
    generation::{CreatedData, StoredAnswer},
};

use crate::{
    commands::{accept, account, cancel, charge, delete, finish, generation, refund, reserve_under, start},
    world::World,
};

fn claimed() -> World {
    let mut world = World::with_credits(1_000);
    assert!(matches!(world.ask(reserve_under(1, "key", "print")), ReserveAnswer::Reserved { .. }));
    world
}

fn again(world: &mut World) -> ReserveAnswer {
    world.ask(reserve_under(2, "key", "print"))
}

fn replayed(world: &mut World) -> StoredAnswer {
    match again(world) {
        ReserveAnswer::Replay { stored } => stored,
        other => panic!("not a replay: {other:?}"),
    }
}

fn canceled() -> StoredAnswer {
    StoredAnswer::Canceled { generation_id: generation(1) }
}

#[test]
fn a_running_key_is_in_progress_and_another_request_under_it_a_conflict() {
    let mut world = claimed();
    assert_eq!(again(&mut world), ReserveAnswer::IdempotencyInProgress);
    assert_eq!(world.ask(reserve_under(2, "key", "other")), ReserveAnswer::IdempotencyConflict);
    assert!(matches!(world.ask(reserve_under(2, "other", "print")), ReserveAnswer::Reserved { .. }));
}

#[test]
fn the_first_acceptance_stores_the_answer_and_failover_never_rewrites_it() {
    let mut world = claimed();
    world.ask(accept(1, 1));
    let stored = replayed(&mut world);
    let StoredAnswer::Created(CreatedData { generation_prediction_id, generation_id, .. }) = &stored else {
        panic!("not created: {stored:?}")
    };
    assert_eq!((generation_prediction_id.as_str(), *generation_id), ("job-1", generation(1)));
    world.ask(finish(1, 1, Failed));
    world.ask(start(1, 2));
    world.ask(accept(1, 2));
    assert_eq!(replayed(&mut world), stored);
    world.ask(refund(1, false));
    assert_eq!(replayed(&mut world), stored);
}

#[test]
fn a_success_without_acceptance_stores_the_answer() {
    let mut world = claimed();
    world.ask(charge(1, 1));
    assert!(matches!(replayed(&mut world), StoredAnswer::Created(_)));
}

#[test]
fn a_final_error_is_stored_and_a_retryable_one_frees_the_key() {
    let mut world = claimed();
    world.ask(refund(1, false));
    assert_eq!(replayed(&mut world), StoredAnswer::Failed(refund(1, false).error));
    let mut world = claimed();
    world.ask(refund(1, true));
    assert!(matches!(again(&mut world), ReserveAnswer::Reserved { .. }));
}

#[test]
fn a_canceled_generation_replays_in_canceled_form() {
    let mut world = claimed();
    world.ask(cancel(1));
    assert_eq!(replayed(&mut world), canceled());
    let mut world = claimed();
    world.ask(accept(1, 1));
    world.ask(cancel(1));
    assert_eq!(replayed(&mut world), canceled());
}

#[test]
fn a_generation_deleted_before_its_answer_gets_the_canceled_form_and_one_after_keeps_its_answer() {
    let mut world = claimed();
    world.ask(delete(1));
    assert_eq!(replayed(&mut world), canceled());
    let mut world = claimed();
    world.ask(accept(1, 1));
    world.ask(delete(1));
    assert!(matches!(replayed(&mut world), StoredAnswer::Created(_)));
}

#[test]
fn an_expired_key_is_free_and_the_old_generation_no_longer_touches_it() {
    let mut world = claimed();
    world.now = world.now.plus_ms(CLAIM_LIFETIME_MS - 1);
    assert_eq!(again(&mut world), ReserveAnswer::IdempotencyInProgress);
    world.now = world.now.plus_ms(1);
    assert!(matches!(again(&mut world), ReserveAnswer::Reserved { .. }));
    world.ask(refund(1, true));
    let row = world.book.claim(&(account(1), "key".to_owned())).unwrap();
    assert_eq!((row.generation_id, &row.stored), (generation(2), &None));
}
