//! A database that does not take writes: calls are refused as retryable, and nobody is called gone meanwhile.

use std::time::Duration;

use ledger_contract::{
    Credits, HolderId,
    command::{Add, Command},
    wire::{self, CommandBatch, RenewLease, TakeLeases, TakenLeases},
};
use serde_json::json;
use sqlx::Connection;
use uuid::Uuid;

use crate::stack::{Bed, accept, eventually, now, reserve};

#[tokio::test]
async fn while_the_database_takes_no_writes_calls_get_503_and_leases_are_suspended() {
    let mut bed = Bed::new();
    bed.config.timing.lease = Duration::from_hours(1);
    bed.config.timing.recovery_interval = Duration::from_millis(20);
    let store = bed.store().await;
    let stack = bed.start().await;
    let tenant = stack.tenant(Credits(1_000)).await;
    // Its holder was silent for a while; had the database answered, it might have renewed.
    let wish = reserve(tenant.caller, Credits(1));
    let id = wish.generation_id;
    let past = now().plus_ms(-100_000);
    store.apply(&[Command::Reserve(wish), accept(id)], past).await.unwrap();

    // Somebody holds the write lock for longer than anybody waits for it.
    let mut database = stack.database().await;
    let lock = database.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let add = Add { account_id: tenant.caller.account_id, amount: Credits(1), key: "x".to_owned(), description: None };
    let batch = CommandBatch { commands: vec![Command::Add(add)] };
    let refused = stack.request("POST", wire::COMMANDS).json(&batch).send();
    let renewal = RenewLease { holder: HolderId(Uuid::now_v7()) };
    let renewed = stack.request("POST", wire::LEASES_RENEW).json(&renewal).send();
    let (refused, renewed) = tokio::join!(refused, renewed);
    assert_eq!(refused.unwrap().status(), 503);
    assert_eq!(renewed.unwrap().status(), 503);
    assert_eq!(stack.read(tenant.caller, "/v1/user/billing").await.0, 200, "reads go on");
    let take = TakeLeases { holder: HolderId(Uuid::now_v7()), limit: 10 };
    assert_eq!(stack.post::<TakenLeases>(wire::LEASES_TAKE, &take).await.generations, [], "leases are suspended");

    lock.rollback().await.unwrap();
    eventually("commands are taken again", async || {
        stack.request("POST", wire::COMMANDS).json(&batch).send().await.unwrap().status() == 200
    })
    .await;
    eventually("every lease runs anew", async || stack.metric("babysea_ledger_database_up") == Some(1.0)).await;
    assert_eq!(stack.post::<TakenLeases>(wire::LEASES_TAKE, &take).await.generations, [], "its lease runs anew");
    stack.end().await;
}

#[tokio::test]
async fn a_call_that_breaks_a_rule_is_refused_and_never_fails_its_neighbours() {
    let stack = Bed::new().start().await;
    let account_id = stack.account(Credits::ZERO).await.account_id;
    let mut database = stack.database().await;
    let rule = "CREATE TRIGGER no_bad_adds BEFORE INSERT ON entries WHEN NEW.add_key = 'bad'
        BEGIN SELECT RAISE(ABORT, 'no bad adds'); END";
    sqlx::query(rule).execute(&mut database).await.unwrap();
    let keys = (0..60).map(|index| if index % 20 == 7 { "bad".to_owned() } else { format!("good:{index}") });
    let calls = keys.map(async |key| {
        let add = Add { account_id, amount: Credits(1), key: key.clone(), description: None };
        let batch = CommandBatch { commands: vec![Command::Add(add)] };
        (key, stack.request("POST", wire::COMMANDS).json(&batch).send().await.unwrap().status().as_u16())
    });
    for (key, status) in futures::future::join_all(calls).await {
        assert_eq!(status, if key == "bad" { 409 } else { 200 }, "{key}");
    }
    assert_eq!(stack.balance(account_id).await, Credits(57));
    stack.end().await;
}

#[tokio::test]
async fn the_audit_names_what_does_not_hold() {
    let stack = Bed::new().start().await;
    let tenant = stack.tenant(Credits(1_000)).await;
    let mut database = stack.database().await;
    sqlx::query("UPDATE accounts SET balance = balance + 1").execute(&mut database).await.unwrap();
    let report: wire::AuditReport = stack.post(wire::AUDIT, &json!({})).await;
    assert!(!report.violations.is_empty());
    assert!(report.violations.iter().any(|line| line.contains(&tenant.caller.account_id.to_string())), "{report:?}");
    assert_eq!(stack.metric("babysea_ledger_audits_total{result=\"violated\"}"), Some(1.0));
    sqlx::query("UPDATE accounts SET balance = balance - 1").execute(&mut database).await.unwrap();
    stack.end().await;
}
