//! `GET /v1/user/billing` (api contract 5.4). No account has a subscription yet, so only the balance is a value.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use ledger_contract::AccountId;
use serde::Serialize;
use serde_json::Value;

use super::Reader;
use crate::{app::App, problem::Problem};

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the contract")]
struct Billing {
    account_id: AccountId,
    billing_credit_balance: Value,
    billing_plan: Option<String>,
    billing_subscription_status: Option<String>,
    billing_cancel_at_period_end: Option<bool>,
    billing_currency: Option<String>,
    billing_period_starts_at: Option<String>,
    billing_period_ends_at: Option<String>,
    billing_created_at: Option<String>,
    billing_updated_at: Option<String>,
}

/// The handler.
pub(crate) async fn get(State(app): State<Arc<App>>, reader: Reader) -> Response {
    reader.answer("Billing retrieved", read(&app, &reader).await)
}

async fn read(app: &App, reader: &Reader) -> Result<Billing, Problem> {
    let profile = app.store.account(reader.caller.account_id).await?.ok_or(Problem::Missing("account"))?;
    Ok(Billing {
        account_id: profile.account.account_id,
        billing_credit_balance: profile.account.balance.to_json(),
        billing_plan: None,
        billing_subscription_status: None,
        billing_cancel_at_period_end: None,
        billing_currency: None,
        billing_period_starts_at: None,
        billing_period_ends_at: None,
        billing_created_at: None,
        billing_updated_at: None,
    })
}
