//! Adds: once per key, never above the maximum.

use ledger_contract::{
    Credits,
    command::{Add, AddAnswer, RefundAnswer, ReserveAnswer},
};

use crate::{
    commands::{account, add, refund, reserve},
    world::World,
};

#[test]
fn an_add_raises_the_balance_once_per_key() {
    let mut world = World::new();
    assert_eq!(world.ask(add("order:1", 500)), AddAnswer::Added { balance: Credits(500) });
    assert_eq!(world.ask(add("order:1", 500)), AddAnswer::AlreadyAdded { balance: Credits(500) });
    assert_eq!(world.ask(add("order:2", 500)), AddAnswer::Added { balance: Credits(1_000) });
    assert_eq!(world.book.entries().len(), 2);
}

#[test]
fn the_same_add_key_with_another_amount_is_a_conflict() {
    let mut world = World::with_credits(500);
    assert_eq!(world.ask(add("welcome:1", 501)), AddAnswer::Conflict { granted: Credits(500) });
    assert_eq!(world.account().balance, Credits(500));
}

#[test]
fn another_account_may_use_the_same_add_key() {
    let mut world = World::with_credits(500);
    let other = Add { account_id: account(2), ..add("welcome:1", 7) };
    assert_eq!(world.ask(other), AddAnswer::Added { balance: Credits(7) });
}

#[test]
fn an_add_outside_the_range_is_refused() {
    let mut world = World::new();
    for amount in [i64::MIN, -1, 0, Credits::MAX.0 + 1, i64::MAX] {
        assert_eq!(world.ask(add("order:1", amount)), AddAnswer::OutOfRange, "{amount}");
    }
    assert_eq!(world.ask(add("order:1", Credits::MAX.0)), AddAnswer::Added { balance: Credits::MAX });
    assert_eq!(world.ask(add("order:2", 1)), AddAnswer::OutOfRange);
}

#[test]
fn an_add_leaves_room_for_every_refund() {
    let mut world = World::with_credits(Credits::MAX.0);
    assert!(matches!(world.ask(reserve(1)), ReserveAnswer::Reserved { .. }));
    assert_eq!(world.ask(add("order:1", 1)), AddAnswer::OutOfRange);
    assert_eq!(world.ask(refund(1, false)), RefundAnswer::Refunded { balance: Credits::MAX });
}

#[test]
fn an_add_to_an_unknown_account_is_refused() {
    let mut world = World::new();
    assert_eq!(world.ask(Add { account_id: account(9), ..add("order:1", 5) }), AddAnswer::AccountMissing);
}
