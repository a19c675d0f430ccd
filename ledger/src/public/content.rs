//! `GET /v1/content/list` and `GET /v1/content/{generation_id}` (api contract 5.8, 5.9). Unknown, deleted and somebody
//! else's are one answer.

use std::sync::Arc;

use axum::{
    extract::{Path, Query, State, rejection::PathRejection},
    response::Response,
};
use ledger_contract::{ErrorCode, GenerationId, PublicError};
use serde::Serialize;

use super::{
    Page, Reader,
    generation::{self, GenerationData},
    query::{self, MAX_OFFSET, Parameters},
};
use crate::{app::App, problem::Problem};

#[derive(Serialize)]
struct List {
    generations: Vec<GenerationData>,
}

/// The list, newest first.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    reader: Reader,
    Query(parameters): Query<Parameters>,
) -> Response {
    reader.answer_page("Generations retrieved", read_page(&app, &reader, &parameters).await)
}

async fn read_page(app: &App, reader: &Reader, parameters: &Parameters) -> Result<(List, Option<Page>), Problem> {
    let limit = query::integer(parameters, "limit", 1..=100, 50)?;
    let limit = u32::try_from(limit).unwrap_or(100);
    let offset = query::integer(parameters, "offset", 0..=MAX_OFFSET, 0)?;
    let found = app.store.generations(reader.caller.account_id, limit, offset).await?;
    let generations = found.generations.into_iter().map(|row| generation::data(row, reader)).collect();
    Ok((List { generations }, Some(Page { total: found.total, limit, offset })))
}

/// One record.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    reader: Reader,
    path: Result<Path<String>, PathRejection>,
) -> Response {
    reader.answer("Generation retrieved", read_one(&app, &reader, path.ok()).await)
}

async fn read_one(app: &App, reader: &Reader, path: Option<Path<String>>) -> Result<GenerationData, Problem> {
    let missing = || Problem::from(PublicError::new(ErrorCode::GenerationNotFound, "No such generation"));
    let id = path.and_then(|Path(text)| text.parse::<GenerationId>().ok()).ok_or_else(missing)?;
    let row = app.store.generation(reader.caller.account_id, id).await?.ok_or_else(missing)?;
    Ok(generation::data(row, reader))
}
