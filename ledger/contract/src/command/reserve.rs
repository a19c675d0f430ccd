//! The command that begins a generation, and every answer it can give. All its refusals leave nothing behind.

use serde::{Deserialize, Serialize};

use crate::{
    AccountId, ApiKeyId, Credits, GenerationId, HolderId, MediaKind, Provider, Timestamp,
    budget::BudgetHolder,
    generation::{AttemptStart, StoredAnswer},
};

/// Takes credits, a concurrency slot and (if given) an idempotency key, and writes the generation with its first
/// attempt as started, all or nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reserve {
    /// Who pays.
    pub account_id: AccountId,
    /// With which key.
    pub apikey_id: ApiKeyId,
    /// Chosen by the caller; names the command.
    pub generation_id: GenerationId,
    /// The whole cost, fixed now.
    pub amount: Credits,
    /// Public model id.
    pub model: String,
    /// What the model makes.
    pub kind: MediaKind,
    /// Canonical public request fields, defaults applied.
    pub request: serde_json::Map<String, serde_json::Value>,
    /// Resolved order, at least one.
    pub provider_order: Vec<Provider>,
    /// When the whole generation must have ended.
    pub deadline_at: Timestamp,
    /// The customer's idempotency key, if one was sent.
    pub claim: Option<Claim>,
    /// Attempt 1, written ahead of the submission; `None` for a generation that is charged or refunded without any.
    #[serde(default)]
    pub first_attempt: Option<AttemptStart>,
    /// The process that runs it.
    pub holder: HolderId,
}

/// An idempotency key and what it was first used for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Claim {
    /// 1–255 characters, unique per account.
    pub key: String,
    /// SHA-256 in hex over method, path and canonical body.
    pub fingerprint: String,
}

/// Answers to [`Reserve`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum ReserveAnswer {
    /// Done.
    Reserved {
        /// Balance afterwards.
        balance: Credits,
    },
    /// This very generation was reserved before: nothing changed.
    AlreadyReserved {
        /// Balance now.
        balance: Credits,
    },
    /// The key is finished: here is its answer.
    Replay {
        /// To be answered again.
        stored: StoredAnswer,
    },
    /// The key's first request still runs.
    IdempotencyInProgress,
    /// The key was used for something else.
    IdempotencyConflict,
    /// The account's in-flight cap is reached.
    ConcurrencyLimit {
        /// The cap.
        limit: u32,
        /// How many run.
        in_flight: u32,
    },
    /// The budget of the key or the account would be passed (api contract §12.4).
    BudgetExceeded {
        /// Whose budget.
        holder: BudgetHolder,
        /// The limit.
        budget: Credits,
        /// What is reserved or charged in this window.
        spent: Credits,
        /// What it costs.
        required: Credits,
        /// When the window ends; `None`: never.
        window_ends_at: Option<Timestamp>,
    },
    /// Balance below the amount.
    Insufficient {
        /// What it costs.
        required: Credits,
        /// What there is.
        balance: Credits,
    },
    /// No such account.
    AccountMissing,
    /// The generation id exists with another account or amount, or the amount is not in 1 ..= [`Credits::MAX`].
    Conflict,
}
