//! The hash chain as it is read: where it begins and ends, and its rows.

use ledger_book::chain;
use ledger_contract::{
    AccountId, Credits,
    wire::{ChainEnds, ChainPlace, ChainRow},
};
use sqlx::PgConnection;

use super::{Postgres, rows::Columns};
use crate::error::StoreError;

const HEAD: &str = "SELECT account_id, balance, chain_seq, chain_hash, chain_at FROM accounts WHERE account_id = $1";
const OPENING: &str = "SELECT seq, balance, hash, entry_at FROM checkpoints WHERE account_id = $1
    ORDER BY seq DESC LIMIT 1";
const ROWS: &str = "SELECT seq, account_id, type, amount, balance_after, generation_id, apikey_id, add_key, model,
        created_at, hash
    FROM entries WHERE account_id = $1 AND seq > $2 ORDER BY seq LIMIT $3";

impl Postgres {
    pub(crate) async fn chain(&self, account_id: AccountId) -> Result<Option<ChainEnds>, StoreError> {
        let mut transaction = self.read().await?;
        ends(&mut transaction, account_id).await
    }

    pub(crate) async fn chain_entries(
        &self,
        account_id: AccountId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<ChainRow>, StoreError> {
        let mut transaction = self.read().await?;
        rows(&mut transaction, account_id, after, limit).await
    }
}

/// Both ends of an account's chain.
pub(super) async fn ends(
    connection: &mut PgConnection,
    account_id: AccountId,
) -> Result<Option<ChainEnds>, StoreError> {
    let head = sqlx::query(HEAD).bind(account_id.0).fetch_optional(&mut *connection).await?;
    let Some(head) = head else { return Ok(None) };
    let columns = Columns(&head);
    let start = chain::start(account_id);
    let head = ChainPlace {
        account_id,
        seq: columns.number("chain_seq")?,
        balance: Credits(columns.int("balance")?),
        hash: columns.opt_hash("chain_hash")?.unwrap_or(start.hash),
        at: columns.time("chain_at")?,
    };
    let opening = sqlx::query(OPENING).bind(account_id.0).fetch_optional(connection).await?;
    let opening = opening.map(|row| place(account_id, &Columns(&row))).transpose()?.unwrap_or(start);
    Ok(Some(ChainEnds { opening, head }))
}

fn place(account_id: AccountId, columns: &Columns<'_>) -> Result<ChainPlace, StoreError> {
    Ok(ChainPlace {
        account_id,
        seq: columns.number("seq")?,
        balance: Credits(columns.int("balance")?),
        hash: columns.hash("hash")?,
        at: columns.time("entry_at")?,
    })
}

/// The rows after `after`, oldest first.
pub(super) async fn rows(
    connection: &mut PgConnection,
    account_id: AccountId,
    after: u64,
    limit: u32,
) -> Result<Vec<ChainRow>, StoreError> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let query = sqlx::query(ROWS).bind(account_id.0).bind(after).bind(i64::from(limit));
    query.fetch_all(connection).await?.iter().map(|found| row(&Columns(found))).collect()
}

/// The hashed part of a row of `entries`.
pub(super) fn row(columns: &Columns<'_>) -> Result<ChainRow, StoreError> {
    Ok(ChainRow {
        seq: columns.number("seq")?,
        account_id: columns.id("account_id")?,
        kind: columns.parse("type")?,
        amount: Credits(columns.int("amount")?),
        balance_after: Credits(columns.int("balance_after")?),
        generation_id: columns.opt_id("generation_id")?,
        apikey_id: columns.opt_id("apikey_id")?,
        add_key_sha256: columns.opt_text("add_key")?.as_deref().map(chain::add_key_digest),
        model: columns.opt_text("model")?,
        created_at: columns.time("created_at")?,
        hash: columns.hash("hash")?,
    })
}
