//! Budgets and chains as operators reach them, and the archive as the sweep runs it.

use std::io::BufReader;

use ledger::chain_file;
use ledger_contract::{
    Budget, Credits, Plan,
    access::{Account, ApiKey},
    command::{Answer, Command, ReserveAnswer},
    wire::{self, Archived, Budgeted, ChainEnds, ChainRow, CreatedKey, NewKey, SetBudget, SetPlan},
};
use serde_json::json;

use crate::stack::{Bed, Stack, accept, charge, new_key, now, reserve};

fn budget(text: &str) -> Option<Budget> {
    text.parse().map(Some).unwrap()
}

#[tokio::test]
async fn a_budget_acts_on_the_next_request() {
    let stack = Stack::start().await;
    let tenant = stack.tenant(Credits(10_000)).await;
    let route = wire::ACCOUNT_BUDGET.replace("{account_id}", &tenant.caller.account_id.to_string());
    let set: Budgeted<Account> = stack.put(&route, &SetBudget { budget: budget("0.500/month") }).await;
    assert_eq!((set.of.account_id, set.budget.unwrap().spent), (tenant.caller.account_id, Credits(0)));
    let answers = stack.commit((0..3).map(|_| Command::Reserve(reserve(tenant.caller, Credits(200)))).collect()).await;
    let reserved = answers.iter().filter(|a| matches!(a, Answer::Reserve(ReserveAnswer::Reserved { .. }))).count();
    assert_eq!(reserved, 2);
    assert!(matches!(answers[2], Answer::Reserve(ReserveAnswer::BudgetExceeded { spent: Credits(400), .. })));
    let none: Budgeted<Account> = stack.put(&route, &SetBudget { budget: None }).await;
    assert_eq!(none.budget, None);
    stack.end().await;
}

#[tokio::test]
async fn a_key_is_made_with_its_budget() {
    let stack = Stack::start().await;
    let tenant = stack.tenant(Credits(10_000)).await;
    let new = NewKey { budget: budget("0.100/day"), ..new_key(tenant.caller.account_id) };
    let key: CreatedKey = stack.post(wire::KEYS, &new).await;
    let caller = wire::Caller { apikey_id: key.key.apikey_id, ..tenant.caller };
    let answers = stack.commit(vec![Command::Reserve(reserve(caller, Credits(101)))]).await;
    assert!(matches!(answers[0], Answer::Reserve(ReserveAnswer::BudgetExceeded { .. })), "{answers:?}");
    let route = wire::KEY_BUDGET.replace("{apikey_id}", &key.key.apikey_id.to_string());
    let more: Budgeted<ApiKey> = stack.put(&route, &SetBudget { budget: budget("1/day") }).await;
    assert_eq!(more.of, key.key);
    stack.end().await;
}

#[tokio::test]
async fn budgets_that_cannot_be_are_refused() {
    let stack = Stack::start().await;
    let account = stack.account(Credits(1)).await.account_id;
    for (account, amount, status) in
        [(account.to_string(), 0, 400), (account.to_string(), -5, 400), ("x".into(), 5, 404)]
    {
        let route = wire::ACCOUNT_BUDGET.replace("{account_id}", &account);
        let (refused, problem) =
            stack.call("PUT", &route, &json!({"budget": {"amount": amount, "period": "day"}})).await;
        assert_eq!(refused, status, "{account} {amount}: {problem}");
    }
    stack.end().await;
}

#[tokio::test]
async fn old_entries_are_archived_in_files_that_verify() {
    let bed = Bed::new();
    let (store, artifacts) = (bed.store().await, bed.artifacts());
    let stack = bed.start().await;
    let account = stack.account(Credits::ZERO).await.account_id;
    let caller = wire::Caller { account_id: account, apikey_id: uuid::Uuid::nil().into() };
    let plan = wire::ACCOUNT_PLAN.replace("{account_id}", &account.to_string());
    let _: Account = stack.put(&plan, &SetPlan { plan: Plan::Free }).await;
    let then = now().plus_ms(-70 * 24 * 3_600_000);
    let add = ledger_contract::command::Add {
        account_id: account,
        amount: Credits(1_000),
        key: "order:1".to_owned(),
        description: None,
    };
    let old = reserve(caller, Credits(100));
    let id = old.generation_id;
    let commands = [Command::Add(add), Command::Reserve(old), accept(id), charge(id, "ab/cd.png")];
    store.apply(&commands, then).await.unwrap();
    // The sweep that every start begins with may have been faster.
    let _: Archived = stack.post(wire::ARCHIVE, &json!({})).await;
    let name = format!(".ledger/{account}/000000000001-000000000003.ndjson");
    let file = artifacts.archive(&name).await.unwrap();
    let verdict = chain_file::verify(BufReader::new(&file[..])).unwrap();
    let ends: ChainEnds = stack.get(&wire::CHAIN.replace("{account_id}", &account.to_string())).await;
    assert_eq!((verdict.problems, verdict.closing, verdict.entries), (vec![], Some(ends.opening), 3));
    assert!(artifacts.head(&name).await.is_err(), "no key of a file, so it is never served");
    let rows: Vec<ChainRow> = stack.get(&wire::CHAIN_ENTRIES.replace("{account_id}", &account.to_string())).await;
    assert_eq!(rows, []);
    let again: Archived = stack.post(wire::ARCHIVE, &json!({})).await;
    assert_eq!(again, Archived::default());
    stack.end().await;
}
