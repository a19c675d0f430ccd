//! What every provider adapter takes and gives: requests to send and answers that were received, as bytes. Refuses to
//! send anything itself, and to know any provider's JSON: that is in one file per provider below.

mod alibabacloud;
mod answer;
mod bfl;
mod body;
mod byteplus;
pub mod callback;
mod cloudflare;
mod fal;
mod lane;
mod native;
mod openai;
mod region;
mod replicate;
mod runway;
mod trust;
mod wire;

use ledger_contract::{MediaKind, Provider};

use crate::{Canonical, Model, offer::Offer, payload};

pub use body::{Body, Encoded, FileAt, FormPart};
pub use lane::{Lane, lane};
pub(crate) use native::{Input, Native};
pub use region::Region;
pub use wire::{
    CallbackTarget, Endpoint, JobHandle, JobResult, Method, OutputSource, Poll, ProviderRequest, ProviderResponse,
    Submission, SubmitError,
};

/// The requests that submit this job; more than one when the provider makes fewer outputs per job than were asked for.
/// `callback` is named to providers that report the end of a job.
pub fn submissions(
    model: &Model,
    provider: Provider,
    canonical: &Canonical,
    endpoint: &Endpoint,
    callback: Option<&CallbackTarget>,
) -> Result<Vec<ProviderRequest>, SubmitError> {
    let offer =
        model.offer(provider).ok_or_else(|| SubmitError::NotOffered { model: model.id().to_owned(), provider })?;
    let id = offer.native_id_for(&canonical.fields);
    let path = offer.path_for(canonical.has_input_file());
    let mut requests = Vec::new();
    for mut input in payload::jobs(model, offer, canonical) {
        lend_key(offer, endpoint, &mut input)?;
        requests.push(submit(provider, Native { id, path, input }, endpoint, callback)?);
    }
    Ok(requests)
}

fn submit(
    provider: Provider,
    native: Native<'_>,
    endpoint: &Endpoint,
    callback: Option<&CallbackTarget>,
) -> Result<ProviderRequest, SubmitError> {
    match provider {
        Provider::Replicate => Ok(replicate::submit(native, callback, endpoint)),
        Provider::Fal => Ok(fal::submit(native, callback, endpoint)),
        Provider::Bfl => Ok(bfl::submit(native, callback, endpoint)),
        Provider::Cloudflare => cloudflare::submit(native, endpoint),
        Provider::Openai => Ok(openai::submit(native, endpoint)),
        Provider::Runway => Ok(runway::submit(native, endpoint)),
        Provider::Byteplus => Ok(byteplus::submit(native, callback, endpoint)),
        Provider::Alibabacloud => Ok(alibabacloud::submit(native, endpoint)),
    }
}

/// Puts our key at another provider where this one asks for it.
fn lend_key(offer: &Offer, endpoint: &Endpoint, input: &mut Input) -> Result<(), SubmitError> {
    let Some((to, lender)) = &offer.lent_key else { return Ok(()) };
    let missing = SubmitError::KeyMissing { provider: offer.provider, lender: *lender };
    let key = endpoint.lent_keys.get(lender).ok_or(missing)?;
    input.fields.insert(to.clone(), key.as_str().into());
    Ok(())
}

/// How many jobs a submission makes there; 1 for a provider that does not offer the model.
pub fn job_count(model: &Model, provider: Provider, canonical: &Canonical) -> u32 {
    model.offer(provider).map_or(1, |offer| payload::job_count(offer, canonical))
}

/// Whether everything is configured that this provider needs for this model.
pub fn can_submit(model: &Model, endpoint: &Endpoint) -> bool {
    let has_key = |offer: &Offer| offer.lent_key.as_ref().is_none_or(|(_, of)| endpoint.lent_keys.contains_key(of));
    let has_account = endpoint.provider != Provider::Cloudflare || endpoint.account_id.is_some();
    has_account && model.offer(endpoint.provider).is_some_and(has_key)
}

