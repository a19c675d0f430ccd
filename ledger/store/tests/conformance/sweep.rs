//! What has had its time is forgotten, and nothing else.

use ledger_contract::{
    Plan,
    command::{DeleteAnswer, ReserveAnswer},
    wire::LEASE_MS,
};
use ledger_store::SweptOutputs;

use crate::{
    commands::{NOW, accept, account, charge, delete, generation, holder, reserve, reserve_under},
    database::Database,
};

const DAY_MS: i64 = 24 * 3_600_000;

#[tokio::test]
async fn outputs_are_due_when_the_plans_retention_ends_until_they_are_marked_swept() {
    let database = Database::with_credits(1_000).await;
    database.ask(reserve(1)).await;
    database.ask(charge(1, 1)).await;
    let due = NOW.plus_ms(Plan::Starter.limits().file_retention_ms);
    assert_eq!(database.store.expired_outputs(due.plus_ms(-1), 10).await.unwrap(), []);
    let swept = SweptOutputs { generation_id: generation(1), outputs: charge(1, 1).outputs };
    assert_eq!(database.store.expired_outputs(due, 10).await.unwrap(), [swept]);
    database.store.mark_swept(&[generation(1)]).await.unwrap();
    assert_eq!(database.store.expired_outputs(due, 10).await.unwrap(), []);
    let row = database.store.generation(account(1), generation(1)).await.unwrap().unwrap();
    assert!(row.outputs_swept && row.outputs.is_some());
    assert_eq!(database.ask(delete(1)).await, DeleteAnswer::Deleted { outputs: vec![], open: None });
}

#[tokio::test]
async fn expired_keys_are_forgotten_and_living_ones_kept() {
    let database = Database::with_credits(1_000).await;
    database.ask(reserve_under(1, "key", "print")).await;
    database.ask(accept(1, 1)).await;
    database.store.sweep_keys(NOW.plus_ms(DAY_MS - 1)).await.unwrap();
    assert!(matches!(database.ask(reserve_under(2, "key", "print")).await, ReserveAnswer::Replay { .. }));
    database.store.sweep_keys(NOW.plus_ms(DAY_MS)).await.unwrap();
    let raw = database.raw().await;
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM idempotency_keys").fetch_one(&raw).await.unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_lease_is_kept_while_its_holder_has_open_generations() {
    let database = Database::with_credits(1_000).await;
    database.ask(reserve(1)).await;
    database.store.renew_lease(holder(2), NOW.plus_ms(LEASE_MS)).await.unwrap();
    database.store.sweep_keys(NOW.plus_ms(DAY_MS)).await.unwrap();
    let raw = database.raw().await;
    let left: Vec<String> =
        sqlx::query_scalar("SELECT CAST(holder AS TEXT) FROM leases").fetch_all(&raw).await.unwrap();
    assert_eq!(left, [holder(1).to_string()]);
}
