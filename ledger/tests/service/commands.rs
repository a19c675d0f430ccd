//! Command batches: answered in order, the same when said twice, shared in one transaction.

use futures::{StreamExt, future::join_all, stream::FuturesUnordered};
use ledger_contract::{
    Credits,
    command::{Add, AddAnswer, Answer, Command, RefundAnswer, ReserveAnswer},
    wire::{self, CommandBatch, LedgerEntry},
};
use serde_json::json;
use sqlx::Connection;

use crate::stack::{Bed, Stack, accept, charge, reserve};

fn add(account_id: ledger_contract::AccountId, amount: i64, key: &str) -> Command {
    Command::Add(Add { account_id, amount: Credits(amount), key: key.to_owned(), description: None })
}

#[tokio::test]
async fn a_batch_is_answered_in_order_and_a_repeated_one_changes_nothing() {
    let stack = Stack::start().await;
    let tenant = stack.tenant(Credits(10_000)).await;
    let wish = reserve(tenant.caller, Credits(4_000));
    let id = wish.generation_id;
    let batch =
        vec![add(tenant.caller.account_id, 500, "order:1"), Command::Reserve(wish), accept(id), charge(id, "ab/c.png")];
    let first = stack.commit(batch.clone()).await;
    assert_eq!(first[0], Answer::Add(AddAnswer::Added { balance: Credits(10_500) }));
    assert_eq!(first[1], Answer::Reserve(ReserveAnswer::Reserved { balance: Credits(6_500) }));
    let again = stack.commit(batch).await;
    assert_eq!(again[0], Answer::Add(AddAnswer::AlreadyAdded { balance: Credits(6_500) }));
    assert_eq!(again[1], Answer::Reserve(ReserveAnswer::AlreadyReserved { balance: Credits(6_500) }));
    assert_eq!(stack.balance(tenant.caller.account_id).await, Credits(6_500));

    let path = format!("{}?account_id={}&limit=3", wire::ENTRIES, tenant.caller.account_id);
    let entries: Vec<LedgerEntry> = stack.get(&path).await;
    let kinds: Vec<_> = entries.iter().map(|entry| entry.kind.as_str()).collect();
    assert_eq!(kinds, ["charge", "reserve", "add"], "newest first");
    assert_eq!(stack.metric("babysea_ledger_commands_total{command=\"Reserve\",result=\"reserved\"}"), Some(1.0));
    stack.end().await;
}

#[tokio::test]
async fn calls_that_wait_share_a_transaction_and_none_is_lost() {
    let stack = Stack::start().await;
    let account = stack.account(Credits::ZERO).await.account_id;
    let keys: Vec<String> = (0..200).map(|index| format!("order:{index}")).collect();
    let calls = keys.iter().map(|key| stack.commit(vec![add(account, 1, key)]));
    let answers = join_all(calls).await;
    assert!(answers.iter().all(|answer| matches!(answer[..], [Answer::Add(AddAnswer::Added { .. })])));
    assert_eq!(stack.balance(account).await, Credits(200));
    let batches = stack.metric("babysea_ledger_batches_total{result=\"committed\"}").unwrap();
    assert!(batches < 200.0, "{batches} transactions for 200 calls");
    stack.end().await;
}

#[tokio::test]
async fn a_full_queue_refuses_with_503_and_keeps_what_it_took() {
    let mut bed = Bed::new();
    bed.config.bounds.queue_calls = 1;
    bed.config.bounds.batch_commands = 1;
    let stack = bed.start().await;
    let account = stack.account(Credits::ZERO).await.account_id;
    // While nothing can be written, one call is with the committer and one waits: no other is taken.
    let mut database = stack.database().await;
    let lock = database.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let mut calls: FuturesUnordered<_> = (0..20)
        .map(async |index| {
            let batch = CommandBatch { commands: vec![add(account, 1, &format!("order:{index}"))] };
            stack.request("POST", wire::COMMANDS).json(&batch).send().await.unwrap().status().as_u16()
        })
        .collect();
    assert_eq!(calls.next().await, Some(503), "nobody else can be answered");
    lock.rollback().await.unwrap();
    let statuses: Vec<u16> = calls.collect().await;
    let taken = statuses.iter().filter(|status| **status == 200).count();
    assert!(taken > 0 && statuses.iter().all(|status| matches!(status, 200 | 503)), "{statuses:?}");
    assert_eq!(stack.balance(account).await, Credits(i64::try_from(taken).unwrap()));
    stack.end().await;
}

#[tokio::test]
async fn parallel_reserves_never_overspend() {
    let stack = Stack::start().await;
    let tenant = stack.tenant(Credits(10_000)).await;
    let calls = (0..50).map(|_| stack.commit(vec![Command::Reserve(reserve(tenant.caller, Credits(1_500)))]));
    let answers: Vec<_> = join_all(calls).await.into_iter().flatten().collect();
    let reserved = answers.iter().filter(|a| matches!(a, Answer::Reserve(ReserveAnswer::Reserved { .. }))).count();
    assert_eq!(reserved, 6);
    assert_eq!(stack.balance(tenant.caller.account_id).await, Credits(1_000));
    stack.end().await;
}

#[tokio::test]
async fn a_refund_gives_back_once() {
    let stack = Stack::start().await;
    let tenant = stack.tenant(Credits(1_000)).await;
    let wish = reserve(tenant.caller, Credits(1_000));
    let error = ledger_contract::command::in_doubt_error();
    let refund = ledger_contract::command::Refund { generation_id: wish.generation_id, error, attempt: None };
    stack.commit(vec![Command::Reserve(wish)]).await;
    let refund = Command::Refund(refund);
    let answers = stack.commit(vec![refund.clone(), refund]).await;
    assert!(matches!(
        answers[..],
        [Answer::Refund(RefundAnswer::Refunded { .. }), Answer::Refund(RefundAnswer::AlreadyRefunded { .. })]
    ));
    assert_eq!(stack.balance(tenant.caller.account_id).await, Credits(1_000));
    stack.end().await;
}

#[tokio::test]
async fn malformed_and_oversized_batches_are_refused_whole() {
    let stack = Stack::start().await;
    let account = stack.account(Credits::ZERO).await.account_id;
    for wrong in [json!({}), json!([]), json!({"commands": [{"command": "Mint"}]})] {
        assert_eq!(stack.call("POST", wire::COMMANDS, &wrong).await.0, 400, "{wrong}");
    }
    let answer = stack.request("POST", wire::COMMANDS).body("{").send().await.unwrap();
    assert_eq!(answer.status(), 400);
    let commands = (0..=wire::MAX_BATCH).map(|index| add(account, 1, &index.to_string())).collect();
    let batch = serde_json::to_value(CommandBatch { commands }).unwrap();
    assert_eq!(stack.call("POST", wire::COMMANDS, &batch).await.0, 400);
    assert_eq!(stack.commit(vec![]).await, []);
    assert_eq!(stack.balance(account).await, Credits::ZERO);
    stack.end().await;
}

#[tokio::test]
async fn a_batch_of_the_largest_size_is_committed() {
    let stack = Stack::start().await;
    let account = stack.account(Credits::ZERO).await.account_id;
    let commands = (0..wire::MAX_BATCH).map(|index| add(account, 1, &index.to_string())).collect();
    assert_eq!(stack.commit(commands).await.len(), wire::MAX_BATCH);
    assert_eq!(stack.balance(account).await, Credits(4_096));
    stack.end().await;
}
