//! Cloudflare Workers AI (providers §8): one call, and the answer is the image, base64 in JSON. No job, poll or cancel.

use base64::{Engine, engine::general_purpose::STANDARD};
use ledger_contract::Provider;
use serde_json::Value;

use super::{
    Endpoint, JobResult, OutputSource, ProviderRequest, ProviderResponse, Submission, SubmitError,
    answer::{is_success, json, refusal, text, unreadable},
    native::Native,
    post,
};
use crate::{ProviderFailure, failure::Class};

pub(super) const BASE_URL: &str = "https://api.cloudflare.com/client/v4";

pub(super) fn submit(native: Native<'_>, endpoint: &Endpoint) -> Result<ProviderRequest, SubmitError> {
    let account = endpoint.account_id.as_deref().ok_or(SubmitError::AccountMissing(Provider::Cloudflare))?;
    Ok(post(format!("{}/accounts/{account}/ai/run/{}", endpoint.base_url, native.id), native.input, endpoint))
}

pub(super) fn read_submission(response: &ProviderResponse<'_>) -> Submission {
    let body = json(response);
    if !is_success(response.status) {
        return Submission::Refused(refusal(response.status, by_code(&body)));
    }
    if body.get("success") == Some(&Value::Bool(false)) {
        return Submission::Refused(by_code(&body).unwrap_or_else(|| Class::Fault.refused()));
    }
    match text(&body, "/result/image").and_then(|image| STANDARD.decode(image).ok()) {
        Some(bytes) if !bytes.is_empty() => {
            Submission::Finished(JobResult { outputs: vec![OutputSource::Bytes(bytes)], predict_time_ms: None })
        }
        _ => Submission::Refused(unreadable()),
    }
}

/// The first known code decides; an unknown one leaves it to the status.
fn by_code(body: &Value) -> Option<ProviderFailure> {
    let errors = body.get("errors").and_then(Value::as_array)?;
    errors.iter().filter_map(|error| error.get("code").and_then(Value::as_u64)).find_map(|code| {
        Some(match code {
            3030 => Class::ContentPolicy.refused(),
            3003 | 3006 | 5004 => Class::InvalidInput.refused(),
            5007 | 3042 | 7003 => Class::ModelNotFound.refused(),
            10_000 | 3023 | 3041 | 5016 | 5018 => Class::AuthFailed.refused(),
            3036 => Class::OutOfCredit.refused(),
            3040 => Class::Overloaded.refused(),
            10_429 => Class::RateLimited.refused(),
            3007 | 3008 | 3046 => Class::Timeout.in_doubt(),
            _ => return None,
        })
    })
}
