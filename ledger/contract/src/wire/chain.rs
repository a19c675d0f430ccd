//! The hash chain of an account's entries as it travels and as it stands in files (api contract §12.5).

use serde::{Deserialize, Serialize};

use crate::{AccountId, ApiKeyId, Credits, GenerationId, RowHash, Timestamp, generation::EntryKind};

/// The part of an entry that is hashed: ids, kinds, amounts and times. Nothing personal, since it outlives an account.
///
/// Field order is the order in an export. A field that is not of this form is no part of the chain, and refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainRow {
    /// 1 for the account's first entry, without a gap.
    pub seq: u64,
    /// Whose.
    pub account_id: AccountId,
    /// What it does.
    #[serde(rename = "type")]
    pub kind: EntryKind,
    /// Above zero, thousandths.
    pub amount: Credits,
    /// The account's balance after it, thousandths.
    pub balance_after: Credits,
    /// What it was for, unless it is an add.
    pub generation_id: Option<GenerationId>,
    /// With which key, if it is a reserve.
    pub apikey_id: Option<ApiKeyId>,
    /// SHA-256 of the key of an add.
    pub add_key_sha256: Option<RowHash>,
    /// Public model id.
    pub model: Option<String>,
    /// When it was decided, Unix milliseconds; never before the one before it.
    pub created_at: Timestamp,
    /// SHA-256 over the one before it and all of the above (`ledger/TAMPER_EVIDENCE.md`).
    pub hash: RowHash,
}

/// A place in an account's chain: after entry `seq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainPlace {
    /// Whose.
    pub account_id: AccountId,
    /// 0: before the first.
    pub seq: u64,
    /// The balance there.
    pub balance: Credits,
    /// That entry's hash; the account's genesis before the first.
    pub hash: RowHash,
    /// That entry's time.
    pub at: Timestamp,
}

/// Where an account's chain begins and ends: everything up to `opening` is archived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainEnds {
    /// The checkpoint, or the genesis.
    pub opening: ChainPlace,
    /// The newest entry.
    pub head: ChainPlace,
}
