//! What goes between an adapter and whoever sends its requests. Bytes and plain types; nothing here knows a provider.

use std::{collections::BTreeMap, fmt};

use ledger_contract::Provider;
use serde::{Deserialize, Serialize};

use super::{Body, region::Region};
use crate::{Model, ProviderFailure};

/// Where a provider is reached, and with what credentials.
#[derive(Clone)]
pub struct Endpoint {
    /// Whose.
    pub provider: Provider,
    /// The provider's base URL, in the form of its own documentation (providers §0.1), without a trailing slash.
    pub base_url: String,
    /// Our region and the provider's own base URL there, for models that it processes there.
    pub regional: Option<(Region, String)>,
    /// Secret; never printed.
    pub api_key: String,
    /// Cloudflare only.
    pub account_id: Option<String>,
    /// Credentials at other providers that some of this one's models want beside our own.
    pub lent_keys: BTreeMap<Provider, String>,
    /// Whether this is our simulator.
    pub simulated: bool,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("provider", &self.provider)
            .field("base_url", &self.base_url)
            .field("simulated", &self.simulated)
            .finish_non_exhaustive()
    }
}

impl Endpoint {
    /// The endpoint as it is to be used for this model: in our region, where the provider processes the model there.
    #[must_use]
    pub fn serving(&self, model: &Model) -> Self {
        let mut endpoint = self.clone();
        if let Some((region, base_url)) = endpoint.regional.take()
            && model.offer(self.provider).is_some_and(|offer| offer.regions.contains(&region))
        {
            endpoint.base_url = base_url;
        }
        endpoint
    }
}

/// Where a provider reports the end of a job, if it is to report it.
#[derive(Clone, PartialEq, Eq)]
pub struct CallbackTarget {
    /// Absolute, https outside development; unguessable where the provider does not sign.
    pub url: String,
    /// What bfl is to sign with.
    pub secret: String,
}

impl fmt::Debug for CallbackTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackTarget").finish_non_exhaustive()
    }
}

/// HTTP methods that providers ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `DELETE`
    Delete,
}

impl Method {
    /// As on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// A request to send to a provider, whole.
#[derive(Clone, PartialEq)]
pub struct ProviderRequest {
    /// Method.
    pub method: Method,
    /// Absolute URL.
    pub url: String,
    /// Names in lower case; carries the credential, and not the type of the body.
    pub headers: Vec<(String, String)>,
    /// Body, if any.
    pub body: Option<Body>,
}

impl fmt::Debug for ProviderRequest {
    /// Without headers and body: they hold credentials and prompts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderRequest")
            .field("method", &self.method)
            .field("url", &self.url)
            .field("files", &self.input_urls().len())
            .finish_non_exhaustive()
    }
}

/// A provider's complete answer. One that broke off is not an answer: see [`ProviderFailure::lost`].
#[derive(Clone, Copy, Debug)]
pub struct ProviderResponse<'a> {
    /// HTTP status.
    pub status: u16,
    /// Names in any case.
    pub headers: &'a [(String, String)],
    /// Whole body.
    pub body: &'a [u8],
}

/// Where and how to ask for an accepted job. Opaque outside this package; kept by the ledger as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobHandle {
    /// The provider's own id of the job.
    pub prediction_id: String,
    /// Asks for the state.
    pub(crate) poll_url: String,
    /// Asks for the output, where that is another call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) result_url: Option<String>,
    /// Stops the job, where that is possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cancel_url: Option<String>,
}

/// One output as the provider gives it.
#[derive(Clone, PartialEq, Eq)]
pub enum OutputSource {
    /// To be downloaded, soon.
    Url(String),
    /// The file itself.
    Bytes(Vec<u8>),
}

impl fmt::Debug for OutputSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.debug_tuple("Url").field(url).finish(),
            Self::Bytes(bytes) => f.debug_tuple("Bytes").field(&bytes.len()).finish(),
        }
    }
}

/// What a finished job gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobResult {
    /// At least one, in the provider's order.
    pub outputs: Vec<OutputSource>,
    /// The provider's own measure of its work, in milliseconds.
    pub predict_time_ms: Option<i64>,
}

/// What a submission came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Submission {
    /// The provider took the job.
    Accepted(JobHandle),
    /// A synchronous provider answered with the output.
    Finished(JobResult),
    /// It did not, or it is in doubt: the failure's standing says which.
    Refused(ProviderFailure),
}

/// What asking for a job came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Poll {
    /// Ask again later.
    Running,
    /// Done, and the output is one more call away: send this, and give its answer to [`read_result`].
    Fetch {
        /// The call.
        request: ProviderRequest,
        /// Said now and not again: belongs into the result.
        predict_time_ms: Option<i64>,
    },
    /// Over, with output.
    Done(JobResult),
    /// Over, without.
    Failed(ProviderFailure),
    /// This answer says nothing about the job (rate limit, gateway, broken JSON): ask again later, within the deadline.
    Unreadable,
}

/// Why a submission cannot be built. All of these are our mistakes, never the customer's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The catalogue has changed since the order was resolved.
    #[error("model {model} is not offered by {provider}")]
    NotOffered {
        /// Public id.
        model: String,
        /// Who was asked.
        provider: Provider,
    },
    /// Configuration lacks the account id that this provider's paths need.
    #[error("{0} needs an account id")]
    AccountMissing(Provider),
    /// Configuration lacks the key of `lender` that this provider wants for this model.
    #[error("{provider} needs our key at {lender}")]
    KeyMissing {
        /// Who was asked.
        provider: Provider,
        /// Whose key it wants.
        lender: Provider,
    },
}
