//! Accounts: made, listed, moved to another plan, asked for their balance.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use ledger_contract::{
    AccountId, Credits,
    access::Account,
    command::{Add, AddAnswer, Answer, Command},
    feed::KeyChange,
    wire::{Balance, Budgeted, NewAccount, SetBudget, SetPlan},
};
use uuid::Uuid;

use super::{Answered, check_budget, check_name, feed::announced, id};
use crate::{app::App, clock, problem::Problem, routes::Body};

/// `GET /internal/accounts`.
pub(crate) async fn list(State(app): State<Arc<App>>) -> Answered<Vec<Account>> {
    Ok(Json(app.store.accounts().await?))
}

/// `POST /internal/accounts`. Grants exactly what is asked, as an entry like every other: no welcome credit.
///
/// An outage between the account and its grant leaves an account without credits; the operator is told by the failure.
pub(crate) async fn create(State(app): State<Arc<App>>, Body(new): Body<NewAccount>) -> Answered<Account> {
    check_name(&new.name)?;
    if new.credits < Credits::ZERO || new.credits > Credits::MAX {
        return Err(Problem::Malformed("credits are between 0 and 9999999.999".to_owned()));
    }
    let now = clock::now();
    let account = Account {
        account_id: AccountId(Uuid::now_v7()),
        name: new.name,
        plan: new.plan,
        balance: Credits::ZERO,
        in_flight: 0,
        created_at: now,
    };
    app.store.create_account(&account, now).await?;
    let balance = grant(&app, account.account_id, new.credits).await?;
    Ok(Json(Account { balance, ..account }))
}

async fn grant(app: &App, account_id: AccountId, amount: Credits) -> Result<Credits, Problem> {
    if amount == Credits::ZERO {
        return Ok(amount);
    }
    let key = format!("account:{account_id}");
    let description = Some("Granted with the account".to_owned());
    let answers = app.committer.commit(vec![Command::Add(Add { account_id, amount, key, description })]).await?;
    match answers[..] {
        [Answer::Add(AddAnswer::Added { balance } | AddAnswer::AlreadyAdded { balance })] => Ok(balance),
        _ => Err(Problem::Unexpected(format!("the grant of a new account was answered {answers:?}"))),
    }
}

/// `PUT /internal/accounts/{account_id}/plan`.
pub(crate) async fn set_plan(
    State(app): State<Arc<App>>,
    path: Path<String>,
    Body(set): Body<SetPlan>,
) -> Answered<Account> {
    let (account_id, store) = (id(&path, "account")?, app.store.clone());
    let account = announced(&app, async move {
        let account = store.set_plan(account_id, set.plan, clock::now()).await?;
        Ok((account.ok_or(Problem::Missing("account"))?, Some(KeyChange::Account(account_id))))
    });
    account.await.map(Json)
}

/// `PUT /internal/accounts/{account_id}/budget`. Acts on the next request.
pub(crate) async fn set_budget(
    State(app): State<Arc<App>>,
    path: Path<String>,
    Body(set): Body<SetBudget>,
) -> Answered<Budgeted<Account>> {
    check_budget(set.budget)?;
    let account = app.store.set_account_budget(id(&path, "account")?, set.budget, clock::now()).await?;
    account.map(Json).ok_or(Problem::Missing("account"))
}

/// `GET /internal/balances/{account_id}`.
pub(crate) async fn balance(State(app): State<Arc<App>>, path: Path<String>) -> Answered<Balance> {
    let profile = app.store.account(id(&path, "account")?).await?.ok_or(Problem::Missing("account"))?;
    Ok(Json(Balance { balance: profile.account.balance }))
}
