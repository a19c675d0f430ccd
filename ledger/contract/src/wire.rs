//! Paths, headers and bodies of the ledger's internal HTTP contract. Every call carries `Authorization: Bearer <token>`.
//!
//! Public reads (`/v1/status`, `/v1/usage`, `/v1/user/…`, `/v1/content/…`) are served by the ledger under their public
//! paths, for the identity in the `x-babysea-…` headers, with the public envelope as the answer.

mod chain;

use serde::{Deserialize, Serialize};

pub use chain::{ChainEnds, ChainPlace, ChainRow};

use crate::{
    AccountId, ApiKeyId, Budget, Credits, HolderId, Plan, Scope, Timestamp,
    budget::BudgetStatus,
    command::{Answer, Claim, Command},
    generation::{EntryKind, OpenGeneration, StoredAnswer},
};

/// Account of the verified caller. Trusted: always stripped from what comes from outside.
pub const HEADER_ACCOUNT_ID: &str = "x-babysea-account-id";
/// Key of the verified caller.
pub const HEADER_APIKEY_ID: &str = "x-babysea-apikey-id";
/// The `req_…` id of this request.
pub const HEADER_REQUEST_ID: &str = "x-babysea-request-id";
/// Base of output URLs, without a trailing slash.
pub const HEADER_PUBLIC_URL: &str = "x-babysea-public-url";

/// Largest number of commands in one batch.
pub const MAX_BATCH: usize = 4_096;

/// `POST`: [`CommandBatch`] → [`AnswerBatch`].
pub const COMMANDS: &str = "/internal/commands";
/// `POST`: [`FindKeys`] → [`FoundKeys`].
pub const KEYS_FIND: &str = "/internal/keys/find";
/// `POST`: [`FindReplay`] → [`ReplayAnswer`].
pub const REPLAYS_FIND: &str = "/internal/replays/find";
/// `POST`: [`RenewLease`] → `{}`.
pub const LEASES_RENEW: &str = "/internal/leases/renew";
/// `POST`: [`TakeLeases`] → [`TakenLeases`].
pub const LEASES_TAKE: &str = "/internal/leases/take";
/// `POST`: [`RequestCounts`] → `{}`.
pub const REQUEST_COUNTS: &str = "/internal/request-counts";
/// `GET …/{account_id}` → [`Balance`].
pub const BALANCES: &str = "/internal/balances";
/// `GET` → `{"status":"ok"}` once the database answers. For the proxy's readiness and `doctor`.
pub const READY: &str = "/internal/ready";
/// `POST` [`NewAccount`] → `Account`; `GET` → `[Account]`.
pub const ACCOUNTS: &str = "/internal/accounts";
/// `PUT /internal/accounts/{account_id}/plan` [`SetPlan`] → `Account`.
pub const ACCOUNT_PLAN: &str = "/internal/accounts/{account_id}/plan";
/// `POST` [`NewKey`] → [`CreatedKey`]; `GET ?account_id=` → `[ApiKey]`.
pub const KEYS: &str = "/internal/keys";
/// `PUT` [`KeyName`] → `ApiKey`; `DELETE` → `ApiKey`.
pub const KEY: &str = "/internal/keys/{apikey_id}";
/// `POST` [`RotateKey`] → [`CreatedKey`].
pub const KEY_ROTATE: &str = "/internal/keys/{apikey_id}/rotate";
/// `POST` → `ApiKey`.
pub const KEY_REVOKE: &str = "/internal/keys/{apikey_id}/revoke";
/// `GET ?account_id=&limit=&offset=` → `[LedgerEntry]`, newest first.
pub const ENTRIES: &str = "/internal/entries";
/// `GET …/{account_id}` → [`ChainEnds`].
pub const CHAIN: &str = "/internal/chains/{account_id}";
/// `GET …/{account_id}/entries?after=&limit=` → `[ChainRow]`, oldest first.
pub const CHAIN_ENTRIES: &str = "/internal/chains/{account_id}/entries";
/// `POST` → [`Archived`]. Archives what is older than its plan's window.
pub const ARCHIVE: &str = "/internal/archive";
/// `PUT` [`SetBudget`] → [`Budgeted`]`<Account>`.
pub const ACCOUNT_BUDGET: &str = "/internal/accounts/{account_id}/budget";
/// `PUT` [`SetBudget`] → [`Budgeted`]`<ApiKey>`.
pub const KEY_BUDGET: &str = "/internal/keys/{apikey_id}/budget";
/// `GET` → [`RoutingSwitches`]; `PUT` [`SetRouting`] → [`RoutingChanged`].
pub const ROUTING: &str = "/internal/routing";
/// `POST`: [`SyncRouting`] → [`RoutingSwitches`].
pub const ROUTING_SYNC: &str = "/internal/routing/sync";
/// `POST` → [`AuditReport`].
pub const AUDIT: &str = "/internal/audit";

