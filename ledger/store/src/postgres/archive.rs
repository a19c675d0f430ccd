//! Takes old entries out of the database behind a checkpoint (product requirements R6). Files are the caller's to write,
//! before [`Postgres::archive`]: an orphan file is harmless, an entry that is nowhere is not.

use ledger_contract::{
    AccountId, Plan, Timestamp,
    wire::{ChainEnds, ChainPlace, ChainRow},
};
use sqlx::{PgConnection, types::Uuid};

use super::{
    Postgres, accounts, chain, commit,
    rows::{Columns, Time, column},
};
use crate::{error::StoreError, read::ArchivePlan};

const ACCOUNTS: &str = "SELECT a.account_id
    FROM unnest($1::text[], $2::timestamptz[]) AS n (plan, cutoff) JOIN accounts AS a USING (plan)
    WHERE a.account_id > $3 AND (SELECT created_at FROM entries AS e WHERE e.account_id = a.account_id
        ORDER BY e.seq LIMIT 1) < n.cutoff
    ORDER BY a.account_id LIMIT $4";
const PLAN: &str = "SELECT plan FROM accounts WHERE account_id = $1";
const FIRST_OPEN: &str = "SELECT min(e.seq) FROM generations AS g JOIN entries AS e
    ON e.generation_id = g.generation_id AND e.type = 'reserve'
    WHERE g.account_id = $1 AND g.status IN ('pending', 'processing')";

const CHECKPOINT: &str = "INSERT INTO checkpoints (account_id, seq, balance, hash, entry_at, file, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
const GENERATIONS: &str = "INSERT INTO archived_generations (generation_id, account_id, amount, ended)
    SELECT r.generation_id, r.account_id, r.amount, e.type FROM entries AS r JOIN entries AS e
        ON e.generation_id = r.generation_id AND e.type IN ('charge', 'refund')
    WHERE r.account_id = $1 AND r.seq <= $2 AND r.type = 'reserve'";
const ADDS: &str = "INSERT INTO archived_adds (account_id, add_key, amount)
    SELECT account_id, add_key, amount FROM entries WHERE account_id = $1 AND seq <= $2 AND type = 'add'";
const BUDGETS: &str = "UPDATE budgets SET archived = archived + (SELECT coalesce(sum(r.amount), 0)::bigint
        FROM entries AS r JOIN archived_generations AS g ON g.generation_id = r.generation_id
        WHERE r.account_id = $1 AND r.seq <= $2 AND r.type = 'reserve' AND r.created_at >= budgets.window_starts_at
            AND g.ended = 'charge' AND (budgets.holder = 'account'
                OR r.apikey_id IN (SELECT apikey_id FROM budget_keys AS k WHERE k.budget_id = budgets.budget_id)))
    WHERE account_id = $1";
const ENTRIES: &str = "DELETE FROM entries WHERE account_id = $1 AND seq <= $2";

impl Postgres {
    pub(crate) async fn archivable(
        &self,
        after: Option<AccountId>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<AccountId>, StoreError> {
        let plans = column(Plan::ALL, |plan| plan.as_str());
        let cutoffs = column(Plan::ALL, |plan| Time(cutoff(*plan, now)));
        let after = after.map_or(Uuid::nil(), |id| id.0);
        let query = sqlx::query(ACCOUNTS).bind(plans).bind(cutoffs).bind(after).bind(i64::from(limit));
        query.fetch_all(&self.pool).await?.iter().map(|row| Columns(row).id("account_id")).collect()
    }

    pub(crate) async fn archive_plan(
        &self,
        account_id: AccountId,
        limit: u32,
        now: Timestamp,
    ) -> Result<Option<ArchivePlan>, StoreError> {
        let mut transaction = self.read().await?;
        let Some(ChainEnds { opening, .. }) = chain::ends(&mut transaction, account_id).await? else {
            return Ok(None);
        };
        let plan = sqlx::query(PLAN).bind(account_id.0).fetch_one(&mut *transaction).await?;
        let before = cutoff(Columns(&plan).parse("plan")?, now);
        let open = first_open(&mut transaction, account_id).await?;
        let mut rows = chain::rows(&mut transaction, account_id, opening.seq, limit).await?;
        let stays = |row: &ChainRow| row.created_at >= before || open.is_some_and(|open| row.seq >= open);
        rows.truncate(rows.iter().position(stays).unwrap_or(rows.len()));
        Ok(rows.last().map(place_of).map(|checkpoint| ArchivePlan { opening, rows, checkpoint }))
    }

    pub(crate) async fn archive(&self, plan: &ArchivePlan, file: &str, now: Timestamp) -> Result<bool, StoreError> {
        let ArchivePlan { opening, checkpoint, .. } = plan;
        let mut transaction = self.write().await?;
        accounts::lock(&mut transaction, checkpoint.account_id).await?;
        let ends = chain::ends(&mut transaction, checkpoint.account_id).await?;
        let open = first_open(&mut transaction, checkpoint.account_id).await?;
        let moved = ends.is_none_or(|ends| ends.opening != *opening) || open.is_some_and(|open| open <= checkpoint.seq);
        if moved {
            return Ok(false);
        }
        put_checkpoint(&mut transaction, checkpoint, file, now).await?;
        let seq = i64::try_from(checkpoint.seq).unwrap_or(i64::MAX);
        for sql in [GENERATIONS, ADDS, BUDGETS, ENTRIES] {
            let query = sqlx::query(sql).bind(checkpoint.account_id.0).bind(seq);
            query.execute(&mut *transaction).await?;
        }
        commit(transaction).await?;
        Ok(true)
    }
}

/// Entries before this may go. What the current month holds stays, so that a budget can always be counted from it.
fn cutoff(plan: Plan, now: Timestamp) -> Timestamp {
    now.plus_ms(-plan.limits().ledger_retention_ms).min(now.month_start())
}

/// An open generation is never archived, nor what follows its reserve: the archive is a beginning of the chain.
async fn first_open(connection: &mut PgConnection, account_id: AccountId) -> Result<Option<u64>, StoreError> {
    let seq: Option<i64> = sqlx::query_scalar(FIRST_OPEN).bind(account_id.0).fetch_one(connection).await?;
    Ok(seq.and_then(|seq| u64::try_from(seq).ok()))
}

fn place_of(row: &ChainRow) -> ChainPlace {
    let ChainRow { account_id, seq, balance_after, hash, created_at, .. } = row;
    ChainPlace { account_id: *account_id, seq: *seq, balance: *balance_after, hash: *hash, at: *created_at }
}

async fn put_checkpoint(
    connection: &mut PgConnection,
    checkpoint: &ChainPlace,
    file: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(CHECKPOINT)
        .bind(checkpoint.account_id.0)
        .bind(i64::try_from(checkpoint.seq).unwrap_or(i64::MAX))
        .bind(checkpoint.balance.0)
        .bind(checkpoint.hash.0.as_slice())
        .bind(Time(checkpoint.at))
        .bind(file)
        .bind(Time(now))
        .execute(connection)
        .await?;
    Ok(())
}
