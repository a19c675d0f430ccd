//! Black Forest Labs (providers §3): submit, then poll the URL of the region that owns the task. Has no cancel.

use serde_json::Value;

use super::{
    CallbackTarget, Endpoint, JobHandle, JobResult, OutputSource, Poll, ProviderRequest, ProviderResponse, Submission,
    answer::{is_success, job_id, json, refusal, seconds_ms, text, unreadable, vanished},
    native::Native,
    post,
};
use crate::{ProviderFailure, failure::Class};

pub(super) const BASE_URL: &str = "https://api.bfl.ai";

/// The native id is the path, such as `/v1/flux-pro-1.1`.
pub(super) fn submit(native: Native<'_>, callback: Option<&CallbackTarget>, endpoint: &Endpoint) -> ProviderRequest {
    let mut input = native.input;
    if let Some(callback) = callback {
        input.fields.insert("webhook_url".to_owned(), callback.url.as_str().into());
        input.fields.insert("webhook_secret".to_owned(), callback.secret.as_str().into());
    }
    post(format!("{}{}", endpoint.base_url, native.id), input, endpoint)
}

/// A task on the global host can only be polled at its `polling_url`: without one, it runs and cannot be asked for. With
/// a webhook there is none, and the host that took the task is asked.
pub(super) fn read_submission(endpoint: &Endpoint, response: &ProviderResponse<'_>) -> Submission {
    if !is_success(response.status) {
        return Submission::Refused(refusal(response.status, None));
    }
    let body = json(response);
    let asked = |id: &str| match text(&body, "/polling_url") {
        Some(url) => Some(url.to_owned()),
        None => text(&body, "/webhook_url").map(|_| format!("{}/v1/get_result?id={id}", endpoint.base_url)),
    };
    let accepted = job_id(&body, "/id").and_then(|id| Some((id, asked(id)?)));
    match accepted {
        Some((id, poll_url)) => Submission::Accepted(JobHandle {
            prediction_id: id.to_owned(),
            poll_url,
            result_url: None,
            cancel_url: None,
        }),
        None => Submission::Refused(unreadable()),
    }
}

/// Unknown tasks are answered with 404 or, in a body, with status 200.
pub(super) fn read_poll(response: &ProviderResponse<'_>) -> Poll {
    if response.status == 404 {
        return Poll::Failed(vanished());
    }
    if !is_success(response.status) {
        return Poll::Unreadable;
    }
    let body = json(response);
    match text(&body, "/status") {
        Some("Pending") => Poll::Running,
        Some("Ready") => finished(&body),
        Some("Request Moderated" | "Content Moderated") => Poll::Failed(Class::ContentPolicy.ended()),
        Some("Error") => Poll::Failed(Class::Fault.ended()),
        Some("Task not found") => Poll::Failed(vanished()),
        _ => Poll::Unreadable,
    }
}

fn finished(body: &Value) -> Poll {
    match text(body, "/result/sample") {
        Some(url) => Poll::Done(JobResult {
            outputs: vec![OutputSource::Url(url.to_owned())],
            predict_time_ms: seconds_ms(body.pointer("/result/duration")),
        }),
        None => Poll::Failed(ProviderFailure::no_output()),
    }
}
