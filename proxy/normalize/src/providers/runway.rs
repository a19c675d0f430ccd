//! Runway (providers §5): tasks, polled by id. Every call names the version of the API that it speaks.

use serde_json::Value;

use super::{
    Endpoint, JobHandle, JobResult, OutputSource, Poll, ProviderRequest, ProviderResponse, Submission,
    answer::{is_success, job_id, json, refusal, text, unreadable, vanished},
    native::Native,
    post,
};
use crate::{ProviderFailure, failure::Class};

pub(super) const BASE_URL: &str = "https://api.dev.runwayml.com/v1";
/// Goes with every call.
pub(super) const VERSION: (&str, &str) = ("x-runway-version", "2024-11-06");
/// It asks not to be polled more often than every 5 s.
pub(super) const LEAST_POLL_MS: u64 = 5_000;

pub(super) fn submit(native: Native<'_>, endpoint: &Endpoint) -> ProviderRequest {
    let url = native.url(endpoint);
    post(url, native.with_model(), endpoint)
}

pub(super) fn read_submission(endpoint: &Endpoint, response: &ProviderResponse<'_>) -> Submission {
    let body = json(response);
    if !is_success(response.status) {
        return Submission::Refused(refusal(response.status, specific(response.status, &body)));
    }
    let Some(id) = job_id(&body, "/id") else { return Submission::Refused(unreadable()) };
    let url = format!("{}/tasks/{id}", endpoint.base_url);
    Submission::Accepted(JobHandle {
        prediction_id: id.to_owned(),
        poll_url: url.clone(),
        result_url: None,
        cancel_url: Some(url),
    })
}

/// Everything that is wrong with a request comes as 400: the account, the model and the input alike.
fn specific(status: u16, body: &Value) -> Option<ProviderFailure> {
    if status != 400 {
        return None;
    }
    if text(body, "/error").is_some_and(|error| error.contains("enough credits")) {
        return Some(Class::OutOfCredit.refused());
    }
    let mut issues = body.get("issues").and_then(Value::as_array).into_iter().flatten();
    let about_model = |issue: &Value| issue.pointer("/path/0").and_then(Value::as_str) == Some("model");
    issues.any(about_model).then(|| Class::ModelNotFound.refused())
}

pub(super) fn read_poll(response: &ProviderResponse<'_>) -> Poll {
    match response.status {
        404 => return Poll::Failed(vanished()),
        status if !is_success(status) => return Poll::Unreadable,
        _ => {}
    }
    let body = json(response);
    match text(&body, "/status") {
        Some("PENDING" | "THROTTLED" | "RUNNING") => Poll::Running,
        Some("SUCCEEDED") => finished(&body),
        Some("FAILED") => Poll::Failed(run_failure(text(&body, "/failureCode").unwrap_or_default())),
        Some("CANCELLED") => Poll::Failed(Class::Cancelled.ended()),
        _ => Poll::Unreadable,
    }
}

fn finished(body: &Value) -> Poll {
    let urls = body.get("output").and_then(Value::as_array).into_iter().flatten();
    let outputs: Option<Vec<_>> = urls.map(|url| url.as_str().map(|url| OutputSource::Url(url.to_owned()))).collect();
    match outputs {
        Some(outputs) if !outputs.is_empty() => Poll::Done(JobResult { outputs, predict_time_ms: None }),
        _ => Poll::Failed(ProviderFailure::no_output()),
    }
}

/// Codes of providers §5.5 go from the general to the particular, joined by dots.
fn run_failure(code: &str) -> ProviderFailure {
    if code.starts_with("SAFETY") || code.starts_with("INPUT_PREPROCESSING.SAFETY") {
        Class::ContentPolicy.ended()
    } else if code.starts_with("ASSET.INVALID") {
        Class::InvalidInput.ended()
    } else {
        Class::Fault.ended()
    }
}

/// A task that was over already is deleted with its output, and an unknown one counts as cancelled to its own clients.
pub(super) fn read_cancel(response: &ProviderResponse<'_>) -> bool {
    is_success(response.status)
}
