//! What may be said to the ledger. Reason to exist: **(w)** a wire that the proxy, the ledger and the command line share.
//!
//! serde only: no I/O, no clock, no randomness. The ledger owns this wire.
//!
//! | room | says |
//! |---|---|
//! | [`id`] | one newtype per id |
//! | [`money`] | [`Credits`] (thousandths of a credit) and [`MicroUsd`] (provider cost): different types on purpose |
//! | [`time`] | [`Timestamp`]: Unix milliseconds, ISO 8601 outside |
//! | [`error`] | the public error table and the body of a public error |
//! | [`access`] | plans, scopes, API keys, accounts |
//! | [`budget`] | limits on what is spent within a window |
//! | [`hash`] | [`RowHash`]: what chains the rows of the book |
//! | [`generation`] | states, attempts, stored answers |
//! | [`command`] | what changes the book, and every answer it can give |
//! | [`wire`] | paths, headers and bodies of the internal HTTP contract |
//! | [`feed`] | how proxies hear of changed keys before the change is confirmed |
//! | [`request_log`] | one row per authenticated request |

pub mod access;
pub mod budget;
pub mod command;
pub mod error;
pub mod feed;
pub mod generation;
pub mod hash;
pub mod id;
pub mod money;
pub mod request_log;
pub mod time;
pub mod wire;

pub use access::{Plan, Scope};
pub use budget::{Budget, Period};
pub use error::{ErrorCode, ProviderError, PublicError};
pub use generation::{AttemptOutcome, GenerationStatus, MediaKind, Provider};
pub use hash::RowHash;
pub use id::{AccountId, ApiKeyId, BudgetId, GenerationId, HolderId};
pub use money::{Credits, MicroUsd};
pub use time::Timestamp;
