//! The book itself: entries, audit, request counts, readiness.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Query, State},
};
use ledger_contract::{
    AccountId,
    wire::{AuditReport, LedgerEntry, RequestCounts},
};
use serde::{Deserialize, Serialize};

use super::{Answered, leases::Nothing};
use crate::{app::App, clock, problem::Problem, routes::Body};

const DEFAULT_ENTRIES: u32 = 50;
const MAX_ENTRIES: u32 = 1_000;

/// Query of the entries route.
#[derive(Deserialize)]
pub(crate) struct EntriesQuery {
    account_id: AccountId,
    limit: Option<u32>,
    #[serde(default)]
    offset: u64,
}

/// `{"status":"ok"}`.
#[derive(Serialize)]
pub(crate) struct Ready {
    status: &'static str,
}

/// `GET /internal/entries`.
pub(crate) async fn entries(
    State(app): State<Arc<App>>,
    query: Result<Query<EntriesQuery>, axum::extract::rejection::QueryRejection>,
) -> Answered<Vec<LedgerEntry>> {
    let Query(query) = query.map_err(|rejection| Problem::Malformed(rejection.body_text()))?;
    let limit = query.limit.unwrap_or(DEFAULT_ENTRIES).clamp(1, MAX_ENTRIES);
    Ok(Json(app.store.entries(query.account_id, limit, query.offset).await?))
}

/// `POST /internal/audit`. What it finds is also a metric and, if anything, in the log.
pub(crate) async fn audit(State(app): State<Arc<App>>) -> Answered<AuditReport> {
    let report = app.store.audit().await?;
    app.metrics.audited(report.violations.len());
    for violation in &report.violations {
        tracing::error!(violation, "the audit found a violation");
    }
    Ok(Json(report))
}

/// `POST /internal/request-counts`.
pub(crate) async fn count_requests(
    State(app): State<Arc<App>>,
    Body(counts): Body<RequestCounts>,
) -> Answered<Nothing> {
    let now = clock::now();
    app.store.count_requests(&counts, now).await?;
    for (apikey_id, used_at) in counts.uses {
        // A proxy whose clock is ahead has not used a key in the future.
        app.touches.note(apikey_id, used_at.min(now));
    }
    Ok(Json(Nothing {}))
}

/// `GET /internal/ready`.
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Answered<Ready> {
    app.store.ping().await?;
    Ok(Json(Ready { status: "ok" }))
}
