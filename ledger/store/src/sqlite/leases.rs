//! Who runs which open generation, and what to do when that process is gone.
//!
//! A holder is gone when it has no lease row or the row ran out. `UPDATE` inside a write transaction stands for
//! `FOR UPDATE SKIP LOCKED`: there is one writer, so two takers never get the same generation.

use std::collections::BTreeSet;

use ledger_book::Generation;
use ledger_contract::{
    GenerationId, HolderId, Plan, Timestamp,
    generation::{EndedAttempt, OpenGeneration},
    wire::LEASE_MS,
};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{
    Sqlite, load,
    rows::{Columns, json_text},
};
use crate::{error::StoreError, store::OVERDUE_GRACE_MS};

const EXTEND: &str = "INSERT INTO leases (holder, expires_at)
    SELECT value ->> 0, value ->> 1 FROM json_each(?1) WHERE true
    ON CONFLICT (holder) DO UPDATE SET expires_at = max(expires_at, excluded.expires_at)";
const EXTEND_ALL: &str = "INSERT INTO leases (holder, expires_at)
    SELECT DISTINCT lease_holder, ?1 FROM generations
    WHERE status IN ('pending', 'processing') AND lease_holder IS NOT NULL
    ON CONFLICT (holder) DO UPDATE SET expires_at = max(expires_at, excluded.expires_at)";
const TAKE: &str = "UPDATE generations SET lease_holder = ?2
    WHERE generation_id IN (SELECT value FROM json_each(?1))";
const PLAN: &str = "SELECT plan FROM accounts WHERE account_id = ?1";
const COUNT: &str = "SELECT count(*) FROM generations WHERE status IN ('pending', 'processing')";

// ?1 now, ?2 limit. The three differ in what they look for only.
const GONE_PROCESSING: &str = "SELECT generation_id FROM generations AS g
    WHERE status IN ('pending', 'processing') AND status = 'processing'
        AND NOT EXISTS (SELECT 1 FROM leases WHERE holder = g.lease_holder AND expires_at > ?1)
    ORDER BY created_at, generation_id LIMIT ?2";
const GONE_PENDING: &str = "SELECT generation_id FROM generations AS g
    WHERE status IN ('pending', 'processing') AND status = 'pending'
        AND NOT EXISTS (SELECT 1 FROM leases WHERE holder = g.lease_holder AND expires_at > ?1)
    ORDER BY created_at, generation_id LIMIT ?2";
const GONE_OVERDUE: &str = "SELECT generation_id FROM generations AS g
    WHERE status IN ('pending', 'processing') AND deadline_at < ?1 - ?3
        AND NOT EXISTS (SELECT 1 FROM leases WHERE holder = g.lease_holder AND expires_at > ?1)
    ORDER BY created_at, generation_id LIMIT ?2";

impl Sqlite {
    pub(crate) async fn renew_lease(&self, holder: HolderId, expires_at: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        extend(&mut transaction, &[(holder, expires_at)]).await?;
        Ok(transaction.commit().await?)
    }

    pub(crate) async fn renew_all_leases(&self, expires_at: Timestamp) -> Result<(), StoreError> {
        sqlx::query(EXTEND_ALL).bind(expires_at.0).execute(&self.writer).await?;
        Ok(())
    }

    pub(crate) async fn take_leases(
        &self,
        holder: HolderId,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<OpenGeneration>, StoreError> {
        let mut transaction = self.write().await?;
        // First, so that nobody takes over what it runs itself.
        extend(&mut transaction, &[(holder, now.plus_ms(LEASE_MS))]).await?;
        let query = sqlx::query(GONE_PROCESSING).bind(now.0).bind(limit);
        let ids = generation_ids(&query.fetch_all(&mut *transaction).await?)?;
        let names = json_text(&ids)?;
        sqlx::query(TAKE).bind(names).bind(holder.to_string()).execute(&mut *transaction).await?;
        let taken = open(&mut transaction, &ids).await?;
        transaction.commit().await?;
        Ok(taken)
    }

    pub(crate) async fn abandoned(&self, limit: u32, now: Timestamp) -> Result<Vec<GenerationId>, StoreError> {
        let query = sqlx::query(GONE_PENDING).bind(now.0).bind(limit);
        generation_ids(&query.fetch_all(&self.readers).await?)
    }

    pub(crate) async fn overdue(&self, limit: u32, now: Timestamp) -> Result<Vec<GenerationId>, StoreError> {
        let query = sqlx::query(GONE_OVERDUE).bind(now.0).bind(limit).bind(OVERDUE_GRACE_MS);
        generation_ids(&query.fetch_all(&self.readers).await?)
    }

    pub(crate) async fn open_generation(
        &self,
        generation_id: GenerationId,
    ) -> Result<Option<OpenGeneration>, StoreError> {
        let mut transaction = self.read().await?;
        Ok(open(&mut transaction, &[generation_id]).await?.pop())
    }

    pub(crate) async fn open_generations(&self) -> Result<u64, StoreError> {
        let row = sqlx::query(COUNT).fetch_one(&self.readers).await?;
        Ok(u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default())
    }
}

/// These holders live until these times at least.
pub(super) async fn extend(
    connection: &mut SqliteConnection,
    holders: &[(HolderId, Timestamp)],
) -> Result<(), StoreError> {
    if !holders.is_empty() {
        sqlx::query(EXTEND).bind(json_text(holders)?).execute(connection).await?;
    }
    Ok(())
}

fn generation_ids(rows: &[SqliteRow]) -> Result<Vec<GenerationId>, StoreError> {
    rows.iter().map(|row| Columns(row).parse("generation_id")).collect()
}

/// Those of these generations that are open, in this order.
async fn open(connection: &mut SqliteConnection, ids: &[GenerationId]) -> Result<Vec<OpenGeneration>, StoreError> {
    let wanted: BTreeSet<_> = ids.iter().copied().collect();
    let mut found = load::generations(connection, &wanted).await?;
    let mut generations = Vec::new();
    for generation in ids.iter().filter_map(|id| found.remove(id)) {
        let row = sqlx::query(PLAN).bind(generation.account_id.to_string()).fetch_one(&mut *connection).await?;
        generations.extend(resumable(&generation, Columns(&row).parse("plan")?));
    }
    Ok(generations)
}

fn resumable(generation: &Generation, plan: Plan) -> Option<OpenGeneration> {
    let record = generation.record.as_ref().filter(|_| !generation.status.is_terminal())?;
    let ended = generation.attempts.iter().filter(|attempt| !attempt.is_open()).map(|attempt| EndedAttempt {
        attempt_order: attempt.attempt_order,
        provider: attempt.start.provider,
        error: attempt.error.clone(),
        in_doubt: attempt.in_doubt,
    });
    Some(OpenGeneration {
        generation_id: generation.generation_id,
        account_id: generation.account_id,
        plan,
        model: generation.model.clone(),
        kind: record.kind,
        request: record.request.clone(),
        provider_order: record.provider_order.clone(),
        status: generation.status,
        created_at: record.created_at,
        deadline_at: record.deadline_at,
        ended: ended.collect(),
        open: generation.open_attempt().map(ledger_book::Attempt::to_open),
    })
}
