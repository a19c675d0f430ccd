//! Who runs which open generation, and what to do when that process is gone.
//!
//! A holder is gone when it has no lease row or the row ran out. Two takers never get the same generation: each skips
//! what the other has locked.

use std::collections::{BTreeMap, BTreeSet};

use ledger_book::Generation;
use ledger_contract::{
    GenerationId, HolderId, Plan, Timestamp,
    generation::{EndedAttempt, OpenGeneration},
    wire::LEASE_MS,
};
use sqlx::{PgConnection, postgres::PgRow};

use super::{
    Postgres, commit, load,
    rows::{Columns, Time},
};
use crate::{error::StoreError, store::OVERDUE_GRACE_MS};

// In the order of the holders: see the parent's docs.
const EXTEND: &str = "INSERT INTO leases (holder, expires_at)
    SELECT * FROM unnest($1::uuid[], $2::timestamptz[]) AS n (holder, expires_at) ORDER BY holder
    ON CONFLICT (holder) DO UPDATE SET expires_at = greatest(leases.expires_at, excluded.expires_at)";
const EXTEND_ALL: &str = "INSERT INTO leases (holder, expires_at)
    SELECT DISTINCT lease_holder, $1::timestamptz FROM generations
    WHERE status IN ('pending', 'processing') AND lease_holder IS NOT NULL ORDER BY lease_holder
    ON CONFLICT (holder) DO UPDATE SET expires_at = greatest(leases.expires_at, excluded.expires_at)";
const TAKE: &str = "UPDATE generations SET lease_holder = $3
    WHERE generation_id IN (SELECT generation_id FROM generations AS g
        WHERE status IN ('pending', 'processing') AND status = 'processing'
            AND NOT EXISTS (SELECT 1 FROM leases WHERE holder = g.lease_holder AND expires_at > $1)
        ORDER BY created_at, generation_id LIMIT $2 FOR UPDATE SKIP LOCKED)
    RETURNING generation_id, created_at";
const PLAN: &str = "SELECT plan FROM accounts WHERE account_id = $1";
const COUNT: &str = "SELECT count(*) FROM generations WHERE status IN ('pending', 'processing')";

// $1 now, $2 limit.
const GONE_PENDING: &str = "SELECT generation_id FROM generations AS g
    WHERE status IN ('pending', 'processing') AND status = 'pending'
        AND NOT EXISTS (SELECT 1 FROM leases WHERE holder = g.lease_holder AND expires_at > $1)
    ORDER BY created_at, generation_id LIMIT $2";
const GONE_OVERDUE: &str = "SELECT generation_id FROM generations AS g
    WHERE status IN ('pending', 'processing') AND deadline_at < $3
        AND NOT EXISTS (SELECT 1 FROM leases WHERE holder = g.lease_holder AND expires_at > $1)
    ORDER BY created_at, generation_id LIMIT $2";

impl Postgres {
    pub(crate) async fn renew_lease(&self, holder: HolderId, expires_at: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        extend(&mut transaction, &BTreeMap::from([(holder, expires_at)])).await?;
        commit(transaction).await
    }

    pub(crate) async fn renew_all_leases(&self, expires_at: Timestamp) -> Result<(), StoreError> {
        sqlx::query(EXTEND_ALL).bind(Time(expires_at)).execute(&self.pool).await?;
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
        extend(&mut transaction, &BTreeMap::from([(holder, now.plus_ms(LEASE_MS))])).await?;
        let query = sqlx::query(TAKE).bind(Time(now)).bind(i64::from(limit)).bind(holder.0);
        let mut taken = Vec::new();
        for row in query.fetch_all(&mut *transaction).await? {
            let columns = Columns(&row);
            taken.push((columns.time("created_at")?, columns.id::<GenerationId>("generation_id")?));
        }
        taken.sort_unstable();
        let ids: Vec<_> = taken.into_iter().map(|(_, generation_id)| generation_id).collect();
        let taken = open(&mut transaction, &ids).await?;
        commit(transaction).await?;
        Ok(taken)
    }

    pub(crate) async fn abandoned(&self, limit: u32, now: Timestamp) -> Result<Vec<GenerationId>, StoreError> {
        let query = sqlx::query(GONE_PENDING).bind(Time(now)).bind(i64::from(limit));
        generation_ids(&query.fetch_all(&self.pool).await?)
    }

    pub(crate) async fn overdue(&self, limit: u32, now: Timestamp) -> Result<Vec<GenerationId>, StoreError> {
        let before = Time(now.plus_ms(-OVERDUE_GRACE_MS));
        let query = sqlx::query(GONE_OVERDUE).bind(Time(now)).bind(i64::from(limit)).bind(before);
        generation_ids(&query.fetch_all(&self.pool).await?)
    }

    pub(crate) async fn open_generation(
        &self,
        generation_id: GenerationId,
    ) -> Result<Option<OpenGeneration>, StoreError> {
        let mut transaction = self.read().await?;
        Ok(open(&mut transaction, &[generation_id]).await?.pop())
    }

    pub(crate) async fn open_generations(&self) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar(COUNT).fetch_one(&self.pool).await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }
}

/// These holders live until these times at least.
pub(super) async fn extend(
    connection: &mut PgConnection,
    holders: &BTreeMap<HolderId, Timestamp>,
) -> Result<(), StoreError> {
    if !holders.is_empty() {
        let names: Vec<_> = holders.keys().map(|holder| holder.0).collect();
        let times: Vec<_> = holders.values().map(|time| Time(*time)).collect();
        sqlx::query(EXTEND).bind(names).bind(times).execute(connection).await?;
    }
    Ok(())
}

fn generation_ids(rows: &[PgRow]) -> Result<Vec<GenerationId>, StoreError> {
    rows.iter().map(|row| Columns(row).id("generation_id")).collect()
}

/// Those of these generations that are open, in this order.
async fn open(connection: &mut PgConnection, ids: &[GenerationId]) -> Result<Vec<OpenGeneration>, StoreError> {
    let wanted: BTreeSet<_> = ids.iter().copied().collect();
    let mut found = load::generations(connection, &wanted).await?;
    let mut generations = Vec::new();
    for generation in ids.iter().filter_map(|id| found.remove(id)) {
        let row = sqlx::query(PLAN).bind(generation.account_id.0).fetch_one(&mut *connection).await?;
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