/// Commands, decided in order and committed together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommandBatch {
    /// At most [`MAX_BATCH`].
    pub commands: Vec<Command>,
}

/// One answer per command, in the same order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnswerBatch {
    /// As many as commands.
    pub answers: Vec<Answer>,
}

/// Which keys begin like the presented one?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindKeys {
    /// Its first nine characters.
    pub prefix: String,
    /// Who asks: the ledger of another region knows no key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// All of them; prefixes are not unique.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundKeys {
    /// May be empty.
    pub candidates: Vec<crate::access::KeyCandidate>,
}

/// Is this idempotency key known? Asked only for a request that fails validation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindReplay {
    /// Whose key.
    pub account_id: AccountId,
    /// Key and fingerprint.
    pub claim: Claim,
}

/// Answers to [`FindReplay`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum ReplayAnswer {
    /// The key is free.
    Unknown,
    /// Finished: here is its answer.
    Replay {
        /// To be answered again.
        stored: StoredAnswer,
    },
    /// Its first request still runs.
    InProgress,
    /// It was used for something else.
    Conflict,
}

/// The holder lives: its leases last [`LEASE_MS`] from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewLease {
    /// Who.
    pub holder: HolderId,
}

/// How long a lease lasts without renewal (api contract §9 rule 8).
pub const LEASE_MS: i64 = 20_000;

/// Hands over `processing` generations whose holder is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeLeases {
    /// Who takes them.
    pub holder: HolderId,
    /// At most this many.
    pub limit: u32,
}

/// What the holder now has to follow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TakenLeases {
    /// Oldest first.
    pub generations: Vec<OpenGeneration>,
}

/// Requests that were answered, gathered by a proxy since its last report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestCounts {
    /// Names this report: said twice, it counts once.
    pub report_id: uuid::Uuid,
    /// One row per distinct combination.
    pub rows: Vec<RequestCount>,
    /// When keys authenticated, each at most once a minute.
    #[serde(default)]
    pub uses: Vec<(ApiKeyId, Timestamp)>,
}

/// How often one endpoint answered one account in one way within one hour.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RequestCount {
    /// Whose requests.
    pub account_id: AccountId,
    /// Start of the hour.
    pub hour: Timestamp,
    /// `"<METHOD> <route template>"`.
    pub endpoint: String,
    /// HTTP status.
    pub status: u16,
    /// `BSE…`, when it was an error.
    pub error_code: Option<String>,
    /// How many.
    pub requests: u64,
}

/// What an account can still reserve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// Credits.
    pub balance: Credits,
}

/// Makes an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAccount {
    /// 1–100 characters.
    pub name: String,
    /// Its plan.
    pub plan: Plan,
    /// Granted at once; zero: nothing.
    pub credits: Credits,
}

/// Moves an account to another plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetPlan {
    /// The new one.
    pub plan: Plan,
}

/// Gives an account or a key a budget, another one, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetBudget {
    /// `None` takes it away.
    pub budget: Option<Budget>,
}

