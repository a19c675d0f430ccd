//! `GET /v1/user/account` (api contract 5.3).

use std::sync::Arc;

use axum::{extract::State, response::Response};
use ledger_contract::AccountId;
use serde::Serialize;

use super::Reader;
use crate::{app::App, problem::Problem};

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the contract")]
struct AccountData {
    account_id: AccountId,
    account_name: String,
    account_email: Option<String>,
    account_is_personal: bool,
    account_picture_url: Option<String>,
    account_created_at: String,
}

/// The handler.
pub(crate) async fn get(State(app): State<Arc<App>>, reader: Reader) -> Response {
    reader.answer("Account retrieved", read(&app, &reader).await)
}

async fn read(app: &App, reader: &Reader) -> Result<AccountData, Problem> {
    let profile = app.store.account(reader.caller.account_id).await?.ok_or(Problem::Missing("account"))?;
    Ok(AccountData {
        account_id: profile.account.account_id,
        account_name: profile.account.name,
        account_email: profile.email,
        account_is_personal: profile.is_personal,
        account_picture_url: profile.picture_url,
        account_created_at: profile.account.created_at.to_string(),
    })
}
