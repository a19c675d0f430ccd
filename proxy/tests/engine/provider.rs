//! What a failed call to a provider leaves certain: this decides between a repeat, doubt, and a customer's `retryable`.

use std::time::Duration;

use proxy::provider::{ProviderClient, Unanswered};
use proxy_normalize::{Body, Encoded, Method, ProviderFailure, ProviderRequest};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::Instant,
};

/// A server that reads a request, says `answer` to it, and closes; without an answer it keeps the connection.
async fn server(answer: Option<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = [0; 4_096];
            let _ = connection.read(&mut request).await;
            match answer {
                Some(answer) => _ = connection.write_all(answer.as_bytes()).await,
                None => kept.push(connection),
            }
        }
    });
    url
}

async fn call(url: String) -> Result<u16, Unanswered> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let body = Body::Ready(Encoded { content_type: "application/json".to_owned(), bytes: b"{}".to_vec() });
    let request = ProviderRequest { method: Method::Post, url, headers: Vec::new(), body: Some(body) };
    let deadline = Instant::now() + Duration::from_millis(500);
    let answer = ProviderClient::new().unwrap().call(request, deadline).await?;
    Ok(answer.as_response().status)
}

#[tokio::test]
async fn a_refused_connection_was_certainly_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(call(url).await, Err(Unanswered::NotSent));
    assert!(ProviderFailure::from(Unanswered::NotSent).is_transient_refusal());
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_request_leaves_doubt() {
    assert_eq!(call(server(Some("")).await).await, Err(Unanswered::Lost));
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"id\":";
    assert_eq!(call(server(Some(cut)).await).await, Err(Unanswered::Lost));
    assert!(ProviderFailure::from(Unanswered::Lost).is_in_doubt());
}

#[tokio::test]
async fn an_answer_that_never_comes_times_out_in_doubt() {
    assert_eq!(call(server(None).await).await, Err(Unanswered::TimedOut));
    assert!(ProviderFailure::from(Unanswered::TimedOut).is_in_doubt());
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_never_followed() {
    let redirect = "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(call(server(Some(redirect)).await).await, Ok(307));
}