/// What the answer to a submission means.
pub fn read_submission(endpoint: &Endpoint, response: &ProviderResponse<'_>) -> Submission {
    match endpoint.provider {
        Provider::Replicate => replicate::read_submission(response),
        Provider::Fal => fal::read_submission(response),
        Provider::Bfl => bfl::read_submission(endpoint, response),
        Provider::Cloudflare => cloudflare::read_submission(response),
        Provider::Openai => openai::read_submission(response),
        Provider::Runway => runway::read_submission(endpoint, response),
        Provider::Byteplus => byteplus::read_submission(endpoint, response),
        Provider::Alibabacloud => alibabacloud::read_submission(endpoint, response),
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
        Provider::Runway => runway::read_poll(response),
        Provider::Byteplus => byteplus::read_poll(response),
        Provider::Alibabacloud => alibabacloud::read_poll(response),
        Provider::Cloudflare | Provider::Openai => Poll::Unreadable,
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
    let method = match provider {
        Provider::Replicate | Provider::Alibabacloud => Method::Post,
        Provider::Fal => Method::Put,
        Provider::Runway | Provider::Byteplus => Method::Delete,
        Provider::Bfl | Provider::Cloudflare | Provider::Openai => return None,
    };
    Some(signed(provider, method, url, endpoint))
}

/// Whether the provider took the cancellation. A job that was over already counts as not cancelled, where the answer
/// tells.
pub fn read_cancel(provider: Provider, response: &ProviderResponse<'_>) -> bool {
    match provider {
        Provider::Replicate => replicate::read_cancel(response),
        Provider::Fal => (200..300).contains(&response.status),
        Provider::Runway => runway::read_cancel(response),
        Provider::Byteplus => byteplus::read_cancel(response),
        Provider::Alibabacloud => alibabacloud::read_cancel(response),
        Provider::Bfl | Provider::Cloudflare | Provider::Openai => false,
    }
}

/// Whether this provider answers a submission of this model with the output itself.
pub fn is_synchronous(model: &Model, provider: Provider) -> bool {
    model.offer(provider).is_some_and(|offer| offer.synchronous)
}

/// How long to wait between two polls of one job, in milliseconds, unless configured otherwise. The simulator's jobs are
/// shorter than the pace that a provider asks for.
pub fn poll_interval_ms(endpoint: &Endpoint, kind: MediaKind) -> u64 {
    let usual = match kind {
        MediaKind::Image => 500,
        MediaKind::Video => 2_000,
    };
    usual.max(least_poll_ms(endpoint))
}

/// How soon a job may be asked for again at all, in milliseconds.
pub fn least_poll_ms(endpoint: &Endpoint) -> u64 {
    match endpoint.provider {
        Provider::Runway if !endpoint.simulated => runway::LEAST_POLL_MS,
        _ => 0,
    }
}

/// Whether a job submitted there is answered with the output itself. The catalogue's loader holds every model against it.
pub(crate) fn answers_synchronously(provider: Provider, path: Option<&str>) -> bool {
    match provider {
        Provider::Replicate | Provider::Fal | Provider::Bfl | Provider::Runway => false,
        Provider::Cloudflare | Provider::Openai => true,
        Provider::Byteplus => path == Some(byteplus::IMAGES),
        Provider::Alibabacloud => path == Some(alibabacloud::IMAGES),
    }
}

/// Whether a model's path at this provider is not implied by its native id.
pub(crate) fn needs_path(provider: Provider) -> bool {
    match provider {
        Provider::Replicate | Provider::Fal | Provider::Bfl | Provider::Cloudflare => false,
        Provider::Openai | Provider::Runway | Provider::Byteplus | Provider::Alibabacloud => true,
    }
}

/// The headers that go with every call: the provider's credential, and what else it wants.
fn headers(endpoint: &Endpoint) -> Vec<(String, String)> {
    let header = |name: &str, value: String| (name.to_owned(), value);
    let key = &endpoint.api_key;
    match endpoint.provider {
        Provider::Replicate | Provider::Cloudflare | Provider::Openai | Provider::Byteplus | Provider::Alibabacloud => {
            vec![header("authorization", format!("Bearer {key}"))]
        }
        Provider::Fal => vec![header("authorization", format!("Key {key}"))],
        Provider::Bfl => vec![header("x-key", key.clone())],
        Provider::Runway => {
            let (name, version) = runway::VERSION;
            vec![header("authorization", format!("Bearer {key}")), header(name, version.to_owned())]
        }
    }
}

/// A request without a body to a URL that the provider gave us. The credential goes along only where it belongs.
fn signed(provider: Provider, method: Method, url: &str, endpoint: &Endpoint) -> ProviderRequest {
    let trusted = trust::may_hold_credential(provider, url, &endpoint.base_url);
    let headers = if trusted { headers(endpoint) } else { Vec::new() };
    ProviderRequest { method, url: url.to_owned(), headers, body: None }
}

/// A submission.
fn post(url: String, input: Input, endpoint: &Endpoint) -> ProviderRequest {
    let Input { fields, files, is_form } = input;
    let body = if is_form { Body::form(&fields, files) } else { Body::json(fields, files) };
    ProviderRequest { method: Method::Post, url, headers: headers(endpoint), body: Some(body) }
}
