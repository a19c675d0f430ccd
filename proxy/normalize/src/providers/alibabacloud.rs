//! Alibaba Cloud Model Studio (providers §7): Qwen's images in one call, Wan's videos as tasks that are polled.

use serde_json::Value;

use super::{
    Endpoint, JobHandle, JobResult, OutputSource, Poll, ProviderRequest, ProviderResponse, Submission,
    answer::{is_success, job_id, json, refusal, text, unreadable, vanished},
    native::Native,
    post,
};
use crate::{ProviderFailure, failure::Class};

pub(super) const BASE_URL: &str = "https://dashscope-intl.aliyuncs.com/api/v1";
/// Answers with the images themselves; every other path wants to be called asynchronously.
pub(super) const IMAGES: &str = "/services/aigc/multimodal-generation/generation";

pub(super) fn submit(native: Native<'_>, endpoint: &Endpoint) -> ProviderRequest {
    let is_task = native.path != Some(IMAGES);
    let mut request = post(native.url(endpoint), native.with_model(), endpoint);
    if is_task {
        request.headers.push(("x-dashscope-async".to_owned(), "enable".to_owned()));
    }
    request
}

/// A task has an id, images come as choices.
pub(super) fn read_submission(endpoint: &Endpoint, response: &ProviderResponse<'_>) -> Submission {
    let body = json(response);
    if !is_success(response.status) {
        return Submission::Refused(refusal(response.status, text(&body, "/code").and_then(by_code)));
    }
    if let Some(choices) = body.pointer("/output/choices").and_then(Value::as_array) {
        return read_images(choices);
    }
    let Some(id) = job_id(&body, "/output/task_id") else { return Submission::Refused(unreadable()) };
    let url = format!("{}/tasks/{id}", endpoint.base_url);
    Submission::Accepted(JobHandle {
        prediction_id: id.to_owned(),
        cancel_url: Some(format!("{url}/cancel")),
        poll_url: url,
        result_url: None,
    })
}

fn read_images(choices: &[Value]) -> Submission {
    let contents = choices.iter().filter_map(|choice| choice.pointer("/message/content").and_then(Value::as_array));
    let images = contents.flatten().filter_map(|item| text(item, "/image"));
    let outputs: Vec<_> = images.map(|url| OutputSource::Url(url.to_owned())).collect();
    if outputs.is_empty() {
        return Submission::Refused(unreadable());
    }
    Submission::Finished(JobResult { outputs, predict_time_ms: None })
}

/// Codes of providers §7.5; an unknown one leaves it to the status.
fn by_code(code: &str) -> Option<ProviderFailure> {
    let family = code.split('.').next().unwrap_or_default();
    Some(match (family, code) {
        ("DataInspectionFailed" | "IPInfringementSuspect", _) => Class::ContentPolicy.refused(),
        ("Arrearage" | "PrepaidBillOverdue", _) | (_, "AllocationQuota.FreeTierOnly") => Class::OutOfCredit.refused(),
        ("InvalidApiKey" | "AccessDenied", _) | (_, "Model.AccessDenied") => Class::AuthFailed.refused(),
        ("ModelNotFound" | "WorkSpaceNotFound", _) | (_, "BadRequest.EmptyModel") => Class::ModelNotFound.refused(),
        ("InvalidParameter" | "BadRequest" | "InvalidURL", _) => Class::InvalidInput.refused(),
        ("Throttling", _) => Class::RateLimited.refused(),
        ("ModelUnavailable" | "ModelServingError", _) => Class::Overloaded.refused(),
        ("InternalError", _) => Class::Fault.refused(),
        _ => return None,
    })
}

/// A task that it no longer knows has the status `UNKNOWN`, in a complete answer.
pub(super) fn read_poll(response: &ProviderResponse<'_>) -> Poll {
    match response.status {
        404 => return Poll::Failed(vanished()),
        status if !is_success(status) => return Poll::Unreadable,
        _ => {}
    }
    let body = json(response);
    match text(&body, "/output/task_status") {
        Some("PENDING" | "RUNNING" | "SUSPENDED") => Poll::Running,
        Some("SUCCEEDED") => finished(&body),
        Some("FAILED") => {
            let known = text(&body, "/output/code").and_then(by_code);
            Poll::Failed(known.unwrap_or_else(|| Class::Fault.refused()).after_acceptance())
        }
        Some("CANCELED") => Poll::Failed(Class::Cancelled.ended()),
        Some("UNKNOWN") => Poll::Failed(Class::Timeout.ended()),
        _ => Poll::Unreadable,
    }
}

/// A video, or the images of an asynchronous image task, one slot each.
fn finished(body: &Value) -> Poll {
    let results = body.pointer("/output/results").and_then(Value::as_array).into_iter().flatten();
    let urls = text(body, "/output/video_url").into_iter().chain(results.filter_map(|slot| text(slot, "/url")));
    let outputs: Vec<_> = urls.map(|url| OutputSource::Url(url.to_owned())).collect();
    if outputs.is_empty() {
        return Poll::Failed(ProviderFailure::no_output());
    }
    Poll::Done(JobResult { outputs, predict_time_ms: None })
}

/// Only a pending task can be cancelled; the others answer 400.
pub(super) fn read_cancel(response: &ProviderResponse<'_>) -> bool {
    is_success(response.status)
}
