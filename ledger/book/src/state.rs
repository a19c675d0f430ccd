//! What the book knows about an account, a generation, a claim. Plain values; no rule lives here.

use ledger_contract::{
    AccountId, ApiKeyId, AttemptOutcome, BudgetId, Credits, ErrorCode, GenerationId, GenerationStatus, HolderId,
    MediaKind, Period, Plan, Provider, ProviderError, RowHash, Timestamp,
    budget::BudgetHolder,
    generation::{AttemptStart, EntryKind, OpenAttempt, Output, StoredAnswer},
};

/// The money and the counts of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub account_id: AccountId,
    /// Decides the concurrency cap and how long outputs live.
    pub plan: Plan,
    /// What it can still reserve.
    pub balance: Credits,
    /// Amounts of its open generations: what refunds may still bring back.
    pub reserved: Credits,
    /// Its open generations.
    pub in_flight: u32,
    /// Its records that exist now.
    pub generations_total: u64,
    /// Its records ever created.
    pub generations_ever: u64,
    /// Entries ever written: the number of the newest.
    pub chain_seq: u64,
    /// Hash of the newest entry; the account's genesis before the first.
    pub chain_hash: RowHash,
    /// Time of the newest entry: the next is never older.
    pub chain_at: Timestamp,
}

/// A limit on what an account or a key spends, and what it has spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Its id.
    pub budget_id: BudgetId,
    /// Whose credits it limits.
    pub account_id: AccountId,
    /// Whether it is the account's or a key's.
    pub holder: BudgetHolder,
    /// The limit.
    pub amount: Credits,
    /// How often it begins anew.
    pub period: Period,
    /// Start of the window that `spent` is of; for `once`, when the budget was given.
    pub window_starts_at: Timestamp,
    /// Reserved or charged since then, refunds given back.
    pub spent: Credits,
    /// The part of `spent` whose entries are archived.
    pub archived: Credits,
}

/// One generation: what the entries say about it, and its record unless that was deleted.
#[derive(Clone, Debug, PartialEq)]
pub struct Generation {
    /// Its id.
    pub generation_id: GenerationId,
    /// Who pays.
    pub account_id: AccountId,
    /// Public model id.
    pub model: String,
    /// What was reserved.
    pub amount: Credits,
    /// Where it is in its life. A deleted one that was refunded reads as canceled: entries can't tell it from failed.
    pub status: GenerationStatus,
    /// In attempt order.
    pub attempts: Vec<Attempt>,
    /// `None` once deleted.
    pub record: Option<Record>,
}

/// The part of a generation that a delete removes.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// With which key it was made.
    pub apikey_id: ApiKeyId,
    /// What the model makes.
    pub kind: MediaKind,
    /// Canonical public request fields.
    pub request: serde_json::Map<String, serde_json::Value>,
    /// Resolved order.
    pub provider_order: Vec<Provider>,
    /// The latest accepted job.
    pub prediction_id: Option<String>,
    /// Who made the outputs.
    pub provider_used: Option<Provider>,
    /// Why it failed: code and what the customer is told.
    pub error: Option<(ErrorCode, String)>,
    /// The stored files of a success.
    pub outputs: Option<Vec<Output>>,
    /// When those files go.
    pub outputs_expire_at: Option<Timestamp>,
    /// Whether they are gone.
    pub outputs_swept: bool,
    /// The provider's own inference time, milliseconds.
    pub predict_time_ms: Option<i64>,
    /// The process that runs it; `None` once terminal.
    pub lease_holder: Option<HolderId>,
    /// The idempotency key it was made under. The claim may meanwhile be another generation's.
    pub claim_key: Option<String>,
    /// When it was reserved.
    pub created_at: Timestamp,
    /// First acceptance.
    pub started_at: Option<Timestamp>,
    /// Terminal transition.
    pub completed_at: Option<Timestamp>,
    /// When it must have ended.
    pub deadline_at: Timestamp,
}

