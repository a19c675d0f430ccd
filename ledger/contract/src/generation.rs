//! A generation's life in words that every house shares: states, attempts, outputs, stored answers.

use serde::{Deserialize, Serialize};

use crate::{AccountId, GenerationId, MicroUsd, Plan, PublicError, Timestamp, access::names};

names!(
    /// The closed list of inference providers.
    Provider, "provider", {
        /// Replicate.
        Replicate = "replicate",
        /// fal.
        Fal = "fal",
        /// Black Forest Labs.
        Bfl = "bfl",
        /// `OpenAI` images.
        Openai = "openai",
        /// Runway.
        Runway = "runway",
        /// `BytePlus` `ModelArk`.
        Byteplus = "byteplus",
        /// Alibaba Cloud Model Studio.
        Alibabacloud = "alibabacloud",
        /// Cloudflare Workers AI.
        Cloudflare = "cloudflare",
    }
);

names!(
    /// What a model makes.
    MediaKind, "media type", {
        /// Still images.
        Image = "image",
        /// Video.
        Video = "video",
    }
);

names!(
    /// State of a generation record. One l in `canceled`, as the API spells it.
    GenerationStatus, "generation status", {
        /// Recorded and reserved; no provider has accepted.
        Pending = "pending",
        /// A provider runs it, or outputs are being stored.
        Processing = "processing",
        /// Outputs are in our storage; charged.
        Succeeded = "succeeded",
        /// Ended without output; refunded.
        Failed = "failed",
        /// Stopped by the customer; refunded.
        Canceled = "canceled",
    }
);

impl GenerationStatus {
    /// Terminal states are final.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Canceled)
    }
}

names!(
    /// How one try of a provider ended. Two l's in `cancelled`, as the API spells it.
    AttemptOutcome, "attempt outcome", {
        /// Not resolved yet.
        Pending = "pending",
        /// Produced the output.
        Used = "used",
        /// Refused, failed or timed out.
        Failed = "failed",
        /// A result came back and was not used.
        Discarded = "discarded",
        /// Stopped because the customer canceled.
        Cancelled = "cancelled",
    }
);

names!(
    /// What an entry of the book does to the balance.
    EntryKind, "entry kind", {
        /// Down, before execution.
        Reserve = "reserve",
        /// Unchanged: confirms the reservation.
        Charge = "charge",
        /// Up: gives the reservation back.
        Refund = "refund",
        /// Up: a grant or purchase.
        Add = "add",
    }
);

/// One stored output file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Its unguessable name in the artifact store, relative to `/files/`.
    pub key: String,
    /// By content, not by name: `image/png`, `video/mp4`, …
    pub content_type: String,
    /// Size in bytes.
    pub bytes: u64,
}

/// The start of one try at a provider, written before anything is sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptStart {
    /// Who is tried.
    pub provider: Provider,
    /// The provider's own id of the model.
    pub native_model: String,
    /// What this try costs us if it is billed.
    pub estimated_cost: MicroUsd,
    /// Whether the provider is our simulator.
    pub simulated: bool,
}

/// An attempt that is not resolved: what a proxy needs to go on following it, or to stop it upstream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenAttempt {
    /// 1 for the first try of this generation.
    pub attempt_order: u32,
    /// What was started.
    pub start: AttemptStart,
    /// When it was started.
    pub submitted_at: Timestamp,
    /// When the provider accepted it.
    pub accepted_at: Option<Timestamp>,
    /// Where and how to ask for it; written and read only by the proxy's adapters.
    pub handle: Option<serde_json::Value>,
}

/// A generation that is not terminal, as a proxy resumes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenGeneration {
    /// Its id.
    pub generation_id: GenerationId,
    /// Whose it is.
    pub account_id: AccountId,
    /// That account's plan; decides how long outputs live.
    pub plan: Plan,
    /// Public model id.
    pub model: String,
    /// What the model makes.
    pub kind: MediaKind,
    /// Canonical public request fields, defaults applied.
    pub request: serde_json::Map<String, serde_json::Value>,
    /// Resolved order.
    pub provider_order: Vec<Provider>,
    /// `pending` or `processing`.
    pub status: GenerationStatus,
    /// When it was created.
    pub created_at: Timestamp,
    /// When the whole generation must have ended.
    pub deadline_at: Timestamp,
    /// Providers that were already tried, in attempt order, and how each ended.
    pub ended: Vec<EndedAttempt>,
    /// The attempt that is open, if one is.
    pub open: Option<OpenAttempt>,
}

/// An attempt that is resolved, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedAttempt {
    /// 1 for the first try.
    pub attempt_order: u32,
    /// Who was tried.
    pub provider: Provider,
    /// What it ended with; `None` unless it failed.
    pub error: Option<crate::ProviderError>,
    /// Whether the provider may have run the job all the same.
    pub in_doubt: bool,
}

/// The answer of a create, kept under its idempotency key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum StoredAnswer {
    /// HTTP 200 in normal form.
    Created(CreatedData),
    /// HTTP 200 in canceled form: the generation is canceled now.
    Canceled {
        /// Which one.
        generation_id: GenerationId,
    },
    /// The error that the first request got.
    Failed(PublicError),
}

/// `data` of a create answer in normal form. Field order is the order on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedData {
    /// Public model id.
    pub model_identifier: String,
    /// Resolved order.
    pub generation_provider_order: Vec<Provider>,
    /// The job at the first accepting provider.
    pub generation_prediction_id: String,
    /// The record.
    pub generation_id: GenerationId,
    /// Literally `true`.
    pub generation_initialized: bool,
}
