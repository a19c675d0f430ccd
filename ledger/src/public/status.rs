//! `GET /v1/status` (api contract 5.1): the key that asks.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use ledger_contract::{AccountId, ApiKeyId};
use serde::Serialize;

use super::Reader;
use crate::{app::App, problem::Problem};

#[derive(Serialize)]
struct Status {
    account_id: AccountId,
    apikey_id: ApiKeyId,
    apikey_name: Option<String>,
    apikey_prefix: Option<String>,
    apikey_created_at: Option<String>,
    apikey_last_used_at: Option<String>,
    apikey_expires_at: Option<String>,
}

/// The handler.
pub(crate) async fn get(State(app): State<Arc<App>>, reader: Reader) -> Response {
    reader.answer("API connected successfully", read(&app, &reader).await)
}

/// A key that was deleted since it was verified has nothing to show but its ids.
async fn read(app: &App, reader: &Reader) -> Result<Status, Problem> {
    let caller = reader.caller;
    let key = app.store.key(caller.apikey_id).await?.filter(|key| key.account_id == caller.account_id);
    Ok(Status {
        account_id: caller.account_id,
        apikey_id: caller.apikey_id,
        apikey_name: key.as_ref().map(|key| key.name.clone()),
        apikey_prefix: key.as_ref().map(|key| key.prefix.clone()),
        apikey_created_at: key.as_ref().map(|key| key.created_at.to_string()),
        apikey_last_used_at: key.as_ref().and_then(|key| key.last_used_at).map(|at| at.to_string()),
        apikey_expires_at: key.as_ref().and_then(|key| key.expires_at).map(|at| at.to_string()),
    })
}
