//! Budgets hold exactly, whoever asks at once, and count what they say they count.

use ledger_contract::{
    ApiKeyId, Budget, BudgetId, Credits, Plan, Scope, Timestamp,
    access::{ApiKey, KeyState},
    budget::BudgetHolder,
    command::{Answer, Ask, Command, Reserve, ReserveAnswer},
};
use ledger_store::{Rotation, Store};
use tokio::task::JoinSet;

use crate::{
    commands::{NOW, account, cancel, charge, delete, refund, reserve},
    database::Database,
};

const DAY_MS: i64 = 24 * 3_600_000;

fn apikey(n: u32) -> ApiKeyId {
    format!("bbbbbbbb-0000-4000-8000-{n:012}").parse().unwrap()
}

fn key(n: u32) -> ApiKey {
    ApiKey {
        apikey_id: apikey(n),
        account_id: account(1),
        name: "main".into(),
        prefix: "bye_abcde".into(),
        scopes: vec![Scope::GenerationWrite],
        allow_ips: vec![],
        state: KeyState::Active,
        expires_at: None,
        created_at: NOW,
        last_used_at: None,
    }
}

fn of(text: &str) -> Option<Budget> {
    text.parse().map(Some).unwrap()
}

async fn rich() -> Database {
    let database = Database::with_credits(1_000_000).await;
    database.store.set_plan(account(1), Plan::Enterprise, NOW).await.unwrap();
    database
}

async fn spent(database: &Database, of: impl Into<uuid::Uuid>, at: Timestamp) -> i64 {
    database.store.budget(BudgetId(of.into()), at).await.unwrap().unwrap().spent.0
}

fn with_key(n: u32, key: u32) -> Reserve {
    Reserve { apikey_id: apikey(key), ..reserve(n) }
}

