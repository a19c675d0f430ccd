//! A ledger of a few lines: knows keys, answers reads with what it was asked, and can be held up or sent away.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use ledger_contract::{
    Credits, Plan, Scope,
    access::{ApiKey, KeyCandidate, KeyState},
    wire::{self, Balance, FindKeys, FoundKeys, RequestCounts},
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

pub const TOKEN: &str = "test-token";

#[derive(Clone)]
pub struct FakeLedger {
    pub keys: Arc<Mutex<Vec<KeyCandidate>>>,
    pub away: Arc<AtomicBool>,
    /// Reads of `/v1/user/account` wait here.
    pub gate: Arc<Semaphore>,
    pub counts: Arc<Mutex<Vec<RequestCounts>>>,
    /// State of every generation whose id begins with 1.
    pub status: Arc<Mutex<&'static str>>,
    /// How often they were read.
    pub reads: Arc<AtomicUsize>,
}

impl FakeLedger {
    pub fn new() -> Self {
        Self {
            keys: Arc::default(),
            away: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
            counts: Arc::default(),
            status: Arc::new(Mutex::new("processing")),
            reads: Arc::default(),
        }
    }

    /// A key with these scopes, and its secret. Each belongs to an account of its own.
    pub fn add_key(&self, plan: Option<Plan>, scopes: &[Scope], change: impl FnOnce(&mut ApiKey)) -> String {
        let random: [u8; 16] = *uuid::Uuid::new_v4().as_bytes();
        let secret = format!("bye_{:0<38}", hex::encode(random));
        let mut key = ApiKey {
            apikey_id: uuid::Uuid::now_v7().into(),
            account_id: uuid::Uuid::now_v7().into(),
            name: "test".to_owned(),
            prefix: secret[..9].to_owned(),
            scopes: scopes.to_vec(),
            allow_ips: Vec::new(),
            state: KeyState::Active,
            expires_at: None,
            created_at: ledger_contract::Timestamp(0),
            last_used_at: None,
        };
        change(&mut key);
        let hash = bcrypt::hash(&secret, 4).unwrap();
        self.keys.lock().unwrap().push(KeyCandidate { key, hash, plan });
        secret
    }

    /// Serves on a port of the system's choice, for as long as the process lives.
    pub fn serve(&self) -> SocketAddr {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new()
            .route(wire::KEYS_FIND, post(find_keys))
            .route(wire::READY, get(|| async { Json(json!({ "status": "ok" })) }))
            .route(wire::LEASES_RENEW, post(|| async { Json(json!({})) }))
            .route(wire::LEASES_TAKE, post(|| async { Json(json!({ "generations": [] })) }))
            .route(wire::ROUTING_SYNC, post(|| async { Json(json!({ "version": "", "switches": [] })) }))
            .route(wire::REQUEST_COUNTS, post(count))
            .route("/internal/balances/{account_id}", get(|| async { Json(Balance { balance: Credits(10_000) }) }))
            .fallback(read)
            .layer(axum::middleware::from_fn_with_state(self.clone(), guard))
            .with_state(self.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, app).await.unwrap();
            });
        });
        address
    }
}

/// Away, it answers like a ledger without its database; a call without the token is a bug of the proxy.
async fn guard(
    State(ledger): State<FakeLedger>,
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> Response {
    let token = request.headers().get("authorization").map(|value| value.as_bytes().to_vec());
    if token.as_deref() != Some(format!("Bearer {TOKEN}").as_bytes()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if ledger.away.load(Ordering::SeqCst) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    next.run(request).await
}

async fn find_keys(State(ledger): State<FakeLedger>, Json(asked): Json<FindKeys>) -> Json<FoundKeys> {
    let keys = ledger.keys.lock().unwrap();
    Json(FoundKeys { candidates: keys.iter().filter(|key| key.key.prefix == asked.prefix).cloned().collect() })
}

async fn count(State(ledger): State<FakeLedger>, Json(counts): Json<RequestCounts>) -> Json<Value> {
    ledger.counts.lock().unwrap().push(counts);
    Json(json!({}))
}

/// Echoes what it was asked, in the public envelope, with headers that must not come through.
async fn read(State(ledger): State<FakeLedger>, uri: Uri, headers: HeaderMap) -> Response {
    if uri.path() == "/v1/user/account" {
        ledger.gate.acquire().await.unwrap().forget();
    }
    let seen: serde_json::Map<String, Value> =
        headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("?").into())).collect();
    let request_id = seen.get(wire::HEADER_REQUEST_ID).cloned().unwrap_or_default();
    if uri.path().starts_with("/v1/content/1") {
        ledger.reads.fetch_add(1, Ordering::SeqCst);
        let data =
            json!({ "generation_status": *ledger.status.lock().unwrap(), "account": seen[wire::HEADER_ACCOUNT_ID] });
        return Json(json!({ "status": "success", "request_id": request_id, "data": data })).into_response();
    }
    if uri.path().starts_with("/v1/content/0") {
        let error = ledger_contract::PublicError::new(ledger_contract::ErrorCode::GenerationNotFound, "unknown");
        let body = json!({ "status": "error", "request_id": request_id, "error": error });
        return (StatusCode::NOT_FOUND, Json(body)).into_response();
    }
    let data = json!({ "path": uri.to_string(), "headers": seen });
    let body = json!({ "status": "success", "request_id": request_id, "message": "m", "timestamp": "t", "data": data });
    ([("x-internal", "secret"), ("set-cookie", "a=b"), ("server", "ledger")], Json(body)).into_response()
}
