//! The one place where success and failure get their public face: status, headers, envelope (api contract §1.2, §1.3, §2.2).
//!
//! Pure: says what to write, never writes. Nothing else in this house turns a failure into a status or a body.

use std::borrow::Cow;

use bytes::Bytes;
use ledger_contract::{ErrorCode, PublicError, Timestamp, generation::StoredAnswer};
use serde::Serialize;
use serde_json::{Value, value::to_value};

/// `Content-Type` of every answer under `/v1`.
pub const JSON: &str = "application/json; charset=utf-8";

/// What a handler decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// Success and failure are dressed differently and counted apart.
    pub outcome: Result<Success, Failure>,
}

/// An answer with status 200.
#[derive(Clone, Debug, PartialEq)]
pub struct Success {
    /// One of the contract's sentences.
    pub message: &'static str,
    /// The `data` object.
    pub data: Value,
    /// Whether it repeats a stored answer.
    pub replayed: bool,
}

/// An answer with the status of its error code.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The `error` object.
    pub error: PublicError,
    /// Whether it repeats a stored answer.
    pub replayed: bool,
    /// Seconds for `Retry-After`; `None`: the code's own, if it has one.
    pub retry_after_s: Option<u32>,
}

impl Reply {
    /// Status 200 with `data`.
    pub fn success(message: &'static str, data: Value) -> Self {
        Self { outcome: Ok(Success { message, data, replayed: false }) }
    }

    /// The answer of `error`'s code.
    pub fn failure(error: PublicError) -> Self {
        Self { outcome: Err(Failure { error, replayed: false, retry_after_s: None }) }
    }

    /// A failure with nothing to add to its message.
    pub fn refuse(code: ErrorCode, message: &str) -> Self {
        Self::failure(PublicError::new(code, message))
    }

    /// The ledger can't be reached and nothing was started.
    pub fn ledger_unavailable() -> Self {
        Self::refuse(ErrorCode::LedgerUnavailable, "The ledger is not reachable, nothing was started")
    }

    /// Something failed that should not: the cause is in the log, under the request id.
    pub fn internal_error() -> Self {
        Self::refuse(ErrorCode::InternalError, "Something went wrong on our side")
    }

    /// An unknown, deleted, expired, or foreign generation: all alike.
    pub fn generation_not_found() -> Self {
        Self::refuse(ErrorCode::GenerationNotFound, "No such generation")
    }

    /// A parameter or header that is not what the contract says.
    pub fn invalid_field(field: &str, code: &str, message: &str) -> Self {
        let issue = serde_json::json!([{ "field": field, "code": code, "message": message }]);
        let error = PublicError::new(ErrorCode::InvalidInput, message);
        Self::failure(error.with_detail("field", field).with_detail("issues", issue))
    }

    /// The answer kept under an idempotency key, said again.
    pub fn replay(stored: StoredAnswer) -> Self {
        Self::stored(stored).replayed()
    }

    /// The answer of a create in the form in which it is stored: the first answer and its replays cannot differ.
    pub fn stored(stored: StoredAnswer) -> Self {
        const INITIALIZED: &str = "Generation initialized";
        match stored {
            StoredAnswer::Created(data) => Self::success(INITIALIZED, to_value(data).unwrap_or_default()),
            StoredAnswer::Canceled { generation_id } => Self::success(
                INITIALIZED,
                serde_json::json!({ "generation_id": generation_id, "generation_status": "canceled" }),
            ),
            StoredAnswer::Failed(error) => Self::failure(error),
        }
    }

    /// The same answer, marked as a replay.
    #[must_use]
    pub fn replayed(mut self) -> Self {
        match &mut self.outcome {
            Ok(success) => success.replayed = true,
            Err(failure) => failure.replayed = true,
        }
        self
    }

    /// The same failure with its own `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        if let Err(failure) = &mut self.outcome {
            failure.retry_after_s = Some(seconds);
        }
        self
    }

    /// HTTP status.
    pub fn status(&self) -> u16 {
        self.outcome.as_ref().map_or_else(|failure| failure.error.code.http_status(), |_| 200)
    }

    /// Whether it repeats a stored answer.
    pub fn is_replayed(&self) -> bool {
        self.outcome.as_ref().map_or_else(|failure| failure.replayed, |success| success.replayed)
    }

    /// The error code, if it is one.
    pub fn error_code(&self) -> Option<ErrorCode> {
        self.outcome.as_ref().err().map(|failure| failure.error.code)
    }
}

/// Values of the `X-RateLimit-…` headers (api contract §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateHeaders {
    /// Requests per minute.
    pub limit: u32,
    /// Requests that can be sent right now.
    pub remaining: u32,
    /// Unix seconds when the full burst is available again.
    pub reset_at_s: i64,
}

/// Everything about the request that shows in its answer.
#[derive(Clone, Debug)]
pub struct Letterhead<'a> {
    /// `req_` and 32 hex digits.
    pub request_id: &'a str,
    /// Now.
    pub timestamp: Timestamp,
    /// Set on every authenticated answer, and on BSE1006.
    pub rate: Option<RateHeaders>,
}

/// A lower-case name and its value.
pub type Header = (&'static str, Cow<'static, str>);

