//! Several processes on one database: they migrate once, lock in one order, and never wait in a circle.

use std::time::Duration;

use ledger_contract::{
    Credits,
    command::{Add, Answer, Ask, Command, Reserve, ReserveAnswer},
};
use ledger_store::Store;
use tokio::task::JoinSet;

use crate::{
    commands::{NOW, account, add, cancel, charge, holder, reserve},
    database::{Database, named},
    server::Server,
};

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_together_migrate_once() {
    let url = Server::shared().database();
    let mut opening = JoinSet::new();
    for _ in 0..6 {
        let url = url.clone();
        opening.spawn(async move { Store::open(&url).await.unwrap() });
    }
    for store in opening.join_all().await {
        store.ping().await.unwrap();
    }
}

#[tokio::test]
async fn an_older_process_goes_on_while_a_newer_one_has_expanded_the_schema() {
    let database = Database::with_credits(1_000).await;
    let raw = database.raw().await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (9999, 'from the future', true, '', 0)";
    sqlx::query(newer).execute(&raw).await.unwrap();
    sqlx::query("ALTER TABLE accounts ADD COLUMN later text").execute(&raw).await.unwrap();
    let older = database.reopened().await;
    older.apply(&[reserve(1).into_command()], NOW).await.unwrap();
    database.assert_clean().await;
}

/// Two processes move credits of twenty accounts in opposite orders, take each other's leases and sweep meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_that_name_accounts_in_opposite_orders_never_deadlock() {
    let database = Database::new().await;
    for n in 3..=20 {
        database.store.create_account(&named(n), NOW).await.unwrap();
    }
    let stores = [database.store.clone(), database.reopened().await];
    let mut working = JoinSet::new();
    for (which, store) in (0..).zip(stores) {
        working.spawn(async move {
            for round in 0..20_u32 {
                let mut order: Vec<u32> = (1..=20).collect();
                if which == 1 {
                    order.reverse();
                }
                let commands = order.into_iter().flat_map(|n| batch(which, round, n)).collect::<Vec<_>>();
                let answers = store.apply(&commands, NOW).await.unwrap();
                assert_eq!(answers.len(), commands.len());
                store.take_leases(holder(which + 1), 100, NOW.plus_ms(3_600_000)).await.unwrap();
                store.sweep_keys(NOW).await.unwrap();
            }
        });
    }
    tokio::time::timeout(Duration::from_mins(1), working.join_all()).await.expect("nobody waits in a circle");
    let raw = database.raw().await;
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(sqlx::query_scalar::<_, i64>(deadlocks).fetch_one(&raw).await.unwrap(), 0);
    database.assert_clean().await;
}

fn batch(which: u32, round: u32, n: u32) -> Vec<Command> {
    let id = (which * 1_000 + round) * 100 + n;
    let account_id = account(n);
    vec![
        Command::Add(Add { account_id, amount: Credits(100), ..add(&format!("order:{id}"), 0) }),
        Command::Reserve(Reserve { account_id, holder: holder(which + 1), ..reserve(id) }),
        charge(id, 1).into_command(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_parallel_reserves_over_two_processes_never_overspend() {
    let database = Database::new().await;
    database.store.set_plan(account(1), ledger_contract::Plan::Enterprise, NOW).await.unwrap();
    database.ask(add("welcome:1", 15_000)).await;
    let stores = [database.store.clone(), database.reopened().await];
    let mut asking = JoinSet::new();
    for (lane, store) in (0..20_u32).zip(stores.iter().cycle()) {
        let store = store.clone();
        asking.spawn(async move {
            let mut reserved = 0;
            for n in lane * 50..lane * 50 + 50 {
                let answers = store.apply(&[reserve(n).into_command()], NOW).await.unwrap();
                reserved += usize::from(matches!(answers[..], [Answer::Reserve(ReserveAnswer::Reserved { .. })]));
            }
            reserved
        });
    }
    assert_eq!(asking.join_all().await.into_iter().sum::<usize>(), 150);
    database.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_of_one_process_and_a_cancel_of_another_end_a_generation_once() {
    let database = Database::with_credits(100_000).await;
    let other = database.reopened().await;
    for n in 1..=100 {
        database.ask(reserve(n)).await;
        let (charged, canceled) = ([charge(n, 1).into_command()], [cancel(n).into_command()]);
        let (left, right) = tokio::join!(database.store.apply(&charged, NOW), other.apply(&canceled, NOW));
        left.unwrap();
        right.unwrap();
    }
    let entries = database.store.entries(account(1), 1_000, 0).await.unwrap();
    assert_eq!(entries.len(), 1 + 200);
    database.assert_clean().await;
}
