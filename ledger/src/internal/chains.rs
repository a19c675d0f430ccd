//! The hash chain as it is exported, and the archive of old entries.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State, rejection::QueryRejection},
};
use ledger_contract::wire::{Archived, ChainEnds, ChainRow};
use serde::Deserialize;

use super::{Answered, id};
use crate::{app::App, clock, problem::Problem};

const DEFAULT_ROWS: u32 = 1_000;
const MAX_ROWS: u32 = 5_000;

/// Query of the rows.
#[derive(Deserialize)]
pub(crate) struct RowsQuery {
    #[serde(default)]
    after: u64,
    limit: Option<u32>,
}

/// `GET /internal/chains/{account_id}`.
pub(crate) async fn ends(State(app): State<Arc<App>>, path: Path<String>) -> Answered<ChainEnds> {
    let ends = app.store.chain(id(&path, "account")?).await?;
    ends.map(Json).ok_or(Problem::Missing("account"))
}

/// `GET /internal/chains/{account_id}/entries`.
pub(crate) async fn entries(
    State(app): State<Arc<App>>,
    path: Path<String>,
    query: Result<Query<RowsQuery>, QueryRejection>,
) -> Answered<Vec<ChainRow>> {
    let Query(query) = query.map_err(|rejection| Problem::Malformed(rejection.body_text()))?;
    let limit = query.limit.unwrap_or(DEFAULT_ROWS).clamp(1, MAX_ROWS);
    Ok(Json(app.store.chain_entries(id(&path, "account")?, query.after, limit).await?))
}

/// `POST /internal/archive`.
pub(crate) async fn archive(State(app): State<Arc<App>>) -> Answered<Archived> {
    let archived = app.archivist.run(clock::now()).await;
    archived.map(Json).map_err(|error| Problem::Unexpected(format!("the archive broke off: {error:#}")))
}
