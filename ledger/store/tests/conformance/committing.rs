//! A batch is one transaction: all of it, or nothing; and what was written reads back as it was decided.

use ledger_contract::{
    AttemptOutcome::Failed,
    Credits, GenerationStatus, Provider,
    command::{Answer, Ask, Command, Reserve, ReserveAnswer},
    generation::EntryKind,
};
use ledger_store::StoreError;

use crate::{
    commands::{NOW, accept, account, add, charge, delete, finish, generation, reserve, reserve_under, start},
    database::Database,
};

#[tokio::test]
async fn a_generation_walks_from_reserve_to_charge_and_its_entries_say_so() {
    let database = Database::with_credits(1_000).await;
    database.ask(reserve_under(1, "key", "print")).await;
    database.ask(accept(1, 1)).await;
    database.ask(finish(1, 1, Failed)).await;
    database.ask(start(1, 2)).await;
    database.ask(accept(1, 2)).await;
    database.ask(charge(1, 2)).await;
    let row = database.store.generation(account(1), generation(1)).await.unwrap().unwrap();
    assert_eq!((row.status, row.provider_used), (GenerationStatus::Succeeded, Some(Provider::Fal)));
    assert_eq!(row.request, reserve(1).request);
    assert_eq!(row.provider_order, reserve(1).provider_order);
    assert_eq!(row.outputs, Some(charge(1, 2).outputs));
    assert_eq!((row.predict_time_ms, row.prediction_id.as_deref()), (Some(850), Some("job-2")));
    let entries = database.store.entries(account(1), 10, 0).await.unwrap();
    let kinds: Vec<_> = entries.iter().map(|entry| (entry.kind, entry.balance_after)).collect();
    let newest_first = [(EntryKind::Charge, 900), (EntryKind::Reserve, 900), (EntryKind::Add, 1_000)];
    assert_eq!(kinds, newest_first.map(|(kind, after)| (kind, Credits(after))));
    database.assert_clean().await;
}

#[tokio::test]
async fn one_batch_does_a_whole_life() {
    let database = Database::new().await;
    let batch: Vec<Command> = vec![
        add("order:1", 300).into_command(),
        reserve_under(1, "key", "print").into_command(),
        accept(1, 1).into_command(),
        finish(1, 1, Failed).into_command(),
        start(1, 2).into_command(),
        charge(1, 2).into_command(),
        reserve(2).into_command(),
        delete(2).into_command(),
        delete(1).into_command(),
    ];
    let answers = database.store.apply(&batch, NOW).await.unwrap();
    assert_eq!(answers.len(), batch.len());
    let profile = database.store.account(account(1)).await.unwrap().unwrap();
    assert_eq!((profile.generations_total, profile.generations_ever), (0, 2));
    assert_eq!(profile.account.balance, Credits(200));
    database.assert_clean().await;
}

#[tokio::test]
async fn a_refused_command_never_fails_its_neighbours() {
    let database = Database::with_credits(150).await;
    let batch: Vec<Command> = vec![
        Reserve { amount: Credits(i64::MIN), ..reserve(1) }.into_command(),
        Reserve { account_id: account(9), ..reserve(2) }.into_command(),
        reserve(3).into_command(),
        charge(9, 1).into_command(),
    ];
    let answers = database.store.apply(&batch, NOW).await.unwrap();
    assert_eq!(answers[2], Answer::Reserve(ReserveAnswer::Reserved { balance: Credits(50) }));
    database.assert_clean().await;
}

#[tokio::test]
async fn a_batch_that_trips_a_rule_leaves_nothing_behind() {
    let database = Database::with_credits(150).await;
    let raw = database.raw().await;
    // A broken invariant that no command can make: the account counts less reserved than its generations hold.
    database.ask(reserve(1)).await;
    sqlx::query("UPDATE accounts SET reserved = 0").execute(&raw).await.unwrap();
    let batch = [add("order:1", 10).into_command(), charge(1, 1).into_command()];
    let refused = database.store.apply(&batch, NOW).await;
    assert!(
        matches!(&refused, Err(StoreError::Constraint { rule, .. }) if rule.contains("reserved_is_never_negative"))
    );
    let profile = database.store.account(account(1)).await.unwrap().unwrap();
    assert_eq!((profile.account.balance, profile.account.in_flight), (Credits(50), 1));
    assert_eq!(database.store.entries(account(1), 10, 0).await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_empty_batch_answers_nothing() {
    assert_eq!(Database::new().await.store.apply(&[], NOW).await.unwrap(), []);
}

#[tokio::test]
async fn a_full_batch_is_one_transaction() {
    let database = Database::with_credits(1_000_000).await;
    let batch: Vec<Command> = (0..2_000).map(|n| add(&format!("order:{n}"), 1).into_command()).collect();
    assert_eq!(database.store.apply(&batch, NOW).await.unwrap().len(), 2_000);
    let profile = database.store.account(account(1)).await.unwrap().unwrap();
    assert_eq!(profile.account.balance, Credits(1_002_000));
    database.assert_clean().await;
}