/// How many of these, said at once to these stores, were reserved and how many refused for a budget.
async fn at_once(stores: &[Store], reserves: impl Iterator<Item = Reserve>) -> (usize, usize) {
    let mut tasks = JoinSet::new();
    for (n, reserve) in reserves.enumerate() {
        let store = stores[n % stores.len()].clone();
        tasks.spawn(async move { store.apply(&[reserve.into_command()], NOW).await.unwrap().pop().unwrap() });
    }
    let answers = tasks.join_all().await;
    let taken = |answer: &&Answer| matches!(answer, Answer::Reserve(ReserveAnswer::Reserved { .. }));
    let refused = |answer: &&Answer| matches!(answer, Answer::Reserve(ReserveAnswer::BudgetExceeded { .. }));
    (answers.iter().filter(taken).count(), answers.iter().filter(refused).count())
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_reserves_of_several_processes_never_pass_an_accounts_budget() {
    let database = rich().await;
    database.store.set_account_budget(account(1), of("0.750/day"), NOW).await.unwrap();
    let stores = [database.store.clone(), database.reopened().await];
    assert_eq!(at_once(&stores, (1..=40).map(reserve)).await, (7, 33));
    assert_eq!(spent(&database, account(1).0, NOW).await, 700);
    database.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_reserves_never_pass_a_keys_budget_and_other_keys_go_on() {
    let database = rich().await;
    for n in [1, 2] {
        database.store.insert_key(&key(n), "hash").await.unwrap();
    }
    database.store.set_key_budget(apikey(1), of("0.300/month"), NOW).await.unwrap();
    let reserves = (1..=20).map(|n| with_key(n, 1 + n % 2));
    assert_eq!(at_once(std::slice::from_ref(&database.store), reserves).await, (13, 7));
    assert_eq!(spent(&database, apikey(1).0, NOW).await, 300);
    database.assert_clean().await;
}

#[tokio::test]
async fn a_refusal_says_what_is_limited_and_until_when() {
    let database = rich().await;
    database.store.set_account_budget(account(1), of("0.250/month"), NOW).await.unwrap();
    database.ask(reserve(1)).await;
    database.ask(reserve(2)).await;
    let refusal = ReserveAnswer::BudgetExceeded {
        holder: BudgetHolder::Account,
        budget: Credits(250),
        spent: Credits(200),
        required: Credits(100),
        window_ends_at: Timestamp::parse("2026-06-01T00:00:00Z"),
    };
    assert_eq!(database.ask(reserve(3)).await, refusal);
    assert!(matches!(database.ask(reserve(2)).await, ReserveAnswer::AlreadyReserved { .. }));
    database.assert_clean().await;
}

#[tokio::test]
async fn what_is_refunded_goes_back_to_the_window_it_was_taken_from() {
    let database = rich().await;
    database.store.set_account_budget(account(1), of("0.300/day"), NOW).await.unwrap();
    for n in 1..=3 {
        database.ask(reserve(n)).await;
    }
    database.ask(cancel(1)).await;
    assert_eq!(spent(&database, account(1).0, NOW).await, 200);
    let tomorrow = NOW.plus_ms(DAY_MS);
    assert_eq!(spent(&database, account(1).0, tomorrow).await, 0);
    database.ask_at(reserve(4), tomorrow).await;
    database.ask_at(refund(2, false), tomorrow).await;
    database.ask_at(charge(3, 1), tomorrow).await;
    assert_eq!(spent(&database, account(1).0, tomorrow).await, 100);
    database.ask_at(delete(4), tomorrow).await;
    assert_eq!(spent(&database, account(1).0, tomorrow).await, 0);
    database.assert_clean().await;
}

#[tokio::test]
async fn a_new_budget_counts_what_its_window_holds_and_a_changed_one_counts_on() {
    let database = rich().await;
    database.ask(reserve(1)).await;
    database.ask(reserve(2)).await;
    database.ask(cancel(2)).await;
    let set = async |budget| database.store.set_account_budget(account(1), budget, NOW).await.unwrap().unwrap().budget;
    assert_eq!(set(of("5/day")).await.unwrap().spent, Credits(100));
    assert_eq!(set(of("5/once")).await.unwrap().spent, Credits(100), "the same moment counts");
    database.ask_at(reserve(3), NOW.plus_ms(1)).await;
    assert_eq!(set(of("0.010/once")).await.unwrap().spent, Credits(200));
    let refused = database.ask_at(reserve(4), NOW.plus_ms(1)).await;
    assert!(matches!(refused, ReserveAnswer::BudgetExceeded { window_ends_at: None, .. }), "{refused:?}");
    assert!(matches!(
        database.ask_at(charge(3, 1), NOW.plus_ms(1)).await,
        ledger_contract::command::ChargeAnswer::Charged { .. }
    ));
    assert_eq!(set(None).await, None);
    assert!(matches!(database.ask_at(reserve(4), NOW.plus_ms(1)).await, ReserveAnswer::Reserved { .. }));
    let later = NOW.plus_ms(5);
    let fresh = database.store.set_account_budget(account(1), of("1/once"), later).await.unwrap().unwrap();
    assert_eq!(fresh.budget.unwrap().spent, Credits(0));
    database.assert_clean().await;
}

#[tokio::test]
async fn a_key_that_replaces_another_shares_its_budget_even_after_that_one_is_deleted() {
    let database = rich().await;
    database.store.insert_key(&key(1), "hash").await.unwrap();
    database.store.set_key_budget(apikey(1), of("0.200/once"), NOW).await.unwrap();
    database.ask(with_key(1, 1)).await;
    let rotated = database.store.rotate_key(apikey(1), NOW.plus_ms(DAY_MS), &key(2), "hash 2").await.unwrap();
    assert_eq!(rotated, Rotation::Rotated);
    database.ask(with_key(2, 2)).await;
    for key in [1, 2] {
        assert!(matches!(database.ask(with_key(3, key)).await, ReserveAnswer::BudgetExceeded { .. }));
    }
    database.store.delete_key(apikey(1)).await.unwrap();
    database.ask(cancel(1)).await;
    assert_eq!(spent(&database, apikey(1).0, NOW).await, 100);
    assert!(matches!(database.ask(with_key(3, 2)).await, ReserveAnswer::Reserved { .. }));
    database.assert_clean().await;
}

#[tokio::test]
async fn a_key_named_by_another_account_spends_nothing_of_its_own() {
    let database = rich().await;
    database.store.insert_key(&key(1), "hash").await.unwrap();
    database.store.set_key_budget(apikey(1), of("0.100/once"), NOW).await.unwrap();
    let foreign = Reserve { account_id: account(2), ..with_key(1, 1) };
    assert!(matches!(database.ask(foreign).await, ReserveAnswer::Insufficient { .. }));
    assert!(matches!(database.ask(with_key(2, 1)).await, ReserveAnswer::Reserved { .. }));
    assert_eq!(database.store.set_key_budget(apikey(9), of("1/day"), NOW).await.unwrap(), None);
    assert_eq!(database.store.set_account_budget(account(9), of("1/day"), NOW).await.unwrap(), None);
    database.assert_clean().await;
}

#[tokio::test]
async fn a_batch_counts_its_own_reserves() {
    let database = rich().await;
    database.store.set_account_budget(account(1), of("0.300/day"), NOW).await.unwrap();
    let batch: Vec<Command> = (1..=5).map(|n| reserve(n).into_command()).collect();
    let answers = database.store.apply(&batch, NOW).await.unwrap();
    let reserved = answers.iter().filter(|a| matches!(a, Answer::Reserve(ReserveAnswer::Reserved { .. }))).count();
    assert_eq!(reserved, 3);
    database.assert_clean().await;
}
