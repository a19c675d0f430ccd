//! What may be said to the proxy. Reason to exist: **(w)** a wire that the observatory writes and the proxy reads.
//!
//! serde only: no I/O, no clock. The observatory owns this wire; the proxy treats everything on it as advice, and
//! goes on without it.
//!
//! | room | says |
//! |---|---|
//! | [`key`] | how a hint's key is spelled, and how long it lives |
//! | [`ranking`] | `ranking.v1`: the order of a model's providers |
//! | [`health`] | `health.v1`: which providers do badly right now |
//! | [`file`] | the same keys and values in one file, for a stack without Redis |

pub mod file;
pub mod health;
pub mod key;
pub mod ranking;

pub use file::HintsFile;
pub use health::{Finding, Health};
pub use key::{HEALTH_TTL_S, RANKING_TTL_S, health_key, publishing_lease_key, ranking_key, region_label};
pub use ranking::{Ranking, Scores};

/// Why a hint is not used. Every variant means the same to the proxy: the static order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HintError {
    /// Not the JSON of this hint; the text says where.
    #[error("malformed hint: {0}")]
    Malformed(String),
    /// Written by something newer, or by something else.
    #[error("hint of unknown version `{0}`")]
    UnknownVersion(String),
    /// Computed more than a minute ahead of our clock, so its age can't be known.
    #[error("hint computed in the future, at {0}")]
    FromTheFuture(ledger_contract::Timestamp),
}
