//! One call of the ledger's internal HTTP contract, and what its failure leaves certain.

use std::{sync::Arc, time::Duration};

use reqwest::{RequestBuilder, StatusCode};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::Instant;
use tracing::warn;

use crate::{metrics::Metrics, provider::read_bounded};

/// For one whole call. The ledger commits in milliseconds; a call that takes this long is lost.
const CALL_TIMEOUT: Duration = Duration::from_secs(3);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Largest answer that is read. Ours answer far less; a limit all the same.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// Why a call has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallError {
    /// The ledger did nothing: not connected, or it said 503.
    Unsent,
    /// The ledger may have done it.
    Lost,
    /// The ledger will not do it.
    Refused,
    /// The ledger knows no such thing.
    Missing,
}

/// The address and the client that knows the token.
#[derive(Clone, Debug)]
pub(super) struct Http {
    client: reqwest::Client,
    base: String,
    metrics: Arc<Metrics>,
}

impl Http {
    pub fn new(base: &str, token: &str, metrics: Arc<Metrics>) -> Result<Self, reqwest::Error> {
        let mut headers = reqwest::header::HeaderMap::new();
        if let Ok(mut bearer) = reqwest::header::HeaderValue::from_str(&format!("Bearer {token}")) {
            bearer.set_sensitive(true);
            headers.insert(reqwest::header::AUTHORIZATION, bearer);
        }
        let client = reqwest::Client::builder()
            .default_headers(headers)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(CALL_TIMEOUT)
            .build()?;
        Ok(Self { client, base: base.to_owned(), metrics })
    }

    pub async fn post<A: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<A, CallError> {
        self.measured(path, self.client.post(format!("{}{path}", self.base)).json(body)).await
    }

    /// `tail` is what follows the path's template.
    pub async fn get<A: DeserializeOwned>(&self, path: &str, tail: &str) -> Result<A, CallError> {
        self.measured(path, self.client.get(format!("{}{path}{tail}", self.base))).await
    }

    /// A public read with the caller's identity in `headers`; `None`: there is no such thing.
    pub async fn read<A: DeserializeOwned>(
        &self,
        path: &str,
        tail: &str,
        headers: &[(&str, &str)],
    ) -> Result<Option<A>, CallError> {
        let request = self.client.get(format!("{}{path}{tail}", self.base));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        match self.measured(path, request).await {
            Err(CallError::Missing) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Counts a batch that is about to be sent.
    pub fn batch_begins(&self, commands: usize) {
        self.metrics.ledger_batch(commands);
    }

    async fn measured<A: DeserializeOwned>(&self, path: &str, request: RequestBuilder) -> Result<A, CallError> {
        let started = Instant::now();
        let answer = self.call(path, request).await;
        self.metrics.ledger_called(path, answer.is_ok(), started.elapsed().as_secs_f64());
        answer
    }

    async fn call<A: DeserializeOwned>(&self, path: &str, request: RequestBuilder) -> Result<A, CallError> {
        let response = request.send().await.map_err(|error| unanswered(path, &error))?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::SERVICE_UNAVAILABLE => return Err(CallError::Unsent),
            StatusCode::NOT_FOUND => return Err(CallError::Missing),
            status if status.is_server_error() => return Err(CallError::Lost),
            status => {
                warn!(path, status = status.as_u16(), "the ledger refused a call");
                return Err(CallError::Refused);
            }
        }
        let body = read_bounded(response, MAX_ANSWER_BYTES).await.map_err(|_| CallError::Lost)?;
        serde_json::from_slice(&body).map_err(|error| {
            warn!(path, %error, "the ledger's answer can't be read");
            CallError::Lost
        })
    }
}

fn unanswered(path: &str, error: &reqwest::Error) -> CallError {
    warn!(path, %error, "the ledger did not answer");
    if error.is_connect() || error.is_builder() { CallError::Unsent } else { CallError::Lost }
}
