//! The shapes of what is read from the book. Plain values, the same for every database.

use ledger_contract::{
    AccountId, ApiKeyId, AttemptOutcome, Credits, ErrorCode, GenerationId, GenerationStatus, MediaKind, MicroUsd,
    Provider, Timestamp, access::Account, generation::Output, wire::ChainPlace, wire::ChainRow,
};

/// An account with what only its own routes show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountProfile {
    /// The account.
    pub account: Account,
    /// Its owner's address, if known.
    pub email: Option<String>,
    /// Personal, or a team's.
    pub is_personal: bool,
    /// Its picture, if it has one.
    pub picture_url: Option<String>,
    /// Records that exist now.
    pub generations_total: u64,
    /// Records ever created.
    pub generations_ever: u64,
}

/// One generation record, as the content routes show it.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerationRow {
    /// Its id.
    pub generation_id: GenerationId,
    /// Whose it is.
    pub account_id: AccountId,
    /// With which key it was made.
    pub apikey_id: ApiKeyId,
    /// Public model id.
    pub model: String,
    /// What the model makes.
    pub kind: MediaKind,
    /// Canonical public request fields, defaults applied.
    pub request: serde_json::Map<String, serde_json::Value>,
    /// Resolved order.
    pub provider_order: Vec<Provider>,
    /// What was reserved.
    pub amount: Credits,
    /// Where it is in its life.
    pub status: GenerationStatus,
    /// The latest accepted job.
    pub prediction_id: Option<String>,
    /// Who made the outputs; `None` unless it succeeded.
    pub provider_used: Option<Provider>,
    /// Why it failed; `Some` exactly when it did.
    pub error_code: Option<ErrorCode>,
    /// What the customer is told about that.
    pub error_message: Option<String>,
    /// The stored files of a success; named also after they are gone.
    pub outputs: Option<Vec<Output>>,
    /// When the files go; `Some` exactly when it succeeded.
    pub outputs_expire_at: Option<Timestamp>,
    /// Whether the sweep has removed them. Past `outputs_expire_at` they are gone for customers anyhow.
    pub outputs_swept: bool,
    /// The provider's own inference time, milliseconds.
    pub predict_time_ms: Option<i64>,
    /// When it was reserved.
    pub created_at: Timestamp,
    /// First acceptance.
    pub started_at: Option<Timestamp>,
    /// Terminal transition.
    pub completed_at: Option<Timestamp>,
    /// When it must have ended.
    pub deadline_at: Timestamp,
}

/// A stretch of an account's records, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerationPage {
    /// The records.
    pub generations: Vec<GenerationRow>,
    /// How many the account has in all, read in the same moment.
    pub total: u64,
}

/// How rotating a key went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// The new key is in place and the old one has its grace.
    Rotated,
    /// Only an active key that has not expired can be rotated; nothing changed.
    NotActive,
    /// No such key.
    Missing,
}

/// What an account used since some moment. Survives deletions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Answered requests, by endpoint, status and code. Whole hours: the hour that `since` falls into counts in full.
    pub requests: Vec<EndpointUsage>,
    /// Attempts, by provider and outcome, pending ones included.
    pub attempts: Vec<ProviderUsage>,
    /// Generation records created, deleted ones included.
    pub generations: u64,
}

/// Requests that one endpoint answered in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointUsage {
    /// `"<METHOD> <route template>"`.
    pub endpoint: String,
    /// HTTP status.
    pub status: u16,
    /// `BSE…`, when it was an error.
    pub error_code: Option<String>,
    /// How many.
    pub requests: u64,
}

/// Attempts at one provider that ended in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProviderUsage {
    /// Who was tried.
    pub provider: Provider,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// How many.
    pub attempts: u64,
    /// What they cost us, as estimated when they were started.
    pub estimated_cost: MicroUsd,
}

/// Files whose time is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweptOutputs {
    /// Whose.
    pub generation_id: GenerationId,
    /// The files.
    pub outputs: Vec<Output>,
}

/// Entries that are to leave the database: everything after `opening` up to the last row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivePlan {
    /// The checkpoint before, or the genesis.
    pub opening: ChainPlace,
    /// The entries, oldest first, at least one.
    pub rows: Vec<ChainRow>,
    /// The checkpoint that will stand for them.
    pub checkpoint: ChainPlace,
}
