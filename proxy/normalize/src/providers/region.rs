//! Which of a provider's hosts belongs to which of our regions (product S9). Only providers that document regional hosts
//! have some; which models they process there is said per model in the catalogue.

use std::collections::BTreeMap;

use ledger_contract::Provider;
use serde::Deserialize;

use super::{alibabacloud, bfl, byteplus, cloudflare, fal, openai, replicate, runway};
use crate::Endpoint;

/// A region of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Region {
    /// United States.
    Us,
    /// European Union.
    Eu,
    /// Asia and Pacific.
    Apac,
}

impl Region {
    /// By its label, such as `eu`.
    pub fn of_label(label: &str) -> Option<Self> {
        match label {
            "us" => Some(Self::Us),
            "eu" => Some(Self::Eu),
            "apac" => Some(Self::Apac),
            _ => None,
        }
    }

    /// As in configuration and catalogue.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Us => "us",
            Self::Eu => "eu",
            Self::Apac => "apac",
        }
    }
}

impl Endpoint {
    /// The provider itself, at its documented base URL, with this key and nothing else.
    pub fn official(provider: Provider, api_key: impl Into<String>) -> Self {
        Self {
            provider,
            base_url: Self::official_base_url(provider).to_owned(),
            regional: None,
            api_key: api_key.into(),
            account_id: None,
            lent_keys: BTreeMap::new(),
            simulated: false,
        }
    }

    /// The provider's documented base URL for models without regional processing.
    pub fn official_base_url(provider: Provider) -> &'static str {
        match provider {
            Provider::Replicate => replicate::BASE_URL,
            Provider::Fal => fal::BASE_URL,
            Provider::Bfl => bfl::BASE_URL,
            Provider::Cloudflare => cloudflare::BASE_URL,
            Provider::Openai => openai::BASE_URL,
            Provider::Runway => runway::BASE_URL,
            Provider::Byteplus => byteplus::BASE_URL,
            Provider::Alibabacloud => alibabacloud::BASE_URL,
        }
    }

    /// The provider's documented base URL in our region, where it has one.
    pub fn regional_base_url(provider: Provider, region: Region) -> Option<&'static str> {
        match (provider, region) {
            (Provider::Bfl, Region::Us) => Some("https://api.us.bfl.ai"),
            (Provider::Bfl, Region::Eu) => Some("https://api.eu.bfl.ai"),
            (Provider::Byteplus, Region::Apac) => Some(byteplus::BASE_URL),
            (Provider::Byteplus, Region::Eu) => Some("https://ark.eu-west.bytepluses.com/api/v3"),
            (Provider::Alibabacloud, Region::Apac) => Some(alibabacloud::BASE_URL),
            // Its keys are regional too: an operator with a key of Virginia uses this one.
            (Provider::Alibabacloud, Region::Us) => Some("https://dashscope-us.aliyuncs.com/api/v1"),
            _ => None,
        }
    }
}
