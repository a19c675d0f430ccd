//! Accounts, and what is kept when a database is closed.

use ledger_contract::{Credits, Plan, access::Account};
use ledger_store::StoreError;

use crate::{
    commands::{NOW, account, reserve},
    database::{Database, named},
};

#[tokio::test]
async fn an_account_begins_without_credits_whatever_it_is_made_with() {
    let database = Database::new().await;
    let rich = Account { balance: Credits(5), in_flight: 3, ..named(7) };
    database.store.create_account(&rich, NOW).await.unwrap();
    let profile = database.store.account(account(7)).await.unwrap().unwrap();
    assert_eq!(profile.account, named(7));
    assert_eq!((profile.email, profile.is_personal, profile.generations_ever), (None, false, 0));
}

#[tokio::test]
async fn accounts_are_listed_oldest_first_and_made_once() {
    let database = Database::new().await;
    assert_eq!(database.store.accounts().await.unwrap(), [named(1), named(2)]);
    let twice = database.store.create_account(&named(1), NOW).await;
    assert!(matches!(twice, Err(StoreError::Constraint { .. })));
    assert_eq!(database.store.account(account(9)).await.unwrap(), None);
}

#[tokio::test]
async fn a_plan_change_applies_to_the_next_command() {
    let database = Database::with_credits(1_000).await;
    let free = database.store.set_plan(account(1), Plan::Free, NOW).await.unwrap().unwrap();
    assert_eq!(free.plan, Plan::Free);
    database.ask(reserve(1)).await;
    database.ask(reserve(2)).await;
    let limit = ledger_contract::command::ReserveAnswer::ConcurrencyLimit { limit: 2, in_flight: 2 };
    assert_eq!(database.ask(reserve(3)).await, limit);
    assert_eq!(database.store.set_plan(account(9), Plan::Free, NOW).await.unwrap(), None);
}

#[tokio::test]
async fn reopening_the_database_keeps_everything() {
    let database = Database::with_credits(1_000).await;
    database.ask(reserve(1)).await;
    database.store.close().await;
    let store = database.reopened().await;
    store.ping().await.unwrap();
    let profile = store.account(account(1)).await.unwrap().unwrap();
    assert_eq!((profile.account.balance, profile.account.in_flight), (Credits(900), 1));
    assert_eq!(store.open_generations().await.unwrap(), 1);
    assert_eq!(store.audit().await.unwrap().violations, Vec::<String>::new());
}

#[tokio::test]
async fn a_closed_database_is_unavailable() {
    let database = Database::new().await;
    database.store.close().await;
    assert!(matches!(database.store.ping().await, Err(StoreError::Unavailable(_))));
    let apply = database.store.apply(&[], NOW).await;
    assert!(matches!(apply, Err(StoreError::Unavailable(_))));
}
