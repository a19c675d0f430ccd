//! fal's queue (providers §2): submit, ask for the status, fetch the result. Always follows the URLs that fal returns.

use serde_json::Value;
use url::form_urlencoded;

use super::{
    CallbackTarget, Endpoint, JobHandle, JobResult, Method, OutputSource, Poll, ProviderRequest, ProviderResponse,
    Submission,
    answer::{is_success, json, refusal, seconds_ms, text, unreadable, vanished},
    native::Native,
    post, signed,
};
use crate::{ProviderFailure, failure::Class};

pub(super) const BASE_URL: &str = "https://queue.fal.run";

pub(super) fn submit(native: Native<'_>, callback: Option<&CallbackTarget>, endpoint: &Endpoint) -> ProviderRequest {
    let mut url = format!("{}/{}", endpoint.base_url, native.id);
    if let Some(callback) = callback {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("fal_webhook", &callback.url).finish();
        url = format!("{url}?{query}");
    }
    post(url, native.input, endpoint)
}

pub(super) fn read_submission(response: &ProviderResponse<'_>) -> Submission {
    let body = json(response);
    if !is_success(response.status) {
        return Submission::Refused(refusal(response.status, specific(response, &body)));
    }
    let url = |name: &str| text(&body, name).map(str::to_owned);
    match (url("/request_id"), url("/status_url"), url("/response_url")) {
        (Some(prediction_id), Some(poll_url), Some(result_url)) => Submission::Accepted(JobHandle {
            prediction_id,
            poll_url,
            result_url: Some(result_url),
            cancel_url: url("/cancel_url"),
        }),
        _ => Submission::Refused(unreadable()),
    }
}

/// `COMPLETED` says that it is over, not how: the result says that, unless the status names the error itself.
pub(super) fn read_poll(handle: &JobHandle, endpoint: &Endpoint, response: &ProviderResponse<'_>) -> Poll {
    match response.status {
        404 => return Poll::Failed(vanished()),
        status if !is_success(status) => return Poll::Unreadable,
        _ => {}
    }
    let body = json(response);
    match (text(&body, "/status"), handle.result_url.as_deref()) {
        (Some("IN_QUEUE" | "IN_PROGRESS"), _) => Poll::Running,
        (Some("COMPLETED"), Some(url)) => match text(&body, "/error_type").and_then(by_type) {
            Some(failure) => Poll::Failed(failure.after_acceptance()),
            None => Poll::Fetch {
                request: signed(endpoint.provider, Method::Get, url, endpoint),
                predict_time_ms: seconds_ms(body.pointer("/metrics/inference_time")),
            },
        },
        _ => Poll::Unreadable,
    }
}

/// The model's output, or the model's error under its own status.
pub(super) fn read_result(response: &ProviderResponse<'_>) -> Poll {
    let body = json(response);
    if is_success(response.status) {
        return if body.is_object() { finished(&body) } else { Poll::Unreadable };
    }
    if response.status == 400 && text(&body, "/detail") == Some("Request is still in progress") {
        return Poll::Running;
    }
    match response.status {
        404 => Poll::Failed(vanished()),
        // Said about the call, not about the job.
        401 | 403 | 408 | 429 => Poll::Unreadable,
        500.. => match error_type(response, &body).and_then(by_type) {
            Some(failure) => Poll::Failed(failure.after_acceptance()),
            // A gateway's page says nothing about the job; a model's own 500 carries `detail`.
            None if response.status == 500 && body.get("detail").is_some() => Poll::Failed(Class::Fault.ended()),
            None => Poll::Unreadable,
        },
        status => Poll::Failed(refusal(status, specific(response, &body)).after_acceptance()),
    }
}

fn finished(body: &Value) -> Poll {
    let flagged = body.get("has_nsfw_concepts").and_then(Value::as_array);
    if flagged.is_some_and(|flags| flags.contains(&Value::Bool(true))) {
        return Poll::Failed(Class::ContentPolicy.ended());
    }
    let files = match body.get("images") {
        Some(Value::Array(images)) => images.iter().collect(),
        _ => body.get("video").or_else(|| body.get("image")).into_iter().collect::<Vec<_>>(),
    };
    let outputs: Option<Vec<_>> =
        files.into_iter().map(|file| text(file, "/url").map(|url| OutputSource::Url(url.to_owned()))).collect();
    match outputs {
        Some(outputs) if !outputs.is_empty() => {
            Poll::Done(JobResult { outputs, predict_time_ms: seconds_ms(body.pointer("/timings/inference")) })
        }
        _ => Poll::Failed(ProviderFailure::no_output()),
    }
}

/// What fal's own words say beyond the status.
fn specific(response: &ProviderResponse<'_>, body: &Value) -> Option<ProviderFailure> {
    match response.status {
        403 if text(body, "/detail").is_some_and(|detail| detail.contains("Exhausted balance")) => {
            Some(Class::OutOfCredit.refused())
        }
        400 | 422 | 499 | 500 => error_type(response, body).and_then(by_type),
        _ => None,
    }
}

/// `detail` is a list for a model's errors; platform errors have `error_type`, in the body and as a header.
fn error_type<'a>(response: &'a ProviderResponse<'_>, body: &'a Value) -> Option<&'a str> {
    let details = body.get("detail").and_then(Value::as_array);
    let types = || details.into_iter().flatten().filter_map(|item| text(item, "/type"));
    let header = || {
        let named = response.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-fal-error-type"));
        named.map(|(_, value)| value.as_str())
    };
    // A content refusal among several complaints decides.
    types()
        .find(|kind| *kind == "content_policy_violation")
        .or_else(|| types().next())
        .or_else(|| text(body, "/error_type"))
        .or_else(header)
}

/// Classes of providers §2.4; an unknown type leaves it to the status.
fn by_type(kind: &str) -> Option<ProviderFailure> {
    Some(match kind {
        "content_policy_violation" => Class::ContentPolicy.refused(),
        "downstream_service_error" => Class::Fault.refused_for_good(),
        "downstream_service_unavailable"
        | "internal_server_error"
        | "runner_server_error"
        | "internal_error"
        | "runner_incomplete_response" => Class::Fault.refused(),
        "generation_timeout" | "request_timeout" | "startup_timeout" => Class::Timeout.refused_for_good(),
        "runner_scheduling_failure"
        | "runner_connection_timeout"
        | "runner_disconnected"
        | "runner_connection_refused"
        | "runner_connection_error" => Class::Overloaded.refused(),
        "client_disconnected" | "client_cancelled" => Class::Cancelled.refused_for_good(),
        "bad_request" => Class::InvalidInput.refused(),
        _ => return None,
    })
}
