//! The request log: proxies report it, operators read it. Customers see it in the console, not through `/v1`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use ledger_contract::{
    AccountId, Timestamp,
    request_log::{LoggedRequests, MAX_LOGGED, RequestPage, RequestRow},
};
use serde::Deserialize;

use super::{Answered, leases::Nothing};
use crate::{app::App, problem::Problem, routes::Body};

/// Rows of one page (product requirements L4).
const PAGE_ROWS: u32 = 500;

/// Query of the page.
#[derive(Deserialize)]
pub(crate) struct PageQuery {
    account_id: AccountId,
    /// `next` of the page before; none: from the newest on.
    before: Option<String>,
    limit: Option<u32>,
}

/// `POST /internal/request-log`.
pub(crate) async fn keep(State(app): State<Arc<App>>, Body(logged): Body<LoggedRequests>) -> Answered<Nothing> {
    if logged.rows.len() > MAX_LOGGED {
        return Err(Problem::Malformed(format!("more than {MAX_LOGGED} rows")));
    }
    app.store.log_requests(&app.request_log.hashed(logged.rows)).await?;
    Ok(Json(Nothing {}))
}

/// `GET /internal/request-log?account_id=&before=&limit=`.
pub(crate) async fn page(
    State(app): State<Arc<App>>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Answered<RequestPage> {
    let Query(query) = query.map_err(|rejection| Problem::Malformed(rejection.body_text()))?;
    let limit = query.limit.unwrap_or(PAGE_ROWS).clamp(1, PAGE_ROWS);
    let before = match &query.before {
        Some(text) => read_place(text).ok_or_else(|| Problem::Malformed("before is no page's next".to_owned()))?,
        None => (Timestamp(i64::MAX), ""),
    };
    let rows = app.store.logged_requests(query.account_id, before, limit).await?;
    let is_full = u32::try_from(rows.len()).is_ok_and(|found| found == limit);
    let next = rows.last().filter(|_| is_full).map(place);
    Ok(Json(RequestPage { rows, next }))
}

fn place(row: &RequestRow) -> String {
    format!("{}.{}", row.at.0, row.request_id)
}

fn read_place(text: &str) -> Option<(Timestamp, &str)> {
    let (at, request_id) = text.split_once('.')?;
    Some((Timestamp(at.parse().ok()?), request_id))
}
