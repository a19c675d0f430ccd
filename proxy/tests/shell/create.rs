//! What a create must look like before anybody thinks about its meaning. No provider is configured here.

use ledger_contract::{Plan, Scope};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{Got, Running};

const PATH: &str = "/v1/generate/image/bfl/flux-schnell";

async fn create(proxy: &Running, path: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Got {
    let key = proxy.ledger.add_key(Some(Plan::Free), Scope::ALL, |_| {});
    let bearer = format!("Bearer {key}");
    let headers: Vec<_> = [("authorization", bearer.as_str())].iter().chain(headers).copied().collect();
    proxy.send("POST", path, &headers, body).await
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn media_type_then_size_then_json_then_key() {
    let proxy = Running::start();
    let large = vec![b'x'; 102_401];
    let code = async |headers: &[(&str, &str)], body: Vec<u8>| create(&proxy, PATH, headers, body).await.code();
    assert_eq!(code(&[("content-type", "text/plain"), ("idempotency-key", "ü")], large.clone()).await, "BSE2014");
    assert_eq!(code(&[], b"{}".to_vec()).await, "BSE2014");
    assert_eq!(code(&[JSON, ("idempotency-key", "a b")], large).await, "BSE2010");
    assert_eq!(code(&[JSON, ("idempotency-key", "a b")], b"{".to_vec()).await, "BSE2001");
    let key = create(&proxy, PATH, &[JSON, ("idempotency-key", "a b")], "{}").await;
    assert_eq!(key.json()["error"]["details"]["field"], "Idempotency-Key");
    let twice = create(&proxy, PATH, &[JSON, ("idempotency-key", "a"), ("idempotency-key", "a")], "{}").await;
    assert_eq!(twice.json()["error"]["details"]["field"], "Idempotency-Key");
    assert_eq!(create(&proxy, "/v1/generate/image/no/such", &[JSON], "[1").await.code(), "BSE2001");
    assert_eq!(create(&proxy, "/v1/generate/image/no/such", &[JSON], "{}").await.code(), "BSE2011");
    assert_eq!(create(&proxy, "/v1/generate/image/onlyone", &[JSON], "{}").await.code(), "BSE2011");
}

#[tokio::test]
async fn a_good_request_reaches_the_engine_and_finds_no_provider() {
    let proxy = Running::start();
    let got = create(&proxy, PATH, &[JSON], r#"{"generation_prompt":"a seal"}"#).await;
    assert_eq!((got.status, got.code().as_str(), got.header("retry-after")), (503, "BSE4009", Some("2")));
    assert_eq!(got.header("x-ratelimit-limit"), Some("10"));
}

#[tokio::test]
async fn a_body_that_is_too_large_is_read_so_that_its_sender_gets_the_answer() {
    let proxy = Running::start();
    for size in [102_401, 900_000] {
        let got = create(&proxy, PATH, &[JSON], vec![b'x'; size]).await;
        assert_eq!((got.status, got.code().as_str()), (413, "BSE2010"), "{size}");
        assert_eq!(got.json()["error"]["details"]["limit_bytes"], 102_400);
        assert_eq!(got.header("connection"), Some("keep-alive"));
    }
    let chunked =
        reqwest::Body::wrap_stream(futures::stream::iter((0..30).map(|_| Ok::<_, std::io::Error>(vec![b'x'; 8_192]))));
    assert_eq!(create(&proxy, PATH, &[JSON], chunked).await.code(), "BSE2010");
}

#[tokio::test]
async fn exactly_the_limit_is_taken() {
    let proxy = Running::start();
    let mut body = br#"{"generation_prompt":"a seal"}"#.to_vec();
    body.resize(102_400, b' ');
    assert_eq!(create(&proxy, PATH, &[JSON], body).await.code(), "BSE4009");
}

#[tokio::test]
async fn a_sender_that_asks_first_is_told_before_it_sends() {
    let proxy = Running::start();
    let key = proxy.ledger.add_key(Some(Plan::Free), Scope::ALL, |_| {});
    let ask = async |length: usize| {
        let mut stream = tokio::net::TcpStream::connect(proxy.address).await.unwrap();
        let head = format!(
            "POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 1_024];
        let read = stream.read(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer[..read]).into_owned()
    };
    assert!(ask(10).await.starts_with("HTTP/1.1 100"));
    let refused = ask(10_000_000).await;
    assert!(refused.starts_with("HTTP/1.1 413"), "{refused}");
    assert!(refused.to_lowercase().contains("connection: close"));
}
