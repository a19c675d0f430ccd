//! Old entries leave behind a checkpoint, and nothing becomes possible a second time by that.

use ledger_book::chain;
use ledger_contract::{
    Credits, Timestamp,
    command::{AddAnswer, CancelAnswer, ChargeAnswer, RefundAnswer, ReserveAnswer},
    wire::ChainPlace,
};
use ledger_store::ArchivePlan;

use crate::{
    commands::{NOW, account, add, cancel, charge, delete, refund, reserve},
    database::Database,
};

const DAY_MS: i64 = 24 * 3_600_000;
/// The starter plan keeps entries for 90 days.
const LATER: Timestamp = Timestamp(NOW.0 + 100 * DAY_MS);

/// 1 succeeded, 2 failed, 3 was deleted; a day later 4 succeeded.
async fn lived_in() -> Database {
    let database = Database::with_credits(1_000).await;
    for n in 1..=3 {
        database.ask(reserve(n)).await;
    }
    database.ask(charge(1, 1)).await;
    database.ask(refund(2, false)).await;
    database.ask(delete(3)).await;
    database.ask_at(reserve(4), NOW.plus_ms(DAY_MS)).await;
    database.ask_at(charge(4, 1), NOW.plus_ms(DAY_MS)).await;
    database
}

async fn plan(database: &Database, limit: u32) -> Option<ArchivePlan> {
    database.store.archive_plan(account(1), limit, LATER).await.unwrap()
}

/// Archives in files of `limit` entries; how many entries went.
async fn archive(database: &Database, limit: u32) -> usize {
    let mut gone = 0;
    while let Some(plan) = plan(database, limit).await {
        gone += plan.rows.len();
        assert!(database.store.archive(&plan, "file", LATER).await.unwrap());
        database.assert_clean().await;
    }
    gone
}

async fn left(database: &Database) -> usize {
    database.store.entries(account(1), 1_000, 0).await.unwrap().len()
}

#[tokio::test]
async fn nothing_is_archived_before_its_time() {
    let database = lived_in().await;
    let early = NOW.plus_ms(90 * DAY_MS);
    assert_eq!(database.store.archivable(None, 10, early).await.unwrap(), []);
    assert_eq!(database.store.archive_plan(account(1), 100, early).await.unwrap(), None);
    assert_eq!(database.store.archivable(None, 10, LATER).await.unwrap(), [account(1)]);
    assert_eq!(database.store.archivable(Some(account(1)), 10, LATER).await.unwrap(), []);
    assert_eq!(database.store.archive_plan(account(9), 100, LATER).await.unwrap(), None);
}

#[tokio::test]
async fn a_checkpoint_stands_for_what_is_gone_and_the_chain_goes_on_from_it() {
    let database = lived_in().await;
    let before = database.store.chain(account(1)).await.unwrap().unwrap();
    let plan = plan(&database, 100).await.unwrap();
    assert_eq!((plan.opening, plan.checkpoint, plan.rows.len()), (before.opening, before.head, 9));
    assert!(database.store.archive(&plan, "file", LATER).await.unwrap());
    assert_eq!(left(&database).await, 0);
    let after = database.store.chain(account(1)).await.unwrap().unwrap();
    assert_eq!((after.opening, after.head), (before.head, before.head));
    database.ask_at(add("order:1", 50), LATER).await;
    let rows = database.store.chain_entries(account(1), after.opening.seq, 10).await.unwrap();
    let (place, broken) = chain::follow(&after.opening, &rows[0]);
    assert_eq!((broken, place.balance, place.seq), (vec![], Credits(850), 10));
    database.assert_clean().await;
}

