//! Walks every account's entries in order: each `balance_after` follows from the one before, and they end at the
//! balance.

use futures::TryStreamExt as _;
use ledger_contract::{AccountId, Credits, generation::EntryKind};
use sqlx::SqliteConnection;

use super::Findings;
use crate::{error::StoreError, sqlite::rows::Columns};

const ENTRIES: &str = "SELECT a.account_id, a.balance, e.entry_id, e.type, e.amount, e.balance_after
    FROM accounts AS a LEFT JOIN entries AS e ON e.account_id = a.account_id
    ORDER BY a.account_id, e.entry_id";

/// One account on the way through its entries.
struct Walk {
    account_id: AccountId,
    balance: Credits,
    /// Σ add − Σ reserve + Σ refund so far. Wide, so that no planted amount can overflow it.
    sum: i128,
    balance_after: Credits,
}

/// Walks all accounts; how many there are.
pub(super) async fn walk(connection: &mut SqliteConnection, findings: &mut Findings) -> Result<u64, StoreError> {
    let mut rows = sqlx::query(ENTRIES).fetch(connection);
    let mut accounts = 0;
    let mut current: Option<Walk> = None;
    while let Some(row) = rows.try_next().await? {
        let columns = Columns(&row);
        let account_id = columns.parse("account_id")?;
        if current.as_ref().is_none_or(|walk| walk.account_id != account_id) {
            accounts += 1;
            let balance = Credits(columns.int("balance")?);
            let next = Walk { account_id, balance, sum: 0, balance_after: Credits::ZERO };
            if let Some(done) = current.replace(next) {
                done.end(findings);
            }
        }
        if let Some(walk) = &mut current {
            walk.step(&columns, findings)?;
        }
    }
    if let Some(done) = current {
        done.end(findings);
    }
    Ok(accounts)
}

impl Walk {
    fn step(&mut self, columns: &Columns<'_>, findings: &mut Findings) -> Result<(), StoreError> {
        let Some(entry_id) = columns.opt_int("entry_id")? else { return Ok(()) };
        let amount = i128::from(columns.int("amount")?);
        let delta = match columns.parse("type")? {
            EntryKind::Reserve => -amount,
            EntryKind::Charge => 0,
            EntryKind::Refund | EntryKind::Add => amount,
        };
        let balance_after = Credits(columns.int("balance_after")?);
        if i128::from(self.balance_after.0) + delta != i128::from(balance_after.0) {
            let Self { account_id, balance_after: before, .. } = self;
            findings.push(format!(
                "account {account_id}: entry {entry_id} leaves a balance of {balance_after}, which does not follow from \
                 {before}"
            ));
        }
        self.sum += delta;
        self.balance_after = balance_after;
        Ok(())
    }

    fn end(self, findings: &mut Findings) {
        let Self { account_id, balance, sum, balance_after } = self;
        if i128::from(balance.0) != sum {
            findings.push(format!(
                "account {account_id}: balance is {balance}, but adds less reserves plus refunds are {sum} thousandths"
            ));
        }
        if balance != balance_after {
            findings.push(format!(
                "account {account_id}: balance is {balance}, but its newest entry leaves {balance_after}"
            ));
        }
    }
}
