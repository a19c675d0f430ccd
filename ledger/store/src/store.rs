//! Everything that can be asked of a database, as one list. One enum, no trait: the variants are known.

use ledger_contract::{
    AccountId, ApiKeyId, Budget, BudgetId, GenerationId, HolderId, Plan, Provider, Timestamp,
    access::{Account, ApiKey, KeyCandidate},
    budget::BudgetStatus,
    command::{Answer, Claim, Command},
    generation::OpenGeneration,
    request_log::{LoggedRequest, RequestRow},
    wire::{AuditReport, Budgeted, ChainEnds, ChainRow, LedgerEntry, ReplayAnswer, RequestCounts, RoutingSwitch},
};

use crate::{
    error::StoreError,
    postgres::Postgres,
    read::{AccountProfile, ArchivePlan, GenerationPage, GenerationRow, Rotation, SweptOutputs, Usage},
    sqlite::Sqlite,
};

/// How long past its deadline an open generation of a gone holder waits before recovery ends it, milliseconds: the
/// one who takes it over shall be the one to end it.
pub const OVERDUE_GRACE_MS: i64 = 30_000;

/// The database of the book. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Store {
    /// A server that many processes share.
    Postgres(Postgres),
    /// One file, one writer.
    Sqlite(Sqlite),
}

/// Connections to Postgres beside those that commit, where nobody says how many.
pub const CONNECTIONS: u32 = 8;

impl Store {
    /// Opens `sqlite://PATH`, creating the file where it is missing, or `postgres://…`; brings the schema up to date.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_with(url, CONNECTIONS).await
    }

    /// The same with at most `connections` to Postgres beside those that commit.
    pub async fn open_with(url: &str, connections: u32) -> Result<Self, StoreError> {
        if ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            Ok(Self::Postgres(Postgres::open(url, connections).await?))
        } else {
            Ok(Self::Sqlite(Sqlite::open(url).await?))
        }
    }

    /// Closes every connection; later calls are [`StoreError::Unavailable`]. Not needed for durability: a commit that
    /// was answered is on disk.
    pub async fn close(&self) {
        match self {
            Self::Postgres(postgres) => postgres.close().await,
            Self::Sqlite(sqlite) => sqlite.close().await,
        }
    }
}

