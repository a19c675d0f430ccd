//! Replicate (providers §1): predictions, created and polled over HTTP, by the URLs that come with each.

use serde_json::{Map, Value, json};

use super::{
    CallbackTarget, Endpoint, JobHandle, JobResult, OutputSource, Poll, ProviderRequest, ProviderResponse, Submission,
    answer::{is_success, json, refusal, seconds_ms, text, unreadable, vanished},
    native::{Input, Native},
    post,
};
use crate::{ProviderFailure, failure::Class};

pub(super) const BASE_URL: &str = "https://api.replicate.com/v1";

/// Official models have a path of their own; a native id with a version hash (`owner/name:hash`) goes by version.
pub(super) fn submit(native: Native<'_>, callback: Option<&CallbackTarget>, endpoint: &Endpoint) -> ProviderRequest {
    let mut fields = Map::new();
    let url = if native.id.contains(':') {
        fields.insert("version".to_owned(), native.id.into());
        format!("{}/predictions", endpoint.base_url)
    } else {
        format!("{}/models/{}/predictions", endpoint.base_url, native.id)
    };
    fields.insert("input".to_owned(), native.input.fields.into());
    if let Some(callback) = callback {
        fields.insert("webhook".to_owned(), callback.url.as_str().into());
        fields.insert("webhook_events_filter".to_owned(), json!(["completed"]));
    }
    post(url, Input { fields, ..Input::default() }, endpoint)
}

/// The prediction may be final already; that is left to the first poll, so that there is one way to read an end.
pub(super) fn read_submission(response: &ProviderResponse<'_>) -> Submission {
    let body = json(response);
    if !is_success(response.status) {
        return Submission::Refused(refusal(response.status, specific(&body)));
    }
    match (text(&body, "/id"), text(&body, "/urls/get")) {
        (Some(id), Some(get)) => Submission::Accepted(JobHandle {
            prediction_id: id.to_owned(),
            poll_url: get.to_owned(),
            result_url: None,
            cancel_url: Some(text(&body, "/urls/cancel").map_or_else(|| format!("{get}/cancel"), str::to_owned)),
        }),
        _ => Submission::Refused(unreadable()),
    }
}

/// A version that does not exist comes as invalid input, and is our mistake rather than the customer's.
fn specific(body: &Value) -> Option<ProviderFailure> {
    let says = |name: &str| text(body, name).is_some_and(|text| text.contains("Invalid version"));
    (says("/detail") || says("/title")).then(|| Class::ModelNotFound.refused())
}

pub(super) fn read_poll(response: &ProviderResponse<'_>) -> Poll {
    match response.status {
        404 => return Poll::Failed(vanished()),
        status if !is_success(status) => return Poll::Unreadable,
        _ => {}
    }
    let body = json(response);
    match text(&body, "/status") {
        Some("starting" | "processing") => Poll::Running,
        Some("succeeded") => finished(&body),
        Some("failed") => Poll::Failed(run_failure(text(&body, "/error").unwrap_or_default())),
        Some("canceled") => Poll::Failed(Class::Cancelled.ended()),
        Some("aborted") => Poll::Failed(Class::Timeout.ended()),
        _ => Poll::Unreadable,
    }
}

/// `output` is one URL or a list of them, depending on the model.
fn finished(body: &Value) -> Poll {
    let urls: Option<Vec<_>> = match body.get("output") {
        Some(Value::String(url)) => Some(vec![OutputSource::Url(url.clone())]),
        Some(Value::Array(items)) => {
            items.iter().map(|item| item.as_str().map(|url| OutputSource::Url(url.to_owned()))).collect()
        }
        _ => None,
    };
    match urls {
        Some(outputs) if !outputs.is_empty() => {
            Poll::Done(JobResult { outputs, predict_time_ms: seconds_ms(body.pointer("/metrics/predict_time")) })
        }
        _ => Poll::Failed(ProviderFailure::no_output()),
    }
}

/// Failures at run time are text with an `E####` code, or with what the safety checker says.
fn run_failure(error: &str) -> ProviderFailure {
    let lower = error.to_ascii_lowercase();
    let says = |needle: &str| lower.contains(needle);
    if says("nsfw") || says("flagged as sensitive") || says("e005") {
        Class::ContentPolicy.ended()
    } else if says("e6716") {
        Class::Overloaded.ended()
    } else {
        Class::Fault.ended()
    }
}

/// A prediction that was over already is answered unchanged.
pub(super) fn read_cancel(response: &ProviderResponse<'_>) -> bool {
    is_success(response.status) && !matches!(text(&json(response), "/status"), Some("succeeded" | "failed"))
}