#[tokio::test]
async fn nothing_archived_can_be_done_again() {
    // Files of every size: an entry of a generation may be archived while another one is not.
    for limit in 1..=9 {
        let database = lived_in().await;
        assert_eq!(archive(&database, limit).await, 9);
        for n in 1..=4 {
            let answer = database.ask_at(reserve(n), LATER).await;
            assert_eq!(answer, ReserveAnswer::AlreadyReserved { balance: Credits(800) }, "{n} of {limit}");
        }
        assert_eq!(database.ask_at(charge(1, 1), LATER).await, ChargeAnswer::AlreadyCharged);
        assert!(matches!(database.ask_at(refund(2, false), LATER).await, RefundAnswer::AlreadyRefunded { .. }));
        assert!(matches!(database.ask_at(charge(3, 1), LATER).await, ChargeAnswer::Ended { .. }));
        assert_eq!(database.ask_at(refund(4, false), LATER).await, RefundAnswer::AlreadyCharged);
        assert_eq!(database.ask_at(cancel(3), LATER).await, CancelAnswer::NotFound);
        let granted = database.ask_at(add("welcome:1", 1_000), LATER).await;
        assert_eq!(granted, AddAnswer::AlreadyAdded { balance: Credits(800) });
        let other = database.ask_at(add("welcome:1", 7), LATER).await;
        assert_eq!(other, AddAnswer::Conflict { granted: Credits(1_000) });
        database.ask_at(delete(1), LATER).await;
        assert!(matches!(database.ask_at(reserve(1), LATER).await, ReserveAnswer::AlreadyReserved { .. }));
        assert_eq!(database.ask_at(charge(1, 1), LATER).await, ChargeAnswer::AlreadyCharged);
        database.assert_clean().await;
    }
}

#[tokio::test]
async fn half_an_archived_generation_can_not_be_done_again_either() {
    for stop in 1..9 {
        let database = lived_in().await;
        let first = plan(&database, stop).await.unwrap();
        assert!(database.store.archive(&first, "file", LATER).await.unwrap());
        assert_eq!(left(&database).await, 9 - stop as usize);
        for n in 1..=4 {
            assert!(matches!(database.ask_at(reserve(n), LATER).await, ReserveAnswer::AlreadyReserved { .. }));
        }
        assert_eq!(database.ask_at(charge(1, 1), LATER).await, ChargeAnswer::AlreadyCharged);
        database.assert_clean().await;
    }
}

#[tokio::test]
async fn an_open_generation_and_what_follows_it_stay() {
    let database = Database::with_credits(1_000).await;
    database.ask(reserve(1)).await;
    database.ask(reserve(2)).await;
    database.ask(charge(2, 1)).await;
    assert_eq!(archive(&database, 100).await, 1);
    database.ask_at(refund(1, false), LATER).await;
    assert_eq!(archive(&database, 100).await, 3);
    assert_eq!(left(&database).await, 1);
    assert!(matches!(database.ask_at(reserve(1), LATER).await, ReserveAnswer::AlreadyReserved { .. }));
    database.assert_clean().await;
}

#[tokio::test]
async fn a_plan_that_the_book_has_moved_past_changes_nothing() {
    let database = lived_in().await;
    let (small, large) = (plan(&database, 4).await.unwrap(), plan(&database, 9).await.unwrap());
    assert!(database.store.archive(&small, "file", LATER).await.unwrap());
    assert!(!database.store.archive(&large, "file", LATER).await.unwrap());
    assert!(!database.store.archive(&small, "file", LATER).await.unwrap());
    assert_eq!(left(&database).await, 5);
    database.assert_clean().await;
}

#[tokio::test]
async fn a_checkpoint_that_is_not_true_is_refused() {
    let database = lived_in().await;
    let plan = plan(&database, 9).await.unwrap();
    let checkpoint = ChainPlace { balance: Credits(900), ..plan.checkpoint };
    let wrong = ArchivePlan { checkpoint, ..plan };
    assert!(database.store.archive(&wrong, "file", LATER).await.is_err());
    assert_eq!(left(&database).await, 9);
    database.assert_clean().await;
}

#[tokio::test]
async fn a_budget_keeps_its_count_when_its_entries_are_archived() {
    let database = Database::with_credits(1_000).await;
    database.store.set_account_budget(account(1), Some("0.250/once".parse().unwrap()), NOW).await.unwrap();
    database.ask(reserve(1)).await;
    database.ask(charge(1, 1)).await;
    database.ask(reserve(2)).await;
    database.ask(cancel(2)).await;
    for limit in [2, 100] {
        let plan = plan(&database, limit).await.unwrap();
        assert!(database.store.archive(&plan, "file", LATER).await.unwrap());
        database.assert_clean().await;
    }
    database.ask_at(reserve(3), LATER).await;
    assert!(matches!(database.ask_at(reserve(4), LATER).await, ReserveAnswer::BudgetExceeded { .. }));
    database.ask_at(cancel(3), LATER).await;
    assert!(matches!(database.ask_at(reserve(4), LATER).await, ReserveAnswer::Reserved { .. }));
    database.assert_clean().await;
}
