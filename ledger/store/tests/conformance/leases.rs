//! Leases: the living keep their work, the gone lose it, nothing stays open for ever.

use ledger_contract::{
    AttemptOutcome::Failed, GenerationId, GenerationStatus, Plan, Provider, command::Reserve, wire::LEASE_MS,
};
use ledger_store::OVERDUE_GRACE_MS;

use crate::{
    commands::{NOW, accept, account, cancel, charge, finish, generation, holder, reserve, start},
    database::Database,
};

/// Generation 1 is processing and generation 2 pending, both run by holder 1, whose lease runs from now.
async fn two_open() -> Database {
    let database = Database::with_credits(1_000).await;
    database.ask(reserve(1)).await;
    database.ask(accept(1, 1)).await;
    database.ask_at(reserve(2), NOW.plus_ms(1)).await;
    database
}

async fn taken_by(database: &Database, n: u32, after_ms: i64) -> Vec<GenerationId> {
    let taken = database.store.take_leases(holder(n), 10, NOW.plus_ms(after_ms)).await.unwrap();
    taken.iter().map(|open| open.generation_id).collect()
}

#[tokio::test]
async fn work_of_a_living_holder_is_not_handed_over() {
    let database = two_open().await;
    assert_eq!(taken_by(&database, 2, LEASE_MS).await, []);
    database.store.renew_lease(holder(1), NOW.plus_ms(2 * LEASE_MS)).await.unwrap();
    assert_eq!(taken_by(&database, 2, 2 * LEASE_MS - 1).await, []);
    assert_eq!(database.store.abandoned(10, NOW.plus_ms(2 * LEASE_MS - 1)).await.unwrap(), []);
}

#[tokio::test]
async fn a_gone_holder_loses_what_is_processing_to_the_first_who_asks() {
    let database = two_open().await;
    assert_eq!(taken_by(&database, 2, LEASE_MS + 1).await, [generation(1)]);
    assert_eq!(taken_by(&database, 3, LEASE_MS + 2).await, []);
    // The taker is gone too, in its turn.
    assert_eq!(taken_by(&database, 3, 2 * LEASE_MS + 2).await, [generation(1)]);
}

#[tokio::test]
async fn a_holder_that_asks_again_keeps_its_own_work() {
    let database = two_open().await;
    assert_eq!(taken_by(&database, 1, 10 * LEASE_MS).await, []);
    assert_eq!(taken_by(&database, 2, 11 * LEASE_MS - 1).await, []);
}

#[tokio::test]
async fn what_is_handed_over_has_all_that_is_needed_to_go_on() {
    let database = two_open().await;
    database.ask(finish(1, 1, Failed)).await;
    database.ask(start(1, 2)).await;
    database.ask(accept(1, 2)).await;
    let open = database.store.take_leases(holder(2), 10, NOW.plus_ms(LEASE_MS + 1)).await.unwrap().pop().unwrap();
    assert_eq!((open.status, open.plan), (GenerationStatus::Processing, Plan::Starter));
    assert_eq!((&open.request, open.deadline_at), (&reserve(1).request, reserve(1).deadline_at));
    assert_eq!((open.ended[0].attempt_order, open.ended[0].provider), (1, Provider::Replicate));
    assert!(open.ended[0].error.is_some());
    let attempt = open.open.clone().unwrap();
    assert_eq!((attempt.attempt_order, attempt.handle), (2, Some(accept(1, 2).handle)));
    assert_eq!(database.store.open_generation(generation(1)).await.unwrap(), Some(open));
}

#[tokio::test]
async fn what_is_pending_is_abandoned_with_its_holder_and_never_handed_over() {
    let database = two_open().await;
    assert_eq!(database.store.abandoned(10, NOW.plus_ms(1)).await.unwrap(), []);
    assert_eq!(database.store.abandoned(10, NOW.plus_ms(LEASE_MS + 1)).await.unwrap(), [generation(2)]);
    assert_eq!(database.store.abandoned(0, NOW.plus_ms(LEASE_MS + 1)).await.unwrap(), []);
}

#[tokio::test]
async fn after_an_outage_every_lease_runs_anew() {
    let database = two_open().await;
    let back = NOW.plus_ms(10 * LEASE_MS);
    database.store.renew_all_leases(back.plus_ms(LEASE_MS)).await.unwrap();
    assert_eq!(taken_by(&database, 2, 11 * LEASE_MS - 1).await, []);
    assert_eq!(database.store.abandoned(10, back).await.unwrap(), []);
    assert_eq!(taken_by(&database, 2, 11 * LEASE_MS).await, [generation(1)]);
}

#[tokio::test]
async fn what_is_past_its_deadline_is_overdue_only_when_its_holder_is_gone() {
    let database = two_open().await;
    let late = reserve(1).deadline_at.plus_ms(OVERDUE_GRACE_MS);
    assert_eq!(database.store.overdue(10, late).await.unwrap(), []);
    let later = late.plus_ms(1);
    assert_eq!(database.store.overdue(10, later).await.unwrap(), [generation(1), generation(2)]);
    assert_eq!(database.store.overdue(1, later).await.unwrap(), [generation(1)]);
    database.store.renew_lease(holder(1), later.plus_ms(1)).await.unwrap();
    assert_eq!(database.store.overdue(10, later).await.unwrap(), []);
}

#[tokio::test]
async fn an_ended_generation_is_nobodys() {
    let database = two_open().await;
    assert_eq!(database.store.open_generations().await.unwrap(), 2);
    database.ask(charge(1, 1)).await;
    database.ask(cancel(2)).await;
    let late = reserve(1).deadline_at.plus_ms(OVERDUE_GRACE_MS + 1);
    assert_eq!(database.store.overdue(10, late).await.unwrap(), []);
    assert_eq!(taken_by(&database, 2, LEASE_MS + 1).await, []);
    assert_eq!(database.store.open_generation(generation(1)).await.unwrap(), None);
    assert_eq!(database.store.open_generations().await.unwrap(), 0);
}

#[tokio::test]
async fn the_oldest_are_handed_over_first_and_no_more_than_asked_for() {
    let database = Database::with_credits(1_000).await;
    for (step, n) in [(1, 3), (2, 2), (3, 1)] {
        let reserve = Reserve { holder: holder(7), ..reserve(n) };
        database.ask_at(reserve, NOW.plus_ms(step)).await;
        database.ask(accept(n, 1)).await;
    }
    let now = NOW.plus_ms(LEASE_MS + 100);
    let first = database.store.take_leases(holder(2), 2, now).await.unwrap();
    let ids: Vec<_> = first.iter().map(|open| (open.generation_id, open.account_id)).collect();
    assert_eq!(ids, [(generation(3), account(1)), (generation(2), account(1))]);
}
