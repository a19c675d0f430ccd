//! What operators ask, on an address of its own and without a token: `/metrics`, `/healthz`, `/readyz`.

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use ledger_store::Store;
use prometheus::{Registry, TextEncoder};

#[derive(Clone)]
struct Operator {
    registry: Registry,
    store: Store,
}

/// The three routes.
pub(crate) fn router(registry: Registry, store: Store) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(Operator { registry, store })
}

async fn metrics(State(operator): State<Operator>) -> impl IntoResponse {
    let content_type = [(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)];
    match TextEncoder::new().encode_to_string(&operator.registry.gather()) {
        Ok(text) => (StatusCode::OK, content_type, text),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, content_type, error.to_string()),
    }
}

/// Ready while the database takes writes.
async fn ready(State(operator): State<Operator>) -> impl IntoResponse {
    match operator.store.ping().await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n"),
    }
}
