//! What all providers' HTTP answers have in common: statuses, JSON bodies, numbers in them. Refuses to know any field
//! that only one provider has.

use serde_json::Value;

use super::ProviderResponse;
use crate::{
    ProviderFailure,
    failure::{Class, Standing},
};

/// The body as JSON, or `null`: nothing then has the fields that are looked for.
pub(super) fn json(response: &ProviderResponse<'_>) -> Value {
    serde_json::from_slice(response.body).unwrap_or(Value::Null)
}

/// A text field that is there and says something.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// A job's id that becomes part of a path of ours: nothing in it may lead elsewhere.
pub(super) fn job_id<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    let is_plain = |id: &&str| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    text(value, pointer).filter(is_plain).filter(|id| id.len() <= MAX_ID_LENGTH)
}

/// Longer than any provider's ids, in bytes.
const MAX_ID_LENGTH: usize = 128;

/// Seconds with a fraction, as whole milliseconds; nothing for what cannot be a duration.
#[expect(clippy::cast_possible_truncation, reason = "bounded just before")]
pub(super) fn seconds_ms(value: Option<&Value>) -> Option<i64> {
    let seconds = value?.as_f64()?;
    (0.0..=86_400_000.0).contains(&seconds).then_some((seconds * 1000.0).round() as i64)
}

/// Whether the status says that the request was taken.
pub(super) fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

/// A refusal of a submission by status alone (providers §10). `specific` is what the provider's own error codes say; it
/// is not asked where the status alone leaves doubt.
pub(super) fn refusal(status: u16, specific: Option<ProviderFailure>) -> ProviderFailure {
    match status {
        502 => Class::Fault.in_doubt(),
        408 | 504 => Class::Timeout.in_doubt(),
        200..=299 => unreadable(),
        503 => Class::Overloaded.refused(),
        _ => specific.unwrap_or_else(|| by_status(status)),
    }
}

fn by_status(status: u16) -> ProviderFailure {
    match status {
        401 | 403 => Class::AuthFailed.refused(),
        402 => Class::OutOfCredit.refused(),
        404 => Class::ModelNotFound.refused(),
        429 => Class::RateLimited.refused(),
        400 | 413 | 422 => Class::InvalidInput.refused(),
        500.. => Class::Fault.refused(),
        // A redirect, a method or version that is not spoken: the endpoint is not what we were told it is.
        _ => ProviderFailure { alert: true, ..Class::Fault.refused_for_good() },
    }
}

/// A success whose body cannot be read: the job may well run.
pub(super) fn unreadable() -> ProviderFailure {
    let mut failure = Class::Fault.in_doubt();
    "the provider's answer could not be read".clone_into(&mut failure.message);
    failure
}

/// The provider does not know a job that it accepted.
pub(super) fn vanished() -> ProviderFailure {
    let mut failure = Class::Fault.ended();
    "the provider no longer knows the job".clone_into(&mut failure.message);
    failure
}

impl ProviderFailure {
    /// The same failure, reported on an accepted job.
    pub(super) fn after_acceptance(self) -> Self {
        Self { standing: Standing::Ended, ..self }
    }
}
