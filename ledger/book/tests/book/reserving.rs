//! Reservations: all or nothing, in the order key, slot, credits, record.

use ledger_book::apply;
use ledger_contract::{
    AttemptOutcome, Credits, GenerationStatus,
    command::{Answer, Ask, Command, Reserve, ReserveAnswer},
    generation::EntryKind,
};

use crate::{
    commands::{account, add, charge, claim, holder, reserve, reserve_under},
    world::World,
};

#[test]
fn a_reservation_takes_credits_and_a_slot_and_writes_record_entry_and_first_attempt() {
    let mut world = World::with_credits(250);
    assert_eq!(world.ask(reserve(1)), ReserveAnswer::Reserved { balance: Credits(150) });
    let account = world.account();
    assert_eq!((account.balance, account.reserved, account.in_flight), (Credits(150), Credits(100), 1));
    assert_eq!((account.generations_total, account.generations_ever), (1, 1));
    let entry = world.book.entries().last().unwrap();
    assert_eq!((entry.kind, entry.amount, entry.balance_after), (EntryKind::Reserve, Credits(100), Credits(150)));
    let generation = world.generation(1);
    assert_eq!(generation.status, GenerationStatus::Pending);
    assert_eq!(generation.record.as_ref().unwrap().lease_holder, Some(holder(1)));
    assert_eq!(world.attempt(1, 1).outcome, AttemptOutcome::Pending);
}

#[test]
fn a_reservation_said_twice_is_answered_as_already_reserved() {
    let mut world = World::with_credits(100);
    world.ask(reserve(1));
    assert_eq!(world.ask(reserve(1)), ReserveAnswer::AlreadyReserved { balance: Credits(0) });
    world.ask(charge(1, 1));
    assert_eq!(world.ask(reserve(1)), ReserveAnswer::AlreadyReserved { balance: Credits(0) });
    assert_eq!(world.account().generations_ever, 1);
}

#[test]
fn a_generation_id_of_another_account_or_amount_is_a_conflict() {
    let mut world = World::with_credits(1_000);
    world.ask(reserve(1));
    let dearer = Reserve { amount: Credits(101), ..reserve(1) };
    let others = Reserve { account_id: account(2), ..reserve(1) };
    assert_eq!(world.ask(dearer), ReserveAnswer::Conflict);
    assert_eq!(world.ask(others), ReserveAnswer::Conflict);
}

#[test]
fn an_amount_outside_the_range_is_a_conflict() {
    let mut world = World::with_credits(1_000);
    for amount in [i64::MIN, -100, 0, Credits::MAX.0 + 1, i64::MAX] {
        let reserve = Reserve { amount: Credits(amount), ..reserve(1) };
        assert_eq!(world.ask(reserve), ReserveAnswer::Conflict, "{amount}");
    }
}

#[test]
fn an_unknown_account_is_missing() {
    let mut world = World::new();
    assert_eq!(world.ask(Reserve { account_id: account(9), ..reserve(1) }), ReserveAnswer::AccountMissing);
}

#[test]
fn credits_below_the_amount_are_insufficient_and_leave_no_trace() {
    let mut world = World::with_credits(99);
    let before = world.book.clone().into_effects();
    let answer = world.ask(reserve_under(1, "key", "print"));
    assert_eq!(answer, ReserveAnswer::Insufficient { required: Credits(100), balance: Credits(99) });
    assert_eq!(world.book.into_effects(), before);
}

#[test]
fn the_cap_of_the_plan_limits_how_many_run_at_once() {
    let mut world = World::with_credits(10_000);
    for n in 1..=5 {
        assert!(matches!(world.ask(reserve(n)), ReserveAnswer::Reserved { .. }), "{n}");
    }
    assert_eq!(world.ask(reserve(6)), ReserveAnswer::ConcurrencyLimit { limit: 5, in_flight: 5 });
    world.ask(charge(3, 1));
    assert!(matches!(world.ask(reserve(6)), ReserveAnswer::Reserved { .. }));
}

#[test]
fn key_comes_before_slot_and_slot_before_credits() {
    let mut world = World::with_credits(550);
    world.ask(reserve_under(1, "key", "print"));
    for n in 2..=5 {
        world.ask(reserve(n));
    }
    // Everything is against these: each answer is the first obstacle.
    assert_eq!(world.ask(reserve_under(6, "key", "print")), ReserveAnswer::IdempotencyInProgress);
    assert_eq!(world.ask(reserve_under(6, "key", "else")), ReserveAnswer::IdempotencyConflict);
    assert_eq!(world.ask(reserve_under(6, "new", "print")), ReserveAnswer::ConcurrencyLimit { limit: 5, in_flight: 5 });
    world.ask(charge(2, 1));
    let short = ReserveAnswer::Insufficient { required: Credits(100), balance: Credits(50) };
    assert_eq!(world.ask(reserve_under(6, "new", "print")), short);
    assert_eq!(world.book.claim(&(account(1), claim("new", "print").key)), None);
}

#[test]
fn commands_of_one_batch_see_each_other_and_a_refused_one_harms_none() {
    let mut world = World::new();
    let batch: Vec<Command> = vec![
        reserve(1).into_command(),
        add("order:1", 200).into_command(),
        reserve(2).into_command(),
        Reserve { amount: Credits(-5), ..reserve(3) }.into_command(),
        reserve(4).into_command(),
        reserve(5).into_command(),
    ];
    let answers = apply(&mut world.book, &batch, world.now);
    let reserved = |balance| Answer::Reserve(ReserveAnswer::Reserved { balance: Credits(balance) });
    let short = Answer::Reserve(ReserveAnswer::Insufficient { required: Credits(100), balance: Credits(0) });
    assert_eq!(answers[0], short);
    assert_eq!(answers[2], reserved(100));
    assert_eq!(answers[3], Answer::Reserve(ReserveAnswer::Conflict));
    assert_eq!(answers[4], reserved(0));
    assert_eq!(answers[5], short);
}
