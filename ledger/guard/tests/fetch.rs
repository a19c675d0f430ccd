//! Fetching from a loopback server: limits, redirects, refusals.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::SocketAddr;

use axum::{
    Router,
    body::{Body, Bytes},
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use ledger_guard::{GuardError, GuardedClient, Policy};

const POLICY: Policy = Policy { allow_private: true, max_bytes: 1_000, timeout_ms: 5_000, max_redirects: 3 };

fn client(policy: Policy) -> GuardedClient {
    // Another test of this process may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    GuardedClient::new(policy).unwrap()
}

fn redirect(to: impl Into<String>) -> impl IntoResponse {
    (StatusCode::FOUND, [(header::LOCATION, to.into())])
}

async fn hop(axum::extract::Path(left): axum::extract::Path<u32>) -> axum::response::Response {
    if left == 0 { "arrived".into_response() } else { redirect(format!("/hop/{}", left - 1)).into_response() }
}

/// A body whose length is not announced.
async fn endless() -> impl IntoResponse {
    let piece = Bytes::from(vec![b'x'; 400]);
    Body::from_stream(futures::stream::repeat_with(move || Ok::<_, std::io::Error>(piece.clone())))
}

async fn server() -> SocketAddr {
    let routes = Router::new()
        .route("/exact", get(|| async { vec![b'x'; 1_000] }))
        .route("/over", get(|| async { vec![b'x'; 1_001] }))
        .route("/endless", get(endless))
        .route("/hop/{left}", get(hop))
        .route("/missing", get(|| async { StatusCode::NOT_FOUND }))
        .route("/credentials", get(|| async { redirect("http://user:secret@example.com/") }))
        .route("/file", get(|| async { redirect("file:///etc/passwd") }))
        .route("/nowhere", get(|| async { StatusCode::FOUND }))
        .route("/hang", get(std::future::pending::<StatusCode>));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    address
}

async fn fetch(policy: Policy, path: &str) -> Result<ledger_guard::Fetched, GuardError> {
    let address = server().await;
    client(policy).fetch(&format!("http://{address}{path}")).await
}

#[tokio::test]
async fn a_body_at_the_limit_arrives_and_one_above_it_does_not() {
    assert_eq!(fetch(POLICY, "/exact").await.unwrap().bytes.len(), 1_000);
    assert!(matches!(fetch(POLICY, "/over").await, Err(GuardError::TooLarge(1_000))));
    assert!(matches!(fetch(POLICY, "/endless").await, Err(GuardError::TooLarge(1_000))));
}

#[tokio::test]
async fn three_redirects_are_followed_and_a_fourth_is_not() {
    let fetched = fetch(POLICY, "/hop/3").await.unwrap();
    assert_eq!(&fetched.bytes[..], b"arrived");
    assert!(fetched.final_url.ends_with("/hop/0"), "{}", fetched.final_url);
    assert!(matches!(fetch(POLICY, "/hop/4").await, Err(GuardError::TooManyRedirects)));
}

#[tokio::test]
async fn a_redirect_is_checked_like_the_first_address() {
    assert!(matches!(fetch(POLICY, "/credentials").await, Err(GuardError::BadUrl(_))));
    assert!(matches!(fetch(POLICY, "/file").await, Err(GuardError::BadUrl(_))));
    assert!(matches!(fetch(POLICY, "/nowhere").await, Err(GuardError::BadUrl(_))));
}

#[tokio::test]
async fn an_answer_that_is_no_success_is_its_status() {
    assert!(matches!(fetch(POLICY, "/missing").await, Err(GuardError::Status(404))));
}

#[tokio::test]
async fn a_server_that_never_answers_costs_the_timeout_only() {
    assert!(matches!(fetch(Policy { timeout_ms: 50, ..POLICY }, "/hang").await, Err(GuardError::TimedOut)));
}

#[tokio::test]
async fn private_addresses_are_refused_however_they_are_written() {
    let port = server().await.port();
    let strict = client(Policy { allow_private: false, ..POLICY });
    for host in ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]"] {
        let result = strict.fetch(&format!("http://{host}:{port}/exact")).await;
        assert!(matches!(result, Err(GuardError::NotPublic)), "{host}: {result:?}");
    }
}

#[tokio::test]
async fn other_schemes_and_credentials_are_refused() {
    let client = client(POLICY);
    let long = format!("http://127.0.0.1/{}", "x".repeat(5_000));
    for wrong in [
        "",
        "example.com/x",
        "ftp://example.com/",
        "file:///etc/passwd",
        "http://a@127.0.0.1/",
        "http://a:b@127.0.0.1/",
        &long,
    ] {
        assert!(matches!(client.fetch(wrong).await, Err(GuardError::BadUrl(_))), "{wrong}");
    }
}

#[tokio::test]
async fn a_closed_port_is_unreachable() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(matches!(client(POLICY).fetch(&format!("http://{closed}/")).await, Err(GuardError::Unreachable(_))));
}
