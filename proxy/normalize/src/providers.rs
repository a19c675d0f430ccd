//! What every provider adapter takes and gives: requests to send and answers that were received, as bytes. Refuses to
//! send anything itself, and to know any provider's JSON: that is in one file per provider below.

mod answer;
mod bfl;
mod cloudflare;
mod fal;
mod replicate;
mod trust;
mod wire;

use ledger_contract::{MediaKind, Provider};

use crate::{Canonical, Model, payload};

pub use wire::{
    Endpoint, JobHandle, JobResult, Method, OutputSource, Poll, ProviderRequest, ProviderResponse, Submission,
    SubmitError,
};

/// The requests that submit this job; more than one when the provider makes fewer outputs per job than were asked for.
pub fn submissions(
    model: &Model,
    provider: Provider,
    canonical: &Canonical,
    endpoint: &Endpoint,
) -> Result<Vec<ProviderRequest>, SubmitError> {
    let offer =
        model.offer(provider).ok_or_else(|| SubmitError::NotOffered { model: model.id().to_owned(), provider })?;
    let native = offer.native_id_for(canonical.has_input_file());
    payload::jobs(model, offer, canonical)
        .into_iter()
        .map(|input| match provider {
            Provider::Replicate => Ok(replicate::submit(native, input, endpoint)),
            Provider::Fal => Ok(fal::submit(native, &input, endpoint)),
            Provider::Bfl => Ok(bfl::submit(native, &input, endpoint)),
            Provider::Cloudflare => cloudflare::submit(native, &input, endpoint),
            Provider::Openai | Provider::Runway | Provider::Byteplus | Provider::Alibabacloud => {
                Err(SubmitError::NoAdapter(provider))
            }
        })
        .collect()
}

/// What the answer to a submission means.
pub fn read_submission(provider: Provider, response: &ProviderResponse<'_>) -> Submission {
    match provider {
        Provider::Replicate => replicate::read_submission(response),
        Provider::Fal => fal::read_submission(response),
        Provider::Bfl => bfl::read_submission(response),
        Provider::Cloudflare => cloudflare::read_submission(response),
        Provider::Openai | Provider::Runway | Provider::Byteplus | Provider::Alibabacloud => {
            Submission::Refused(crate::failure::Class::Fault.in_doubt())
        }
    }
}

/// The request that asks for the state of a job.
pub fn poll(provider: Provider, handle: &JobHandle, endpoint: &Endpoint) -> ProviderRequest {
    signed(provider, Method::Get, &handle.poll_url, endpoint)
}

/// What the answer to [`poll`] means.
pub fn read_poll(provider: Provider, handle: &JobHandle, endpoint: &Endpoint, response: &ProviderResponse<'_>) -> Poll {
    match provider {
        Provider::Replicate => replicate::read_poll(response),
        Provider::Fal => fal::read_poll(handle, endpoint, response),
        Provider::Bfl => bfl::read_poll(response),
        Provider::Cloudflare | Provider::Openai | Provider::Runway | Provider::Byteplus | Provider::Alibabacloud => {
            Poll::Unreadable
        }
    }
}

/// What the answer to [`Poll::Fetch`] means.
pub fn read_result(provider: Provider, handle: &JobHandle, response: &ProviderResponse<'_>) -> Poll {
    let _ = handle;
    match provider {
        Provider::Fal => fal::read_result(response),
        Provider::Replicate
        | Provider::Bfl
        | Provider::Cloudflare
        | Provider::Openai
        | Provider::Runway
        | Provider::Byteplus
        | Provider::Alibabacloud => Poll::Unreadable,
    }
}

/// The request that stops a job upstream; `None` where the provider cannot.
pub fn cancel(provider: Provider, handle: &JobHandle, endpoint: &Endpoint) -> Option<ProviderRequest> {
    let url = handle.cancel_url.as_deref()?;
    match provider {
        Provider::Replicate => Some(signed(provider, Method::Post, url, endpoint)),
        Provider::Fal => Some(signed(provider, Method::Put, url, endpoint)),
        Provider::Bfl
        | Provider::Cloudflare
        | Provider::Openai
        | Provider::Runway
        | Provider::Byteplus
        | Provider::Alibabacloud => None,
    }
}

/// Whether the provider took the cancellation. A job that was over already counts as not cancelled.
pub fn read_cancel(provider: Provider, response: &ProviderResponse<'_>) -> bool {
    match provider {
        Provider::Replicate => replicate::read_cancel(response),
        Provider::Fal => (200..300).contains(&response.status),
        Provider::Bfl
        | Provider::Cloudflare
        | Provider::Openai
        | Provider::Runway
        | Provider::Byteplus
        | Provider::Alibabacloud => false,
    }
}

/// Whether this provider answers a submission of this model with the output itself.
pub fn is_synchronous(model: &Model, provider: Provider) -> bool {
    model.offer(provider).is_some_and(|offer| offer.synchronous)
}

/// How long to wait between two polls of one job, unless configured otherwise.
pub fn poll_interval_ms(kind: MediaKind) -> u64 {
    match kind {
        MediaKind::Image => 500,
        MediaKind::Video => 2_000,
    }
}

/// How a provider with an adapter answers; `None` without one. The catalogue's loader holds every model against it.
pub(crate) fn answers_synchronously(provider: Provider) -> Option<bool> {
    match provider {
        Provider::Replicate | Provider::Fal | Provider::Bfl => Some(false),
        Provider::Cloudflare => Some(true),
        Provider::Openai | Provider::Runway | Provider::Byteplus | Provider::Alibabacloud => None,
    }
}

/// The provider's credential header. Providers without an adapter get none: nothing is ever sent to them.
fn authorization(endpoint: &Endpoint) -> Option<(String, String)> {
    let header = |name: &str, value: String| Some((name.to_owned(), value));
    match endpoint.provider {
        Provider::Replicate | Provider::Cloudflare => header("authorization", format!("Bearer {}", endpoint.api_key)),
        Provider::Fal => header("authorization", format!("Key {}", endpoint.api_key)),
        Provider::Bfl => header("x-key", endpoint.api_key.clone()),
        Provider::Openai | Provider::Runway | Provider::Byteplus | Provider::Alibabacloud => None,
    }
}

/// A request without a body to a URL that the provider gave us. The credential goes along only where it belongs.
fn signed(provider: Provider, method: Method, url: &str, endpoint: &Endpoint) -> ProviderRequest {
    let trusted = trust::may_hold_credential(provider, url, &endpoint.base_url);
    let headers = authorization(endpoint).filter(|_| trusted).into_iter().collect();
    ProviderRequest { method, url: url.to_owned(), headers, body: None }
}

/// A JSON submission.
fn post_json(url: String, body: &serde_json::Map<String, serde_json::Value>, endpoint: &Endpoint) -> ProviderRequest {
    let mut headers: Vec<_> = authorization(endpoint).into_iter().collect();
    headers.push(("content-type".to_owned(), "application/json".to_owned()));
    let body = serde_json::Value::from(body.clone()).to_string().into_bytes();
    ProviderRequest { method: Method::Post, url, headers, body: Some(body) }
}
