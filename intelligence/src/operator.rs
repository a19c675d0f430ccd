//! What an operator's tools ask: `/metrics`, `/healthz`, `/readyz`, and `/explain` for the numbers behind the last
//! rankings. Nothing here is for customers.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::{Json, Router, http::StatusCode, routing::get};
use prometheus::{Registry, TextEncoder};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::explain::Board;
use crate::metrics::Metrics;

#[derive(Clone)]
struct Operator {
    registry: Registry,
    metrics: Metrics,
    board: Arc<Board>,
}

#[derive(serde::Deserialize)]
struct Which {
    model: Option<String>,
}

/// Serves until `shutdown`.
pub async fn serve(
    listener: TcpListener,
    registry: Registry,
    metrics: Metrics,
    board: Arc<Board>,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/metrics", get(exposition))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/explain", get(explain))
        .with_state(Operator { registry, metrics, board });
    axum::serve(listener, routes).with_graceful_shutdown(shutdown.cancelled_owned()).await
}

async fn exposition(State(operator): State<Operator>) -> Result<String, StatusCode> {
    TextEncoder::new().encode_to_string(&operator.registry.gather()).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

/// `{health, models}`: the last snapshot, and the last ranking of one model or of all.
async fn explain(State(operator): State<Operator>, Query(which): Query<Which>) -> Json<serde_json::Value> {
    let models = operator.board.read(which.model.as_deref());
    Json(serde_json::json!({ "health": operator.board.health().as_deref(), "models": models }))
}

/// Ready once rankings were published; afterwards an old ranking is an alert on its age, not a reason to restart.
async fn ready(State(operator): State<Operator>) -> (StatusCode, &'static str) {
    if operator.metrics.has_succeeded() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "no ranking published yet\n")
    }
}
