//! The HTTP surface as one table, and what every call passes before its handler: the token, and a limit on its time.

mod body;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderMap, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use ledger_contract::{feed, request_log, wire};
use sha2::{Digest, Sha256};

use crate::{app::App, internal, problem::Problem, public};
pub(crate) use body::Body;

/// Largest body of a command batch: many creates, each with a request of up to 102,400 bytes.
const MAX_COMMANDS_BYTES: usize = 64 * 1024 * 1024;

/// Largest body of any other call.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// Every route. All of them want the token; the public reads are no exception, since the proxy is who asks for them.
pub(crate) fn router(app: Arc<App>) -> Router {
    let limited = Router::new()
        .merge(commands_and_leases())
        .merge(accounts_and_keys())
        .merge(public_reads())
        .layer(from_fn_with_state(Arc::clone(&app), limit_time));
    Router::new()
        .merge(limited)
        // These read the whole book: they take the time they take.
        .route(wire::AUDIT, post(internal::book::audit))
        .route(wire::ARCHIVE, post(internal::chains::archive))
        .fallback(|| async { Problem::NoRoute })
        .method_not_allowed_fallback(|| async { Problem::NoMethod })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(Arc::clone(&app), require_token))
        .with_state(app)
}

fn commands_and_leases() -> Router<Arc<App>> {
    let commit = post(internal::commands::commit).layer(DefaultBodyLimit::max(MAX_COMMANDS_BYTES));
    Router::new()
        .route(wire::COMMANDS, commit)
        .route(wire::REPLAYS_FIND, post(internal::commands::find_replay))
        .route(wire::LEASES_RENEW, post(internal::leases::renew))
        .route(wire::LEASES_TAKE, post(internal::leases::take))
        .route(wire::REQUEST_COUNTS, post(internal::book::count_requests))
        .route(wire::READY, get(internal::book::ready))
        .route(wire::ROUTING, get(internal::routing::list).put(internal::routing::set))
        .route(wire::ROUTING_SYNC, post(internal::routing::sync))
        .route(wire::ENTRIES, get(internal::book::entries))
        .route(wire::CHAIN, get(internal::chains::ends))
        .route(wire::CHAIN_ENTRIES, get(internal::chains::entries))
}

fn accounts_and_keys() -> Router<Arc<App>> {
    let balance = format!("{}/{{account_id}}", wire::BALANCES);
    Router::new()
        .route(&balance, get(internal::accounts::balance))
        .route(wire::ACCOUNTS, get(internal::accounts::list).post(internal::accounts::create))
        .route(wire::ACCOUNT_PLAN, put(internal::accounts::set_plan))
        .route(wire::ACCOUNT_BUDGET, put(internal::accounts::set_budget))
        .route(wire::KEY_BUDGET, put(internal::keys::set_budget))
        .route(wire::KEYS_FIND, post(internal::keys::find))
        .route(wire::KEYS, get(internal::keys::list).post(internal::keys::create))
        .route(wire::KEY, put(internal::keys::rename).delete(internal::keys::delete))
        .route(wire::KEY_ROTATE, post(internal::keys::rotate))
        .route(wire::KEY_REVOKE, post(internal::keys::revoke))
        .route(feed::KEYS_FEED, post(internal::feed::follow))
        .route(request_log::REQUEST_LOG, get(internal::request_log::page).post(internal::request_log::keep))
}

fn public_reads() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/status", get(public::status::get))
        .route("/v1/usage", get(public::usage::get))
        .route("/v1/user/account", get(public::account::get))
        .route("/v1/user/billing", get(public::billing::get))
        .route("/v1/content/list", get(public::content::list))
        .route("/v1/content/{generation_id}", get(public::content::get))
}

/// What every call has to carry. Only its digest is kept.
pub(crate) struct Token([u8; 32]);

impl Token {
    /// The token itself, not empty.
    pub(crate) fn new(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// Compares digests: how long that takes says nothing about the token.
    fn allows(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| value.strip_prefix("Bearer "));
        given.is_some_and(|token| <[u8; 32]>::from(Sha256::digest(token)) == self.0)
    }
}

async fn require_token(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if app.token.allows(request.headers()) { next.run(request).await } else { Problem::TokenRefused.into_response() }
}

async fn limit_time(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(app.timing.request, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::TimedOut.into_response(),
    }
}
