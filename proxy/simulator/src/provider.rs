//! The eight providers by name. Their formats live in `providers/`.

use serde::{Deserialize, Serialize};

/// A provider that can be simulated; every one has a port and control routes from the first day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Replicate.
    Replicate,
    /// fal.
    Fal,
    /// Black Forest Labs.
    Bfl,
    /// `OpenAI` images.
    Openai,
    /// Runway.
    Runway,
    /// `BytePlus` `ModelArk`.
    Byteplus,
    /// Alibaba Cloud Model Studio.
    Alibabacloud,
    /// Cloudflare Workers AI.
    Cloudflare,
}

impl Provider {
    /// All of them, in the order of the reference.
    pub const ALL: [Self; 8] = [
        Self::Replicate,
        Self::Fal,
        Self::Bfl,
        Self::Openai,
        Self::Runway,
        Self::Byteplus,
        Self::Alibabacloud,
        Self::Cloudflare,
    ];

    /// The id used in control routes and files.
    pub fn id(self) -> &'static str {
        match self {
            Self::Replicate => "replicate",
            Self::Fal => "fal",
            Self::Bfl => "bfl",
            Self::Openai => "openai",
            Self::Runway => "runway",
            Self::Byteplus => "byteplus",
            Self::Alibabacloud => "alibabacloud",
            Self::Cloudflare => "cloudflare",
        }
    }

    /// Reads an id.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.id() == id)
    }

    /// The path that belongs to the provider's base URL (`/v1` in `https://api.replicate.com/v1`).
    pub fn base_path(self) -> &'static str {
        match self {
            Self::Fal | Self::Bfl => "",
            Self::Replicate | Self::Openai | Self::Runway => "/v1",
            Self::Byteplus => "/api/v3",
            Self::Alibabacloud => "/api/v1",
            Self::Cloudflare => "/client/v4",
        }
    }
}
