//! Cancel and delete: the owner's, once, with the credits back.

use ledger_contract::{
    AttemptOutcome::Cancelled,
    Credits, GenerationStatus,
    command::{Cancel, CancelAnswer, ChargeAnswer, Delete, DeleteAnswer, RefundAnswer, ReserveAnswer},
};

use crate::{
    commands::{accept, account, cancel, charge, delete, refund, reserve},
    world::World,
};

fn processing() -> World {
    let mut world = World::with_credits(1_000);
    world.ask(reserve(1));
    world.ask(accept(1, 1));
    world
}

#[test]
fn a_cancel_refunds_and_hands_over_what_may_still_run() {
    let mut world = processing();
    let CancelAnswer::Canceled { open } = world.ask(cancel(1)) else { panic!("not canceled") };
    assert!(open.unwrap().handle.is_some());
    assert_eq!(world.account().balance, Credits(1_000));
    assert_eq!(world.generation(1).status, GenerationStatus::Canceled);
    assert_eq!(world.attempt(1, 1).outcome, Cancelled);
}

#[test]
fn an_ended_generation_is_not_cancelable() {
    let mut world = processing();
    world.ask(cancel(1));
    assert_eq!(world.ask(cancel(1)), CancelAnswer::NotCancelable { status: GenerationStatus::Canceled });
    let mut world = processing();
    world.ask(charge(1, 1));
    assert_eq!(world.ask(cancel(1)), CancelAnswer::NotCancelable { status: GenerationStatus::Succeeded });
}

#[test]
fn another_accounts_generation_reads_like_an_unknown_one() {
    let mut world = processing();
    assert_eq!(world.ask(Cancel { account_id: account(2), ..cancel(1) }), CancelAnswer::NotFound);
    assert_eq!(world.ask(Delete { account_id: account(2), ..delete(1) }), DeleteAnswer::NotFound);
    assert_eq!(world.ask(cancel(9)), CancelAnswer::NotFound);
    assert_eq!(world.ask(delete(9)), DeleteAnswer::NotFound);
}

#[test]
fn a_delete_removes_the_record_and_names_its_files_once() {
    let mut world = processing();
    world.ask(charge(1, 1));
    let outputs = charge(1, 1).outputs;
    assert_eq!(world.ask(delete(1)), DeleteAnswer::Deleted { outputs, open: None });
    assert_eq!(world.ask(delete(1)), DeleteAnswer::NotFound);
    assert_eq!(world.ask(cancel(1)), CancelAnswer::NotFound);
    assert_eq!((world.account().generations_total, world.account().generations_ever), (0, 1));
    assert_eq!(world.account().balance, Credits(900));
}

#[test]
fn deleting_an_open_generation_cancels_it_first() {
    let mut world = processing();
    let DeleteAnswer::Deleted { outputs, open } = world.ask(delete(1)) else { panic!("not deleted") };
    assert!(outputs.is_empty() && open.is_some());
    let account = world.account();
    assert_eq!((account.balance, account.reserved, account.in_flight), (Credits(1_000), Credits(0), 0));
}

#[test]
fn a_deleted_generation_still_answers_what_its_entries_say() {
    let mut world = processing();
    world.ask(refund(1, false));
    world.ask(delete(1));
    assert_eq!(world.ask(refund(1, false)), RefundAnswer::AlreadyRefunded { status: GenerationStatus::Canceled });
    assert_eq!(world.ask(reserve(1)), ReserveAnswer::AlreadyReserved { balance: Credits(1_000) });
    let mut world = processing();
    world.ask(charge(1, 1));
    world.ask(delete(1));
    assert_eq!(world.ask(charge(1, 1)), ChargeAnswer::AlreadyCharged);
}
