//! What an operator's tools ask: `/metrics`, `/healthz`, `/readyz`. Nothing here is for customers.

use axum::{Router, extract::State, http::StatusCode, routing::get};
use prometheus::{Registry, TextEncoder};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

#[derive(Clone)]
struct Operator {
    registry: Registry,
    metrics: Metrics,
}

/// Serves until `shutdown`.
pub async fn serve(
    listener: TcpListener,
    registry: Registry,
    metrics: Metrics,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/metrics", get(exposition))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(Operator { registry, metrics });
    axum::serve(listener, routes).with_graceful_shutdown(shutdown.cancelled_owned()).await
}

async fn exposition(State(operator): State<Operator>) -> Result<String, StatusCode> {
    TextEncoder::new().encode_to_string(&operator.registry.gather()).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

/// Ready once rankings were published; afterwards an old ranking is an alert on its age, not a reason to restart.
async fn ready(State(operator): State<Operator>) -> (StatusCode, &'static str) {
    if operator.metrics.has_succeeded() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "no ranking published yet\n")
    }
}