/// What is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// HTTP status.
    pub status: u16,
    /// In order.
    pub headers: Vec<Header>,
    /// The envelope.
    pub body: Bytes,
    /// Whether the connection must end with this answer.
    pub close: bool,
}

/// Gives `reply` its face.
pub fn write(reply: &Reply, letterhead: &Letterhead<'_>) -> Written {
    let mut headers = vec![("content-type", JSON.into())];
    headers.extend(common_headers(letterhead));
    let (body, replayed) = match &reply.outcome {
        Ok(success) => (success_body(success, letterhead), success.replayed),
        Err(failure) => {
            headers.extend(failure_headers(failure, letterhead));
            (failure_body(failure, letterhead), failure.replayed)
        }
    };
    if replayed {
        headers.push(("idempotency-replayed", "true".into()));
    }
    headers.push(("content-length", body.len().to_string().into()));
    let close = reply.error_code() == Some(ErrorCode::ShuttingDown);
    Written { status: reply.status(), headers, body, close }
}

/// What every answer under `/v1` carries, whoever wrote its body.
pub fn common_headers(letterhead: &Letterhead<'_>) -> Vec<Header> {
    // All that can follow, so that the list grows once.
    let mut headers = Vec::with_capacity(10);
    headers.push(("cache-control", "no-store".into()));
    headers.push(("x-request-id", letterhead.request_id.to_owned().into()));
    headers.extend(cors_headers().map(|(name, value)| (name, value.into())));
    if let Some(rate) = letterhead.rate {
        headers.push(("x-ratelimit-limit", rate.limit.to_string().into()));
        headers.push(("x-ratelimit-remaining", rate.remaining.to_string().into()));
        headers.push(("x-ratelimit-reset", rate.reset_at_s.to_string().into()));
    }
    headers
}

/// What every answer carries, outside `/v1` too (api contract §2.3).
pub fn cors_headers() -> [(&'static str, &'static str); 2] {
    [
        ("access-control-allow-origin", "*"),
        (
            "access-control-expose-headers",
            "X-Request-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After, \
             Idempotency-Replayed",
        ),
    ]
}

/// The answer to a CORS preflight: 204, no body.
pub fn preflight_headers() -> [(&'static str, &'static str); 3] {
    [
        ("access-control-allow-methods", "GET, POST, DELETE, OPTIONS"),
        (
            "access-control-allow-headers",
            "Authorization, Content-Type, Accept, Prefer, Idempotency-Key, X-BabySea-SDK-Name, \
             X-BabySea-SDK-Version, X-BabySea-SDK-Runtime, X-BabySea-SDK-Runtime-Version",
        ),
        ("access-control-max-age", "86400"),
    ]
}

fn failure_headers(failure: &Failure, letterhead: &Letterhead<'_>) -> Vec<Header> {
    let mut headers = Vec::new();
    // The client ignores Retry-After without X-RateLimit-Limit, so the two only ever go together.
    if let (Some(seconds), Some(_)) =
        (failure.retry_after_s.or_else(|| retry_after_s(failure.error.code)), letterhead.rate)
    {
        headers.push(("retry-after", seconds.max(1).to_string().into()));
    }
    let allowed = failure.error.details.as_ref().and_then(|details| details.get("allowed"));
    if let (ErrorCode::MethodNotAllowed, Some(Value::Array(methods))) = (failure.error.code, allowed) {
        let methods: Vec<&str> = methods.iter().filter_map(Value::as_str).collect();
        headers.push(("allow", methods.join(", ").into()));
    }
    headers
}

/// Seconds that the table of api contract §6 names; a limiter states its own.
fn retry_after_s(code: ErrorCode) -> Option<u32> {
    match code {
        ErrorCode::ConcurrencyLimitExceeded
        | ErrorCode::ProviderRateLimited
        | ErrorCode::ProviderUnavailable
        | ErrorCode::NoProviderAvailable => Some(2),
        ErrorCode::IdempotencyInProgress
        | ErrorCode::LedgerUnavailable
        | ErrorCode::RateLimitExceeded
        | ErrorCode::AuthRateLimited => Some(1),
        _ => None,
    }
}

#[derive(Serialize)]
struct SuccessEnvelope<'a> {
    status: &'static str,
    request_id: &'a str,
    message: &'a str,
    timestamp: String,
    data: &'a Value,
}

#[derive(Serialize)]
struct FailureEnvelope<'a> {
    status: &'static str,
    request_id: &'a str,
    error: &'a PublicError,
}

fn success_body(success: &Success, letterhead: &Letterhead<'_>) -> Bytes {
    json(&SuccessEnvelope {
        status: "success",
        request_id: letterhead.request_id,
        message: success.message,
        timestamp: letterhead.timestamp.to_string(),
        data: &success.data,
    })
}

fn failure_body(failure: &Failure, letterhead: &Letterhead<'_>) -> Bytes {
    json(&FailureEnvelope { status: "error", request_id: letterhead.request_id, error: &failure.error })
}

/// Every key is a string and every value plain JSON, so this cannot fail; if it ever did, the body would be empty.
fn json(envelope: &impl Serialize) -> Bytes {
    serde_json::to_vec(envelope).map(Bytes::from).unwrap_or_default()
}

#[cfg(test)]
#[path = "answer/tests.rs"]
mod tests;
