//! HTTP to providers: one client, bounded answers, and what a failure leaves certain. Knows no provider's JSON.
//!
//! Never retries and never follows a redirect: a paid submission is sent at most once.

pub mod endpoints;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use proxy_normalize::{Method, ProviderFailure, ProviderRequest, ProviderResponse};
use reqwest::header::CONTENT_TYPE;
use tokio::time::{Instant, timeout_at};

/// A connection that takes longer counts as refused: nothing was sent yet.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Shorter than providers keep idle connections, so that a request rarely meets one that just closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// Largest answer: a synchronous provider puts its images into the JSON, in base64.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// Talks to all providers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ProviderClient {
    http: reqwest::Client,
}

/// A complete answer.
#[derive(Debug)]
pub struct ProviderAnswer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl ProviderAnswer {
    /// As the adapters read it.
    pub fn as_response(&self) -> ProviderResponse<'_> {
        ProviderResponse { status: self.status, headers: &self.headers, body: &self.body }
    }
}

/// Why there is no complete answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// No connection: nothing was sent.
    #[error("not sent")]
    NotSent,
    /// Sent, and the time was up.
    #[error("timed out")]
    TimedOut,
    /// Sent, and the connection broke or the answer was too long.
    #[error("lost")]
    Lost,
}

impl From<Unanswered> for ProviderFailure {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::NotSent => Self::connection_refused(),
            Unanswered::TimedOut => Self::timed_out(),
            Unanswered::Lost => Self::lost(),
        }
    }
}

impl ProviderClient {
    /// Builds the client. The process must have installed a rustls provider.
    pub fn new() -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .user_agent("BabySea/1")
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build()?;
        Ok(Self { http })
    }

    /// Sends one request and reads its whole answer, until `deadline`.
    pub async fn call(&self, request: ProviderRequest, deadline: Instant) -> Result<ProviderAnswer, Unanswered> {
        timeout_at(deadline, self.exchange(request)).await.unwrap_or(Err(Unanswered::TimedOut))
    }

    async fn exchange(&self, request: ProviderRequest) -> Result<ProviderAnswer, Unanswered> {
        let prepared = self.prepare(request).ok_or(Unanswered::NotSent)?;
        let response = prepared.send().await.map_err(|error| unanswered(&error))?;
        let status = response.status().as_u16();
        let headers = response.headers().iter().map(readable).collect();
        let body = read_bounded(response, MAX_ANSWER_BYTES).await?;
        Ok(ProviderAnswer { status, headers, body })
    }

    /// `None`: it still lacks input files.
    fn prepare(&self, mut request: ProviderRequest) -> Option<reqwest::RequestBuilder> {
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Delete => reqwest::Method::DELETE,
        };
        let body = if request.body.is_some() { Some(request.encoded()?) } else { None };
        let mut builder = self.http.request(method, request.url);
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        Some(match body {
            Some(body) => builder.header(CONTENT_TYPE, body.content_type).body(body.bytes),
            None => builder,
        })
    }
}

/// The body of `response`, at most `limit` bytes of it; more is [`Unanswered::Lost`].
pub async fn read_bounded(mut response: reqwest::Response, limit: usize) -> Result<Bytes, Unanswered> {
    let mut body = BytesMut::new();
    while let Some(piece) = response.chunk().await.map_err(|_| Unanswered::Lost)? {
        if body.len() + piece.len() > limit {
            return Err(Unanswered::Lost);
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}

fn unanswered(error: &reqwest::Error) -> Unanswered {
    if error.is_connect() || error.is_builder() {
        Unanswered::NotSent
    } else if error.is_timeout() {
        Unanswered::TimedOut
    } else {
        Unanswered::Lost
    }
}

/// Header names are lower case already; a value that is not text is of no use to an adapter.
fn readable((name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)) -> (String, String) {
    (name.as_str().to_owned(), value.to_str().unwrap_or_default().to_owned())
}
