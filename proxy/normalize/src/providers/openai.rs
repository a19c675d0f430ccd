//! `OpenAI`'s images (providers §4): one call, and the answer is the images, base64 in JSON. Edits are forms that carry the
//! input files themselves. No job, poll or cancel.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{
    Endpoint, JobResult, OutputSource, ProviderRequest, ProviderResponse, Submission,
    answer::{is_success, json, refusal, text, unreadable},
    native::Native,
    post,
};
use crate::{ProviderFailure, failure::Class};

pub(super) const BASE_URL: &str = "https://api.openai.com/v1";

pub(super) fn submit(native: Native<'_>, endpoint: &Endpoint) -> ProviderRequest {
    let url = native.url(endpoint);
    post(url, native.with_model(), endpoint)
}

pub(super) fn read_submission(response: &ProviderResponse<'_>) -> Submission {
    let body = json(response);
    if !is_success(response.status) {
        return Submission::Refused(refusal(response.status, specific(&body)));
    }
    let images = body.get("data").and_then(Value::as_array).into_iter().flatten();
    let outputs: Option<Vec<_>> = images.map(image).collect();
    match outputs {
        Some(outputs) if !outputs.is_empty() => Submission::Finished(JobResult { outputs, predict_time_ms: None }),
        _ => Submission::Refused(unreadable()),
    }
}

fn image(item: &Value) -> Option<OutputSource> {
    match text(item, "/b64_json") {
        Some(encoded) => STANDARD.decode(encoded).ok().filter(|bytes| !bytes.is_empty()).map(OutputSource::Bytes),
        None => text(item, "/url").map(|url| OutputSource::Url(url.to_owned())),
    }
}

/// Codes of providers §4.4; an unknown one leaves it to the status.
fn specific(body: &Value) -> Option<ProviderFailure> {
    let says = |word: &str| [text(body, "/error/code"), text(body, "/error/type")].contains(&Some(word));
    if says("moderation_blocked") || says("content_policy_violation") {
        Some(Class::ContentPolicy.refused())
    } else if says("insufficient_quota") || says("billing_hard_limit_reached") {
        Some(Class::OutOfCredit.refused())
    } else if says("invalid_api_key") {
        Some(Class::AuthFailed.refused())
    } else if says("model_not_found") {
        Some(Class::ModelNotFound.refused())
    } else {
        None
    }
}
