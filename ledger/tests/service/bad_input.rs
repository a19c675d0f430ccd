//! What cannot be gets a typed answer, over the wire as in the book, and moves nothing.

use ledger_contract::{
    AccountId, Credits, GenerationId,
    command::{
        Add, AddAnswer, Answer, Cancel, CancelAnswer, ChargeAnswer, Command, Delete, DeleteAnswer, Refund,
        RefundAnswer, Reserve, ReserveAnswer,
    },
    wire::{self, CommandBatch},
};
use serde_json::json;
use uuid::Uuid;

use crate::stack::{Stack, charge, reserve};

fn add(account_id: AccountId, amount: i64) -> Command {
    Command::Add(Add { account_id, amount: Credits(amount), key: Uuid::now_v7().to_string(), description: None })
}

#[tokio::test]
async fn amounts_and_ids_that_cannot_be_get_typed_answers() {
    let stack = Stack::start().await;
    let (mine, other) = (stack.tenant(Credits(1_000)).await.caller, stack.tenant(Credits(1_000)).await.caller);
    let nobody = AccountId(Uuid::now_v7());
    let unknown = GenerationId(Uuid::now_v7());
    let foreign = reserve(other, Credits(100));
    let id = foreign.generation_id;
    let error = ledger_contract::PublicError::new(ledger_contract::ErrorCode::ProviderError, "x");
    stack.commit(vec![Command::Reserve(foreign.clone())]).await;
    let bad = [0, -1, i64::MIN, i64::MAX, Credits::MAX.0 + 1];
    let reserves = bad.map(|amount| Command::Reserve(reserve(mine, Credits(amount))));
    for answer in stack.commit(reserves.to_vec()).await {
        assert_eq!(answer, Answer::Reserve(ReserveAnswer::Conflict));
    }
    for answer in stack.commit(bad.map(|amount| add(mine.account_id, amount)).to_vec()).await {
        assert_eq!(answer, Answer::Add(AddAnswer::OutOfRange));
    }
    let answers = stack
        .commit(vec![
            add(mine.account_id, Credits::MAX.0 - 999),
            add(nobody, 1),
            Command::Reserve(Reserve { account_id: nobody, ..reserve(mine, Credits(1)) }),
            Command::Reserve(Reserve { account_id: mine.account_id, ..foreign }),
            Command::Cancel(Cancel { account_id: mine.account_id, generation_id: id }),
            Command::Delete(Delete { account_id: mine.account_id, generation_id: id }),
            charge(unknown, "ab/cd.png"),
            Command::Refund(Refund { generation_id: unknown, error, attempt: None }),
        ])
        .await;
    let expected = [
        Answer::Add(AddAnswer::OutOfRange),
        Answer::Add(AddAnswer::AccountMissing),
        Answer::Reserve(ReserveAnswer::AccountMissing),
        Answer::Reserve(ReserveAnswer::Conflict),
        Answer::Cancel(CancelAnswer::NotFound),
        Answer::Delete(DeleteAnswer::NotFound),
        Answer::Charge(ChargeAnswer::NoReservation),
        Answer::Refund(RefundAnswer::NoReservation),
    ];
    assert_eq!(answers, expected);
    assert_eq!(stack.balance(mine.account_id).await, Credits(1_000));
    stack.end().await;
}

#[tokio::test]
async fn a_batch_of_a_hundred_thousand_is_refused_whole() {
    let stack = Stack::start().await;
    let account = stack.account(Credits::ZERO).await.account_id;
    let commands = (0..100_000).map(|_| add(account, 1)).collect();
    let batch = serde_json::to_value(CommandBatch { commands }).unwrap();
    let (status, problem) = stack.call("POST", wire::COMMANDS, &batch).await;
    assert_eq!((status, problem["error"].as_str()), (400, Some("more than 4096 commands")));
    assert_eq!(stack.balance(account).await, Credits::ZERO);
    stack.end().await;
}

#[tokio::test]
async fn numbers_that_fit_no_amount_are_malformed() {
    let stack = Stack::start().await;
    let account = stack.account(Credits::ZERO).await.account_id;
    for amount in [json!(1e30), json!(0.5), json!("5"), json!(9_223_372_036_854_775_808_u64), json!(null)] {
        let add = json!({"command": "add", "account_id": account, "amount": amount, "key": "k", "description": null});
        let (status, _) = stack.call("POST", wire::COMMANDS, &json!({"commands": [add]})).await;
        assert_eq!(status, 400, "{amount}");
    }
    stack.end().await;
}
