//! The key feed (api contract §4.1): how a proxy hears of changed keys and plans before the change is confirmed.
//!
//! A proxy asks again and again; each question acknowledges everything up to `after` and is answered at once when there is
//! something newer, otherwise after [`HOLD_MS`]. A change is confirmed when every feed that was live then has acknowledged
//! it, or its lease of [`FEED_LEASE_MS`] since its last question has ended. A proxy trusts what it remembers for
//! [`FEED_SILENCE_MS`] from the moment it asked the last question that was answered: the rest of the lease is what
//! requests in progress and unequal clock rates may take.

use serde::{Deserialize, Serialize};

use crate::{AccountId, HolderId};

/// `POST`: [`FollowKeys`] → [`KeyNews`].
pub const KEYS_FEED: &str = "/internal/keys/feed";

/// How long the ledger counts on a feed after its last question, in milliseconds.
pub const FEED_LEASE_MS: u64 = 2_000;
/// How long a proxy trusts its memory after it asked the last question that was answered, in milliseconds.
pub const FEED_SILENCE_MS: u64 = 1_000;
/// How long a question is held open when there is nothing new, in milliseconds.
pub const HOLD_MS: u64 = 250;

/// A place in the feed of one ledger process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedPosition {
    /// Names the process: positions of another one mean nothing.
    pub epoch: uuid::Uuid,
    /// Changes before this place.
    pub changes: u64,
}

/// What changed after this place?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowKeys {
    /// Which proxy process asks.
    pub holder: HolderId,
    /// Everything up to here has been applied; `None`: nothing is remembered yet.
    pub after: Option<FeedPosition>,
}

/// What a remembered record may not be used for any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyChange {
    /// Keys that begin like this.
    Prefix(String),
    /// Keys of this account.
    Account(AccountId),
}

/// What changed, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyNews {
    /// The place after all of it.
    pub position: FeedPosition,
    /// The place that was asked about is unknown: nothing remembered may be used.
    pub forget_all: bool,
    /// Empty when nothing changed.
    pub changes: Vec<KeyChange>,
}
