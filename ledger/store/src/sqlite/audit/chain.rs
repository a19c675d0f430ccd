//! Reads every account's entries in order, from its checkpoint on, for the shared walk.

use futures::TryStreamExt as _;
use ledger_book::chain;
use ledger_contract::{AccountId, Credits, wire::ChainPlace};
use sqlx::SqliteConnection;

use crate::{
    audit::{Findings, Walk},
    error::StoreError,
    sqlite::{chain::row, rows::Columns},
};

const ENTRIES: &str = "SELECT a.account_id, a.balance AS head_balance, a.chain_seq, a.chain_hash, a.chain_at,
        c.seq AS opening_seq, c.balance AS opening_balance, c.hash AS opening_hash, c.entry_at AS opening_at,
        e.entry_id, e.seq, e.type, e.amount, e.balance_after, e.generation_id, e.apikey_id, e.add_key, e.model,
        e.created_at, e.hash
    FROM accounts AS a
    LEFT JOIN checkpoints AS c ON c.account_id = a.account_id
        AND c.seq = (SELECT max(seq) FROM checkpoints AS m WHERE m.account_id = a.account_id)
    LEFT JOIN entries AS e ON e.account_id = a.account_id
    ORDER BY a.account_id, e.seq";

/// Walks all accounts; how many there are.
pub(super) async fn walk(connection: &mut SqliteConnection, findings: &mut Findings) -> Result<u64, StoreError> {
    let mut rows = sqlx::query(ENTRIES).fetch(connection);
    let mut accounts = 0;
    let mut current: Option<Walk> = None;
    while let Some(found) = rows.try_next().await? {
        let columns = Columns(&found);
        let account_id = columns.parse("account_id")?;
        if current.as_ref().is_none_or(|walk| walk.account_id() != account_id) {
            accounts += 1;
            let next = Walk::new(opening(account_id, &columns)?, head(account_id, &columns)?);
            if let Some(done) = current.replace(next) {
                done.end(findings);
            }
        }
        let Some(walk) = &mut current else { continue };
        let Some(entry_id) = columns.opt_int("entry_id")? else { continue };
        match row(&columns) {
            Ok(row) => walk.step(&row, findings),
            Err(error) => {
                findings.push(format!("account {account_id}: entry with id {entry_id} can't be read: {error}"));
            }
        }
    }
    if let Some(done) = current {
        done.end(findings);
    }
    Ok(accounts)
}

fn opening(account_id: AccountId, columns: &Columns<'_>) -> Result<ChainPlace, StoreError> {
    let start = chain::start(account_id);
    Ok(ChainPlace {
        account_id,
        seq: columns.opt_int("opening_seq")?.and_then(|seq| u64::try_from(seq).ok()).unwrap_or(start.seq),
        balance: columns.opt_int("opening_balance")?.map_or(start.balance, Credits),
        hash: columns.opt_parse("opening_hash")?.unwrap_or(start.hash),
        at: columns.opt_time("opening_at")?.unwrap_or(start.at),
    })
}

fn head(account_id: AccountId, columns: &Columns<'_>) -> Result<ChainPlace, StoreError> {
    Ok(ChainPlace {
        account_id,
        seq: columns.number("chain_seq")?,
        balance: Credits(columns.int("head_balance")?),
        hash: columns.opt_parse("chain_hash")?.unwrap_or_else(|| chain::genesis(account_id)),
        at: columns.time("chain_at")?,
    })
}