/// An account or a key with its budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budgeted<T> {
    /// Which.
    #[serde(flatten)]
    pub of: T,
    /// Its budget, if it has one.
    pub budget: Option<BudgetStatus>,
}

/// What an archive run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archived {
    /// Accounts with a new checkpoint.
    pub accounts: u64,
    /// Entries that are in files now.
    pub entries: u64,
    /// Those files' names in the artifact store.
    pub files: Vec<String>,
}

/// Makes an API key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewKey {
    /// Whose.
    pub account_id: AccountId,
    /// 1–100 characters.
    pub name: String,
    /// At least one.
    pub scopes: Vec<Scope>,
    /// At most 50 addresses or CIDR blocks.
    pub allow_ips: Vec<String>,
    /// When it stops by itself.
    pub expires_at: Option<Timestamp>,
    /// What it may spend.
    #[serde(default)]
    pub budget: Option<Budget>,
}

/// A key with its secret, shown this once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedKey {
    /// The whole key.
    pub api_key: String,
    /// Everything else about it.
    #[serde(flatten)]
    pub key: crate::access::ApiKey,
}

/// Renames a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyName {
    /// 1–100 characters.
    pub name: String,
}

/// Replaces a key; the old one works until its grace ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotateKey {
    /// 1, 6, 12, 24, 48, 72 or 168.
    pub grace_hours: u32,
}

/// One immutable row of the book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Ascending in commit order.
    pub entry_id: i64,
    /// Whose.
    pub account_id: AccountId,
    /// What it does.
    #[serde(rename = "type")]
    pub kind: EntryKind,
    /// Above zero.
    pub amount: Credits,
    /// The account's balance after it.
    pub balance_after: Credits,
    /// What it was for, unless it is an add.
    pub generation_id: Option<crate::GenerationId>,
    /// Public model id.
    pub model: Option<String>,
    /// Text of an add.
    pub description: Option<String>,
    /// When it was committed.
    pub created_at: Timestamp,
}

/// A provider, a model, or a provider for one model, that is out of routing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutingSwitch {
    /// `None`: every provider.
    pub provider: Option<crate::Provider>,
    /// Public id; `None`: every model.
    pub model: Option<String>,
    /// An operator's words.
    pub reason: String,
    /// Since when.
    pub created_at: Timestamp,
}

/// All of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutingSwitches {
    /// Names this list: another one has another version.
    pub version: String,
    /// Ordered by provider and model.
    pub switches: Vec<RoutingSwitch>,
}

/// Takes something out of routing, or in again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetRouting {
    /// `None`: every provider; then a model is named.
    pub provider: Option<crate::Provider>,
    /// `None`: every model; then a provider is named.
    pub model: Option<String>,
    /// At most 200 characters.
    pub reason: String,
    /// Out, or in.
    pub is_disabled: bool,
}

/// A change of routing, and how far it got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutingChanged {
    /// `false`: what was to be taken in was not out.
    pub is_changed: bool,
    /// Proxies that live.
    pub proxies: usize,
    /// Those of them that apply it.
    pub applied: usize,
    /// All switches now.
    pub switches: Vec<RoutingSwitch>,
}

/// A proxy asks for the list and says which it applies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncRouting {
    /// Who.
    pub holder: HolderId,
    /// Empty: none yet.
    pub version: String,
}

/// What `ledger audit` found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditReport {
    /// Accounts looked at.
    pub accounts: u64,
    /// Generations looked at.
    pub generations: u64,
    /// Entries looked at.
    pub entries: u64,
    /// Every invariant that does not hold, one line each; empty: clean.
    pub violations: Vec<String>,
}

/// A refusal of an internal call, beside its HTTP status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InternalProblem {
    /// For operators; never sent to a customer.
    pub error: String,
}

/// The account and key of an authenticated caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who pays.
    pub account_id: AccountId,
    /// With which key.
    pub apikey_id: ApiKeyId,
}