/// One try of a provider.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// 1 for the first.
    pub attempt_order: u32,
    /// What the model makes; kept here because attempts outlive the record.
    pub kind: MediaKind,
    /// What was started.
    pub start: AttemptStart,
    /// How it ended; `pending` until then.
    pub outcome: AttemptOutcome,
    /// The job at the provider.
    pub prediction_id: Option<String>,
    /// Where and how to ask for it; cleared when resolved.
    pub handle: Option<serde_json::Value>,
    /// What the customer is told, when it failed.
    pub error: Option<ProviderError>,
    /// Whether the provider may have run the job all the same.
    pub in_doubt: bool,
    /// When it was started.
    pub submitted_at: Timestamp,
    /// When the provider accepted it.
    pub accepted_at: Option<Timestamp>,
    /// When it ended.
    pub resolved_at: Option<Timestamp>,
}

/// An idempotency key in use.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// Whose.
    pub account_id: AccountId,
    /// The key.
    pub key: String,
    /// What it was first used for.
    pub fingerprint: String,
    /// The generation that holds it.
    pub generation_id: GenerationId,
    /// Its answer; `None` while the first request runs.
    pub stored: Option<StoredAnswer>,
    /// When the key is free again.
    pub expires_at: Timestamp,
}

/// One new row of the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whose.
    pub account_id: AccountId,
    /// What it does.
    pub kind: EntryKind,
    /// Above zero.
    pub amount: Credits,
    /// The account's balance after it.
    pub balance_after: Credits,
    /// What it was for, unless it is an add.
    pub generation_id: Option<GenerationId>,
    /// The name of an add.
    pub add_key: Option<String>,
    /// Public model id, unless it is an add.
    pub model: Option<String>,
    /// Text of an add.
    pub description: Option<String>,
    /// With which key, if it is a reserve.
    pub apikey_id: Option<ApiKeyId>,
    /// When it was decided; never before the account's entry before it.
    pub created_at: Timestamp,
    /// 1 for the account's first.
    pub seq: u64,
    /// Chains it to the one before ([`crate::chain`]).
    pub hash: RowHash,
}

impl Account {
    /// An account without credits or history.
    pub fn new(account_id: AccountId, plan: Plan) -> Self {
        Self {
            account_id,
            plan,
            balance: Credits::ZERO,
            reserved: Credits::ZERO,
            in_flight: 0,
            generations_total: 0,
            generations_ever: 0,
            chain_seq: 0,
            chain_hash: crate::chain::genesis(account_id),
            chain_at: Timestamp::default(),
        }
    }

    /// Its time: `now`, but never before its newest entry, whatever the clocks of several processes say.
    pub fn at(&self, now: Timestamp) -> Timestamp {
        now.max(self.chain_at)
    }
}

impl Budget {
    /// What counts in the window of `at`.
    pub fn spent_at(&self, at: Timestamp) -> Credits {
        if self.next_window(at).is_some() { Credits::ZERO } else { self.spent }
    }

    /// Begins the window of `at`, if that is a later one.
    pub fn enter_window_of(&mut self, at: Timestamp) {
        if let Some(start) = self.next_window(at) {
            self.window_starts_at = start;
            self.spent = Credits::ZERO;
            self.archived = Credits::ZERO;
        }
    }

    fn next_window(&self, at: Timestamp) -> Option<Timestamp> {
        self.period.window_start(at).filter(|start| *start > self.window_starts_at)
    }
}

impl Attempt {
    /// Whether it is not resolved yet.
    pub fn is_open(&self) -> bool {
        self.outcome == AttemptOutcome::Pending
    }

    /// What a proxy needs to go on following it, or to stop it upstream.
    pub fn to_open(&self) -> OpenAttempt {
        OpenAttempt {
            attempt_order: self.attempt_order,
            start: self.start.clone(),
            submitted_at: self.submitted_at,
            accepted_at: self.accepted_at,
            handle: self.handle.clone(),
        }
    }
}

impl Generation {
    /// The attempt that is not resolved, if there is one.
    pub fn open_attempt(&self) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.is_open())
    }

    /// The attempt of this order.
    pub fn attempt(&self, attempt_order: u32) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.attempt_order == attempt_order)
    }
}
