//! The hash chain of one account's entries (api contract §12.5): what a row's hash is, and whether a row follows from
//! the one before. `ledger/TAMPER_EVIDENCE.md` gives the same rule to those who have none of our code.

use ledger_contract::{
    AccountId, Credits, RowHash, Timestamp,
    generation::EntryKind,
    wire::{ChainPlace, ChainRow},
};
use sha2::{Digest, Sha256};

use crate::{
    book::Movement,
    state::{Account, Entry},
};

/// Names the canonical form; a later form gets another name and with it other hashes.
pub const FORM: &str = "babysea-ledger-v1";

/// What the first entry of an account follows from.
pub fn genesis(account_id: AccountId) -> RowHash {
    digest(format!("{FORM}:{account_id}").as_bytes())
}

/// The place before an account's first entry.
pub fn start(account_id: AccountId) -> ChainPlace {
    let hash = genesis(account_id);
    ChainPlace { account_id, seq: 0, balance: Credits::ZERO, hash, at: Timestamp::default() }
}

/// SHA-256 over the canonical form: a JSON array of the previous hash and every field but the hash.
pub fn row_hash(previous: RowHash, row: &ChainRow) -> RowHash {
    let ChainRow {
        seq,
        account_id,
        kind,
        amount,
        balance_after,
        generation_id,
        apikey_id,
        add_key_sha256,
        model,
        created_at,
        hash: _,
    } = row;
    let canonical = (
        previous,
        seq,
        account_id,
        kind,
        amount,
        balance_after,
        generation_id,
        apikey_id,
        add_key_sha256,
        model,
        created_at,
    );
    // Numbers, names and texts: none of them can fail to be written.
    digest(&serde_json::to_vec(&canonical).unwrap_or_default())
}

/// What stands in a row for the key of an add: the key itself is an operator's own text.
pub fn add_key_digest(add_key: &str) -> RowHash {
    digest(add_key.as_bytes())
}

fn digest(bytes: &[u8]) -> RowHash {
    RowHash(Sha256::digest(bytes).into())
}

/// The hashed part of an entry.
pub fn row_of(entry: &Entry) -> ChainRow {
    ChainRow {
        seq: entry.seq,
        account_id: entry.account_id,
        kind: entry.kind,
        amount: entry.amount,
        balance_after: entry.balance_after,
        generation_id: entry.generation_id,
        apikey_id: entry.apikey_id,
        add_key_sha256: entry.add_key.as_deref().map(add_key_digest),
        model: entry.model.clone(),
        created_at: entry.created_at,
        hash: entry.hash,
    }
}

/// Makes the movement the account's newest entry: number, time and hash are given here and nowhere else.
pub(crate) fn append(account: &mut Account, movement: Movement) -> Entry {
    let Movement { account_id, kind, amount, generation_id, add_key, model, description, apikey_id, now } = movement;
    let mut entry = Entry {
        account_id,
        kind,
        amount,
        balance_after: account.balance,
        generation_id,
        add_key,
        model,
        description,
        apikey_id,
        created_at: account.at(now),
        seq: account.chain_seq.saturating_add(1),
        hash: account.chain_hash,
    };
    entry.hash = row_hash(account.chain_hash, &row_of(&entry));
    account.chain_seq = entry.seq;
    account.chain_hash = entry.hash;
    account.chain_at = entry.created_at;
    entry
}

/// How a row does not follow from the one before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Rows are missing, doubled or in another order.
    #[error("entry {found} stands where entry {expected} should")]
    Order {
        /// The next number.
        expected: u64,
        /// The row's.
        found: u64,
    },
    /// The row is another account's.
    #[error("entry {0} is of another account")]
    Account(u64),
    /// Amount, kind and balances do not add up.
    #[error("entry {seq} leaves a balance of {found}, which does not follow from {before}")]
    Balance {
        /// Which row.
        seq: u64,
        /// The balance before it.
        before: Credits,
        /// The balance it states.
        found: Credits,
    },
    /// The row is older than the one before.
    #[error("entry {0} is older than the one before it")]
    Time(u64),
    /// The row is not what was hashed.
    #[error("entry {seq} has the hash {found}, but its content gives {computed}")]
    Hash {
        /// Which row.
        seq: u64,
        /// As it stands in the row.
        found: RowHash,
        /// Over the row and the one before.
        computed: RowHash,
    },
}

/// The place after `row`, and everything that is wrong with it: what a row states is taken over, so that one wound is
/// reported once.
pub fn follow(place: &ChainPlace, row: &ChainRow) -> (ChainPlace, Vec<Broken>) {
    let mut broken = Vec::new();
    let seq = row.seq;
    if seq != place.seq.saturating_add(1) {
        broken.push(Broken::Order { expected: place.seq.saturating_add(1), found: seq });
    }
    if row.account_id != place.account_id {
        broken.push(Broken::Account(seq));
    }
    let amount = i128::from(row.amount.0);
    let delta = match row.kind {
        EntryKind::Reserve => -amount,
        EntryKind::Charge => 0,
        EntryKind::Refund | EntryKind::Add => amount,
    };
    if i128::from(place.balance.0) + delta != i128::from(row.balance_after.0) {
        broken.push(Broken::Balance { seq, before: place.balance, found: row.balance_after });
    }
    if row.created_at < place.at {
        broken.push(Broken::Time(seq));
    }
    let computed = row_hash(place.hash, row);
    if computed != row.hash {
        broken.push(Broken::Hash { seq, found: row.hash, computed });
    }
    let account_id = place.account_id;
    (ChainPlace { account_id, seq, balance: row.balance_after, hash: row.hash, at: row.created_at }, broken)
}
