//! The one place that turns a failure into a status and a body. Nothing internal reaches a customer from here.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use ledger_contract::{ErrorCode, PublicError, wire::InternalProblem};
use ledger_store::StoreError;
use serde::Serialize;

use crate::committer::CommitError;

/// Everything that can go wrong with a call.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// No bearer token, or another one.
    #[error("the bearer token is missing or wrong")]
    TokenRefused,
    /// The call itself is malformed.
    #[error("{0}")]
    Malformed(String),
    /// What it is about does not exist.
    #[error("no such {0}")]
    Missing(&'static str),
    /// What it asks for cannot be done in this state.
    #[error("{0}")]
    Conflict(String),
    /// There is no such path.
    #[error("no such path")]
    NoRoute,
    /// There is, but not for this method.
    #[error("no such method here")]
    NoMethod,
    /// It took too long.
    #[error("the call took too long")]
    TimedOut,
    /// Commands could not be committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The database failed outside of a commit.
    #[error("the database failed")]
    Store(#[from] StoreError),
    /// Something that should not happen.
    #[error("{0}")]
    Unexpected(String),
    /// A public refusal, ready to be sent.
    #[error("{}", .0.message)]
    Public(Box<PublicError>),
}

/// Who reads the answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Audience<'a> {
    /// Another house, or an operator.
    House,
    /// A customer, through the proxy; the request's id.
    Customer(&'a str),
}

/// The error envelope (api contract §1.3).
#[derive(Serialize)]
struct ErrorEnvelope<'a> {
    status: &'static str,
    request_id: &'a str,
    error: PublicError,
}

/// Content type of everything under `/v1` (api contract §2.2).
pub(crate) const PUBLIC_JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

impl From<PublicError> for Problem {
    fn from(error: PublicError) -> Self {
        Self::Public(Box::new(error))
    }
}

impl IntoResponse for Problem {
    /// The face for houses: a handler whose caller may be a customer calls [`face`] itself.
    fn into_response(self) -> Response {
        face(self, Audience::House)
    }
}

/// The face of a failure.
pub(crate) fn face(problem: Problem, audience: Audience<'_>) -> Response {
    log(&problem, audience);
    match audience {
        Audience::House => {
            let body = Json(InternalProblem { error: problem.to_string() });
            (house_status(&problem), body).into_response()
        }
        Audience::Customer(request_id) => customer_face(public_error(problem), request_id),
    }
}

fn customer_face(error: PublicError, request_id: &str) -> Response {
    let status = StatusCode::from_u16(error.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let retry_after = (error.code == ErrorCode::LedgerUnavailable).then_some(HeaderValue::from_static("1"));
    let mut response = (status, Json(ErrorEnvelope { status: "error", request_id, error })).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, PUBLIC_JSON);
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

/// What the other house may conclude: 503, nothing was done, ask again; another 4xx, nothing was done and nothing ever
/// will be; anything else, nobody knows.
fn house_status(problem: &Problem) -> StatusCode {
    match problem {
        Problem::TokenRefused => StatusCode::UNAUTHORIZED,
        Problem::Malformed(_) => StatusCode::BAD_REQUEST,
        Problem::Missing(_) | Problem::NoRoute => StatusCode::NOT_FOUND,
        Problem::NoMethod => StatusCode::METHOD_NOT_ALLOWED,
        Problem::Conflict(_) => StatusCode::CONFLICT,
        Problem::Public(error) => {
            StatusCode::from_u16(error.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
        }
        // What was asked may go on: this can't say that nothing was done.
        Problem::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        problem if is_refused_by_a_rule(problem) => StatusCode::CONFLICT,
        problem if is_outage(problem) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn public_error(problem: Problem) -> PublicError {
    match problem {
        Problem::Public(error) => *error,
        Problem::Missing("account") => PublicError::new(ErrorCode::AccountNotFound, "The account does not exist"),
        problem if is_outage(&problem) || matches!(problem, Problem::TimedOut) => {
            PublicError::new(ErrorCode::LedgerUnavailable, "The service is temporarily unavailable")
        }
        _ => {
            // Every public route of this house only reads, so it may be asked again (api contract §6.1 rule 3).
            let error = PublicError::new(ErrorCode::InternalError, "Something went wrong on our side");
            PublicError { retryable: true, ..error }
        }
    }
}

/// Whether a constraint of the schema refused the commands: the same commands are refused again.
fn is_refused_by_a_rule(problem: &Problem) -> bool {
    let Problem::Commit(CommitError::Store(error)) = problem else { return false };
    matches!(**error, StoreError::Constraint { .. })
}

/// Whether nothing was done and asking again later may help. A commit in doubt is no such outage.
fn is_outage(problem: &Problem) -> bool {
    let store = |error: &StoreError| matches!(error, StoreError::Unavailable(_));
    match problem {
        Problem::Commit(CommitError::Full | CommitError::Stopping) => true,
        Problem::Commit(CommitError::Store(error)) => store(error),
        Problem::Store(error) => store(error),
        _ => false,
    }
}

/// A failed commit is logged where it failed; the other side's mistakes are its own to log.
fn log(problem: &Problem, audience: Audience<'_>) {
    let request_id = if let Audience::Customer(request_id) = audience { request_id } else { "" };
    match problem {
        Problem::Store(error) => tracing::error!(request_id, %error, cause = ?error, "a read failed"),
        Problem::Unexpected(error) => tracing::error!(request_id, %error, "a call failed"),
        Problem::TimedOut | Problem::Commit(CommitError::Full) => {
            tracing::warn!(request_id, %problem, "a call was refused");
        }
        _ => {}
    }
}
