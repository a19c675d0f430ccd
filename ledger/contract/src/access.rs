//! Who may do what, and how much of it: plans, scopes, accounts, API keys.

use serde::{Deserialize, Serialize};

use crate::{AccountId, ApiKeyId, Credits, Timestamp};

/// A text that names no value of a closed list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} `{text}`; one of: {allowed}")]
pub struct UnknownName {
    /// What was expected.
    pub what: &'static str,
    /// What was given.
    pub text: String,
    /// The whole list.
    pub allowed: String,
}

/// A closed list of names, written once and used in JSON, SQL, command line and metrics alike.
macro_rules! names {
    ($(#[$doc:meta])* $name:ident, $what:literal, { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant,)* }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its one spelling.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::access::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or_else(|| $crate::access::UnknownName {
                    what: $what,
                    text: text.to_owned(),
                    allowed: Self::ALL.iter().map(|value| value.as_str()).collect::<Vec<_>>().join(", "),
                })
            }
        }
    };
}
pub(crate) use names;

names!(
    /// What an account pays for; decides its limits.
    Plan, "plan", {
        /// 30 requests a minute.
        Free = "free",
        /// 60.
        Starter = "starter",
        /// 150.
        Pro = "pro",
        /// 300.
        Scale = "scale",
        /// 600.
        Enterprise = "enterprise",
    }
);

/// The numbers of one plan (api contract §7, product requirements §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanLimits {
    /// Requests per minute on every route but create.
    pub general_per_minute: u32,
    /// Creates per minute.
    pub generation_per_minute: u32,
    /// Generations in `pending` or `processing` at once.
    pub in_flight: u32,
    /// How long output files live, in milliseconds.
    pub file_retention_ms: i64,
    /// How long request-log rows live, in milliseconds.
    pub log_retention_ms: i64,
    /// How long entries stay in the database before they are archived, in milliseconds.
    pub ledger_retention_ms: i64,
}

const HOUR_MS: i64 = 3_600_000;

impl Plan {
    /// Limits of this plan.
    pub fn limits(self) -> PlanLimits {
        let (general_per_minute, generation_per_minute, in_flight, file_hours, log_days, ledger_days) = match self {
            Self::Free => (30, 10, 2, 1, 1, 30),
            Self::Starter => (60, 20, 5, 12, 7, 90),
            Self::Pro => (150, 50, 20, 24, 30, 180),
            Self::Scale => (300, 100, 50, 5 * 24, 180, 365),
            Self::Enterprise => (600, 200, 200, 7 * 24, 365, 365),
        };
        PlanLimits {
            general_per_minute,
            generation_per_minute,
            in_flight,
            file_retention_ms: file_hours * HOUR_MS,
            log_retention_ms: log_days * 24 * HOUR_MS,
            ledger_retention_ms: ledger_days * 24 * HOUR_MS,
        }
    }
}

names!(
    /// One permission of a key.
    Scope, "scope", {
        /// Create generations.
        GenerationWrite = "generation:write",
        /// Read generations.
        GenerationRead = "generation:read",
        /// Cancel and delete generations.
        GenerationDelete = "generation:delete",
        /// Read account, usage, billing.
        AccountRead = "account:read",
        /// Read health.
        HealthRead = "health:read",
        /// Read the library and estimates.
        LibraryRead = "library:read",
    }
);

names!(
    /// A named set of scopes.
    Preset, "preset", {
        /// All six.
        FullAccess = "full_access",
        /// Create, read and library.
        GenerateOnly = "generate_only",
        /// Everything that only reads.
        ReadOnly = "read_only",
        /// Health and library.
        MonitorOnly = "monitor_only",
    }
);

impl Preset {
    /// The scopes this preset stands for (api contract §4.3).
    pub fn scopes(self) -> Vec<Scope> {
        use Scope::{AccountRead, GenerationRead, GenerationWrite, HealthRead, LibraryRead};
        match self {
            Self::FullAccess => Scope::ALL.to_vec(),
            Self::GenerateOnly => vec![GenerationWrite, GenerationRead, LibraryRead],
            Self::ReadOnly => vec![GenerationRead, AccountRead, HealthRead, LibraryRead],
            Self::MonitorOnly => vec![HealthRead, LibraryRead],
        }
    }
}

names!(
    /// Where a key is in its life (api contract §4.2). Expiry is read from its times, not stored as a state.
    KeyState, "key state", {
        /// Authenticates.
        Active = "active",
        /// Replaced; authenticates until its grace ends.
        Rotated = "rotated",
        /// Stopped by hand, at once.
        Revoked = "revoked",
    }
);

/// Number of leading characters of a key that are stored in clear, for lookup and display.
pub const KEY_PREFIX_LENGTH: usize = 9;

/// An account, as operators and the account routes see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its id.
    pub account_id: AccountId,
    /// 1–100 characters.
    pub name: String,
    /// Its plan.
    pub plan: Plan,
    /// Credits it can still reserve.
    pub balance: Credits,
    /// Generations in `pending` or `processing`.
    pub in_flight: u32,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A key, without anything secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its id.
    pub apikey_id: ApiKeyId,
    /// Who owns it.
    pub account_id: AccountId,
    /// 1–100 characters.
    pub name: String,
    /// The first [`KEY_PREFIX_LENGTH`] characters.
    pub prefix: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Addresses and CIDR blocks that may use it; empty: all.
    pub allow_ips: Vec<String>,
    /// Where it is in its life.
    pub state: KeyState,
    /// When it stops: its expiry, or the end of its grace after rotation, whichever is first.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last authenticated, to the minute.
    pub last_used_at: Option<Timestamp>,
}

impl ApiKey {
    /// Whether it may authenticate at `now`.
    pub fn is_usable(&self, now: Timestamp) -> bool {
        self.state != KeyState::Revoked && self.expires_at.is_none_or(|end| now < end)
    }
}

/// A key that a presented secret may belong to: everything the proxy needs to decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyCandidate {
    /// The key.
    pub key: ApiKey,
    /// bcrypt hash of the whole key.
    pub hash: String,
    /// Plan of its account; `None` when the account is gone.
    pub plan: Option<Plan>,
}
