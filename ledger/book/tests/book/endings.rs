//! Endings: success charges, failure refunds, the first one wins.

use ledger_contract::{
    AttemptOutcome::{Discarded, Failed, Used},
    Credits, ErrorCode, GenerationStatus, Plan, Provider,
    command::{Charge, ChargeAnswer, Refund, RefundAnswer},
    generation::EntryKind,
};

use crate::{
    commands::{accept, cancel, charge, delete, end, finish, refund, reserve, start},
    world::World,
};

fn processing() -> World {
    let mut world = World::with_credits(1_000);
    world.ask(reserve(1));
    world.ask(accept(1, 1));
    world
}

#[test]
fn a_success_confirms_the_reservation_and_frees_the_slot() {
    let mut world = processing();
    assert_eq!(world.ask(charge(1, 1)), ChargeAnswer::Charged { balance: Credits(900) });
    let account = world.account();
    assert_eq!((account.balance, account.reserved, account.in_flight), (Credits(900), Credits(0), 0));
    let entry = world.book.entries().last().unwrap();
    assert_eq!((entry.kind, entry.amount, entry.balance_after), (EntryKind::Charge, Credits(100), Credits(900)));
    assert_eq!(world.attempt(1, 1).outcome, Used);
    let record = world.generation(1).record.as_ref().unwrap();
    assert_eq!(record.provider_used, Some(Provider::Replicate));
    assert_eq!(record.lease_holder, None);
    assert_eq!(record.completed_at, Some(world.now));
    let retention_ms = Plan::Starter.limits().file_retention_ms;
    assert_eq!(record.outputs_expire_at, Some(world.now.plus_ms(retention_ms)));
}

#[test]
fn charging_twice_returns_already_charged_and_changes_nothing() {
    let mut world = processing();
    world.ask(charge(1, 1));
    let before = world.book.clone().into_effects();
    assert_eq!(world.ask(charge(1, 1)), ChargeAnswer::AlreadyCharged);
    assert_eq!(world.ask(refund(1, false)), RefundAnswer::AlreadyCharged);
    assert_eq!(world.book.into_effects(), before);
}

#[test]
fn a_failure_gives_the_credits_back_and_says_why() {
    let mut world = processing();
    assert_eq!(world.ask(refund(1, false)), RefundAnswer::Refunded { balance: Credits(1_000) });
    let account = world.account();
    assert_eq!((account.reserved, account.in_flight, account.generations_total), (Credits(0), 0, 1));
    let generation = world.generation(1);
    assert_eq!(generation.status, GenerationStatus::Failed);
    let error = generation.record.as_ref().unwrap().error.clone();
    assert_eq!(error, Some((ErrorCode::ProviderTimeout, "Too late".to_owned())));
}

#[test]
fn refunding_twice_returns_already_refunded_and_changes_nothing() {
    let mut world = processing();
    world.ask(refund(1, false));
    let before = world.book.clone().into_effects();
    let already = RefundAnswer::AlreadyRefunded { status: GenerationStatus::Failed };
    assert_eq!(world.ask(refund(1, true)), already);
    assert_eq!(world.book.into_effects(), before);
}

#[test]
fn an_open_attempt_of_a_failure_ends_as_told_or_else_in_doubt() {
    let mut world = processing();
    world.ask(refund(1, false));
    let attempt = world.attempt(1, 1);
    assert!(attempt.in_doubt);
    assert_eq!(attempt.error.as_ref().unwrap().code, ErrorCode::ProviderTimeout);
    let mut world = processing();
    world.ask(Refund { attempt: Some(end(Failed)), ..refund(1, false) });
    assert!(!world.attempt(1, 1).in_doubt);
    let mut world = processing();
    world.ask(Refund { attempt: Some(end(Used)), ..refund(1, false) });
    assert_eq!(world.attempt(1, 1).outcome, Failed);
}

#[test]
fn a_late_success_of_a_refunded_generation_is_discarded_and_never_charged() {
    let mut world = processing();
    world.ask(refund(1, false));
    let ended = ChargeAnswer::Ended { status: GenerationStatus::Failed };
    assert_eq!(world.ask(charge(1, 1)), ended);
    assert_eq!(world.attempt(1, 1).outcome, Discarded);
    assert_eq!(world.ask(charge(1, 1)), ended);
    assert_eq!(world.account().balance, Credits(1_000));
}

#[test]
fn a_late_success_of_a_canceled_and_deleted_generation_is_discarded_too() {
    let mut world = processing();
    world.ask(cancel(1));
    world.ask(delete(1));
    assert_eq!(world.ask(charge(1, 1)), ChargeAnswer::Ended { status: GenerationStatus::Canceled });
    assert_eq!(world.attempt(1, 1).outcome, Discarded);
}

#[test]
fn a_late_success_of_a_failed_attempt_is_discarded_while_the_next_one_runs() {
    let mut world = processing();
    world.ask(finish(1, 1, Failed));
    world.ask(start(1, 2));
    assert_eq!(world.ask(charge(1, 1)), ChargeAnswer::Conflict);
    assert_eq!(world.attempt(1, 1).outcome, Discarded);
    assert_eq!(world.ask(charge(1, 2)), ChargeAnswer::Charged { balance: Credits(900) });
    assert_eq!(world.generation(1).record.as_ref().unwrap().provider_used, Some(Provider::Fal));
}

#[test]
fn a_charge_without_outputs_or_attempt_is_a_conflict() {
    let mut world = processing();
    assert_eq!(world.ask(Charge { outputs: vec![], ..charge(1, 1) }), ChargeAnswer::Conflict);
    assert_eq!(world.ask(Charge { attempt_order: None, ..charge(1, 1) }), ChargeAnswer::Conflict);
    assert_eq!(world.ask(charge(1, 2)), ChargeAnswer::Conflict);
    assert_eq!(world.generation(1).status, GenerationStatus::Processing);
}

#[test]
fn a_result_before_the_acceptance_is_the_acceptance() {
    let mut world = World::with_credits(100);
    world.ask(reserve(1));
    world.ask(charge(1, 1));
    let record = world.generation(1).record.as_ref().unwrap();
    assert_eq!(record.started_at, Some(world.now));
    assert_eq!(record.prediction_id, Some(world.generation(1).generation_id.to_string()));
}

#[test]
fn nothing_is_charged_or_refunded_without_a_reservation() {
    let mut world = World::with_credits(100);
    assert_eq!(world.ask(charge(1, 1)), ChargeAnswer::NoReservation);
    assert_eq!(world.ask(refund(1, false)), RefundAnswer::NoReservation);
    assert_eq!(world.account().balance, Credits(100));
}
