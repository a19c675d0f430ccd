//! `BytePlus` `ModelArk` (providers §6): images in one call, each with its own end; videos as tasks that are polled.

use serde_json::Value;

use super::{
    CallbackTarget, Endpoint, JobHandle, JobResult, OutputSource, Poll, ProviderRequest, ProviderResponse, Submission,
    answer::{is_success, job_id, json, refusal, text, unreadable, vanished},
    native::Native,
    post,
};
use crate::{ProviderFailure, failure::Class};

pub(super) const BASE_URL: &str = "https://ark.ap-southeast.bytepluses.com/api/v3";
/// Answers with the images themselves.
pub(super) const IMAGES: &str = "/images/generations";
const TASKS: &str = "/contents/generations/tasks";

/// Callbacks carry no signature: the target's URL has to be a secret.
pub(super) fn submit(native: Native<'_>, callback: Option<&CallbackTarget>, endpoint: &Endpoint) -> ProviderRequest {
    let url = native.url(endpoint);
    let mut input = native.with_model();
    if let Some(callback) = callback.filter(|_| url.ends_with(TASKS)) {
        input.fields.insert("callback_url".to_owned(), callback.url.as_str().into());
    }
    post(url, input, endpoint)
}

/// A task has an id, images have data.
pub(super) fn read_submission(endpoint: &Endpoint, response: &ProviderResponse<'_>) -> Submission {
    let body = json(response);
    if !is_success(response.status) {
        return Submission::Refused(refusal(response.status, text(&body, "/error/code").and_then(by_code)));
    }
    if let Some(images) = body.get("data").and_then(Value::as_array) {
        return read_images(images);
    }
    let Some(id) = job_id(&body, "/id") else { return Submission::Refused(unreadable()) };
    let url = format!("{}{TASKS}/{id}", endpoint.base_url);
    Submission::Accepted(JobHandle {
        prediction_id: id.to_owned(),
        poll_url: url.clone(),
        result_url: None,
        cancel_url: Some(url),
    })
}

/// A slot holds an image or an error. What there is, is delivered; with nothing at all, the first error is the answer.
fn read_images(slots: &[Value]) -> Submission {
    let outputs: Vec<_> =
        slots.iter().filter_map(|slot| text(slot, "/url")).map(|url| OutputSource::Url(url.to_owned())).collect();
    if !outputs.is_empty() {
        return Submission::Finished(JobResult { outputs, predict_time_ms: None });
    }
    match slots.iter().find_map(|slot| text(slot, "/error/code")) {
        Some(code) => Submission::Refused(by_code(code).unwrap_or_else(|| Class::Fault.refused()).after_acceptance()),
        None => Submission::Refused(unreadable()),
    }
}

/// Codes of providers §6.4; an unknown one leaves it to the status.
fn by_code(code: &str) -> Option<ProviderFailure> {
    if code.contains("SensitiveContentDetected") {
        return Some(Class::ContentPolicy.refused());
    }
    let family = code.split('.').next().unwrap_or_default();
    Some(match family {
        "AccountOverdueError" => Class::OutOfCredit.refused(),
        "AuthenticationError" | "AccessDenied" | "OperationDenied" => Class::AuthFailed.refused(),
        "MissingParameter" | "InvalidParameter" => Class::InvalidInput.refused(),
        // A closed endpoint comes as 400 and a missing one as 404: both are ours to mend.
        "InvalidEndpoint" | "InvalidEndpointOrModel" | "ModelNotOpen" | "NotFound" => Class::ModelNotFound.refused(),
        "ServerOverloaded" => Class::Overloaded.refused(),
        "InternalServiceError" => Class::Fault.refused(),
        "RateLimitExceeded"
        | "ModelAccountRpmRateLimitExceeded"
        | "QuotaExceeded"
        | "SetLimitExceeded"
        | "InflightBatchsizeExceeded" => Class::RateLimited.refused(),
        _ => return None,
    })
}

pub(super) fn read_poll(response: &ProviderResponse<'_>) -> Poll {
    match response.status {
        404 => return Poll::Failed(vanished()),
        status if !is_success(status) => return Poll::Unreadable,
        _ => {}
    }
    let body = json(response);
    match text(&body, "/status") {
        Some("queued" | "running") => Poll::Running,
        Some("succeeded") => match text(&body, "/content/video_url") {
            Some(url) => {
                Poll::Done(JobResult { outputs: vec![OutputSource::Url(url.to_owned())], predict_time_ms: None })
            }
            None => Poll::Failed(ProviderFailure::no_output()),
        },
        Some("failed") => {
            let known = text(&body, "/error/code").and_then(by_code);
            Poll::Failed(known.unwrap_or_else(|| Class::Fault.refused()).after_acceptance())
        }
        Some("cancelled") => Poll::Failed(Class::Cancelled.ended()),
        Some("expired") => Poll::Failed(Class::Timeout.ended()),
        _ => Poll::Unreadable,
    }
}

/// A running task refuses; one that was over is deleted, which nobody can tell from a cancellation.
pub(super) fn read_cancel(response: &ProviderResponse<'_>) -> bool {
    is_success(response.status)
}