macro_rules! every_store {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {
        impl Store {
            $($(#[$doc])*
            pub async fn $name(&self, $($arg: $type),*) -> Result<$answer, StoreError> {
                match self {
                    Self::Postgres(postgres) => postgres.$name($($arg),*).await,
                    Self::Sqlite(sqlite) => sqlite.$name($($arg),*).await,
                }
            })*
        }
    };
}

every_store! {
    /// Decides a batch and writes what came of it, in one transaction. One answer per command, in order. On an error
    /// nothing of the batch happened.
    fn apply(commands: &[Command], now: Timestamp) -> Vec<Answer>;
    /// Whether the database answers: one read and one empty write transaction.
    fn ping() -> ();

    /// Makes an account with a balance of zero whatever `account` says: credits come by an `Add` command.
    fn create_account(account: &Account, now: Timestamp) -> ();
    /// Every account, oldest first.
    fn accounts() -> Vec<Account>;
    /// One account.
    fn account(account_id: AccountId) -> Option<AccountProfile>;
    /// Moves an account to another plan; `None` if there is no such account.
    fn set_plan(account_id: AccountId, plan: Plan, now: Timestamp) -> Option<Account>;

    /// Gives an account a budget, another one, or none; `None` if there is no such account. A budget of the same period
    /// counts on; another begins with what its window holds already, a `once` budget with nothing.
    fn set_account_budget(account_id: AccountId, budget: Option<Budget>, now: Timestamp) -> Option<Budgeted<Account>>;
    /// The same for a key and its successors by rotation.
    fn set_key_budget(apikey_id: ApiKeyId, budget: Option<Budget>, now: Timestamp) -> Option<Budgeted<ApiKey>>;
    /// A budget and what it has counted in the window of `now`.
    fn budget(budget_id: BudgetId, now: Timestamp) -> Option<BudgetStatus>;

    /// Stores a key with the hash of its secret.
    fn insert_key(key: &ApiKey, hash: &str) -> ();
    /// An account's keys, oldest first.
    fn keys(account_id: AccountId) -> Vec<ApiKey>;
    /// One key.
    fn key(apikey_id: ApiKeyId) -> Option<ApiKey>;
    /// Every key with this prefix, whatever its state, with its account's plan.
    fn find_keys(prefix: &str) -> Vec<KeyCandidate>;
    /// Renames a key; the key as it is now, or `None` if there is none.
    fn rename_key(apikey_id: ApiKeyId, name: &str) -> Option<ApiKey>;
    /// Stops a key for good; the key as it is now, or `None` if there is none.
    fn revoke_key(apikey_id: ApiKeyId) -> Option<ApiKey>;
    /// Removes a key; the key as it was, or `None` if there is none.
    fn delete_key(apikey_id: ApiKeyId) -> Option<ApiKey>;
    /// Puts `new` in place of `old`, which works on until `grace_ends_at` or its own expiry. `new.created_at` is now.
    fn rotate_key(old: ApiKeyId, grace_ends_at: Timestamp, new: &ApiKey, hash: &str) -> Rotation;
    /// Notes when keys authenticated; never moves a time back.
    fn touch_keys(uses: &[(ApiKeyId, Timestamp)]) -> ();

    /// The holder lives until `expires_at` at least.
    fn renew_lease(holder: HolderId, expires_at: Timestamp) -> ();
    /// Every holder of an open generation lives until `expires_at` at least: at start and after an outage.
    fn renew_all_leases(expires_at: Timestamp) -> ();
    /// Hands over `processing` generations whose holder's lease ran out or never was, oldest first. Asking is a sign
    /// of life: the asker's own lease runs anew.
    fn take_leases(holder: HolderId, limit: u32, now: Timestamp) -> Vec<OpenGeneration>;
    /// `pending` generations of gone holders, oldest first.
    fn abandoned(limit: u32, now: Timestamp) -> Vec<GenerationId>;
    /// Open generations of gone holders, more than [`OVERDUE_GRACE_MS`] past their deadline, oldest first.
    fn overdue(limit: u32, now: Timestamp) -> Vec<GenerationId>;
    /// One generation, if it is open.
    fn open_generation(generation_id: GenerationId) -> Option<OpenGeneration>;
    /// How many generations are open.
    fn open_generations() -> u64;

    /// One record of this account.
    fn generation(account_id: AccountId, generation_id: GenerationId) -> Option<GenerationRow>;
    /// Records of this account, newest first.
    fn generations(account_id: AccountId, limit: u32, offset: u64) -> GenerationPage;
    /// What an idempotency key answers now, without claiming it.
    fn find_replay(account_id: AccountId, claim: &Claim, now: Timestamp) -> ReplayAnswer;
    /// Entries of this account, newest first.
    fn entries(account_id: AccountId, limit: u32, offset: u64) -> Vec<LedgerEntry>;
    /// What this account used since then.
    fn usage(account_id: AccountId, since: Timestamp) -> Usage;

    /// What is out of routing, ordered by provider and model.
    fn routing_switches() -> Vec<RoutingSwitch>;
    /// Takes something out of routing; one that is out already gets the new reason.
    fn disable_routing(switch: &RoutingSwitch) -> ();
    /// Takes it in again; `false`: it was not out.
    fn enable_routing(provider: Option<Provider>, model: Option<&str>) -> bool;

    /// Counts a report of answered requests, once per report id.
    fn count_requests(counts: &RequestCounts, now: Timestamp) -> ();
    /// Files whose time is over and that are not marked swept, soonest expired first.
    fn expired_outputs(now: Timestamp, limit: u32) -> Vec<SweptOutputs>;
    /// Marks these generations' files as gone.
    fn mark_swept(generation_ids: &[GenerationId]) -> ();
    /// Forgets expired idempotency keys, report ids older than a day and leases of long gone holders.
    fn sweep_keys(now: Timestamp) -> ();

    /// What this deployment keeps under that name; `fresh`, if it keeps nothing yet.
    fn deployment_value(name: &str, fresh: &str) -> String;
    /// Keeps rows of the request log with the hashes of their addresses. A row said again, or of a deleted key: nothing.
    fn log_requests(rows: &[(LoggedRequest, String)]) -> ();
    /// Rows of this account older than time and request id, newest first.
    fn logged_requests(account_id: AccountId, before: (Timestamp, &str), limit: u32) -> Vec<RequestRow>;
    /// Removes rows of this plan's accounts up to then, a bounded number of them; whether there may be more.
    fn sweep_request_log(plan: Plan, until: Timestamp) -> bool;
    /// Removes rows of this key, a bounded number of them; whether there may be more.
    fn forget_requests_of_key(apikey_id: ApiKeyId) -> bool;
    /// Keys that were deleted and still have rows.
    fn keyless_requests(limit: u32) -> Vec<ApiKeyId>;
    /// Where an account's hash chain begins and ends; `None` if there is no such account.
    fn chain(account_id: AccountId) -> Option<ChainEnds>;
    /// The chained rows after entry `after`, oldest first.
    fn chain_entries(account_id: AccountId, after: u64, limit: u32) -> Vec<ChainRow>;
    /// Accounts after `after` that have entries older than their plan's window, in id order.
    fn archivable(after: Option<AccountId>, limit: u32, now: Timestamp) -> Vec<AccountId>;
    /// The oldest of those entries, at most `limit`: what a file shall hold before [`Store::archive`]. `None` when none
    /// can go.
    fn archive_plan(account_id: AccountId, limit: u32, now: Timestamp) -> Option<ArchivePlan>;
    /// Removes what `plan` names behind a checkpoint, in one transaction; `false` when the book has moved on since.
    fn archive(plan: &ArchivePlan, file: &str, now: Timestamp) -> bool;

    /// Proves the book in one read transaction, in bounded memory.
    fn audit() -> AuditReport;
}
