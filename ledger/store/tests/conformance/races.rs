//! Many at once: duplicates agree, endings exclude each other, nobody overspends.

use ledger_contract::{
    Credits,
    command::{Answer, Ask, CancelAnswer, ChargeAnswer, Command, RefundAnswer, ReserveAnswer},
    generation::EntryKind,
};
use ledger_store::Store;
use tokio::task::JoinSet;

use crate::{
    commands::{NOW, account, cancel, charge, refund, reserve, reserve_under},
    database::Database,
};

async fn at_once(store: &Store, commands: Vec<Command>) -> Vec<Answer> {
    let mut tasks = JoinSet::new();
    for command in commands {
        let store = store.clone();
        tasks.spawn(async move { store.apply(&[command], NOW).await.unwrap().pop().unwrap() });
    }
    tasks.join_all().await
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_copies_of_one_reserve_on_a_thin_balance_all_succeed() {
    let database = Database::with_credits(100).await;
    let copies = vec![reserve_under(1, "key", "print").into_command(); 20];
    let answers = at_once(&database.store, copies).await;
    let first = Answer::Reserve(ReserveAnswer::Reserved { balance: Credits(0) });
    let again = Answer::Reserve(ReserveAnswer::AlreadyReserved { balance: Credits(0) });
    assert_eq!(answers.iter().filter(|answer| **answer == first).count(), 1);
    assert_eq!(answers.iter().filter(|answer| **answer == again).count(), 19);
    database.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_reserves_never_overspend() {
    let database = Database::with_credits(350).await;
    let answers = at_once(&database.store, (1..=20).map(|n| reserve(n).into_command()).collect()).await;
    let reserved = |answer: &&Answer| matches!(answer, Answer::Reserve(ReserveAnswer::Reserved { .. }));
    assert_eq!(answers.iter().filter(reserved).count(), 3);
    database.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_requests_with_one_new_key_exactly_one_runs() {
    let database = Database::with_credits(1_000).await;
    let rivals = (1..=10).map(|n| reserve_under(n, "key", "print").into_command()).collect();
    let answers = at_once(&database.store, rivals).await;
    let waiting = Answer::Reserve(ReserveAnswer::IdempotencyInProgress);
    assert_eq!(answers.iter().filter(|answer| **answer == waiting).count(), 9);
    database.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn charge_refund_and_cancel_at_once_end_a_generation_once() {
    let database = Database::with_credits(10_000).await;
    for n in 1..=20 {
        database.ask(reserve(n)).await;
        let rivals = vec![
            charge(n, 1).into_command(),
            refund(n, false).into_command(),
            cancel(n).into_command(),
            refund(n, true).into_command(),
            charge(n, 1).into_command(),
        ];
        let won = |answer: &&Answer| {
            matches!(
                answer,
                Answer::Charge(ChargeAnswer::Charged { .. })
                    | Answer::Refund(RefundAnswer::Refunded { .. })
                    | Answer::Cancel(CancelAnswer::Canceled { .. })
            )
        };
        assert_eq!(at_once(&database.store, rivals).await.iter().filter(won).count(), 1, "generation {n}");
    }
    let entries = database.store.entries(account(1), 100, 0).await.unwrap();
    let ends = entries.iter().filter(|entry| matches!(entry.kind, EntryKind::Charge | EntryKind::Refund)).count();
    assert_eq!(ends, 20);
    database.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stores_on_one_file_serve_the_same_account() {
    let database = Database::with_credits(500).await;
    let other = database.reopened().await;
    let half = |from: u32| (from..from + 10).map(|n| reserve(n).into_command()).collect();
    let (left, right) = tokio::join!(at_once(&database.store, half(1)), at_once(&other, half(11)));
    let reserved = |answer: &&Answer| matches!(answer, Answer::Reserve(ReserveAnswer::Reserved { .. }));
    assert_eq!(left.iter().chain(&right).filter(reserved).count(), 5);
    database.assert_clean().await;
}
