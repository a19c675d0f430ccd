//! Forgets what has had its time. Never touches entries, attempts or records. What is locked now waits for the next
//! sweep: a sweep never waits, so it never waits in a circle.

use ledger_contract::{GenerationId, Timestamp};

use super::{
    Postgres,
    rows::{Columns, Time, column},
};
use crate::{error::StoreError, read::SweptOutputs};

const DAY_MS: i64 = 24 * 3_600_000;
/// A holder that was silent this long runs nothing any more; only a row is removed, never a generation.
const HOLDER_MEMORY_MS: i64 = 3_600_000;
/// Rows that one sweep removes per table, so that it never holds locks for long.
const SWEEP_ROWS: i64 = 10_000;

const EXPIRED_OUTPUTS: &str = "SELECT generation_id, outputs FROM generations
    WHERE outputs IS NOT NULL AND NOT outputs_swept AND outputs_expire_at <= $1
    ORDER BY outputs_expire_at LIMIT $2";
const MARK_SWEPT: &str = "UPDATE generations SET outputs_swept = true WHERE generation_id IN
    (SELECT generation_id FROM generations WHERE generation_id = ANY ($1) FOR NO KEY UPDATE SKIP LOCKED)";
const KEYS: &str = "DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(SELECT ctid FROM idempotency_keys
    WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))";
const REPORTS: &str = "DELETE FROM request_count_reports WHERE ctid = ANY (ARRAY(SELECT ctid FROM request_count_reports
    WHERE counted_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED))";
const LEASES: &str = "DELETE FROM leases WHERE ctid = ANY (ARRAY(SELECT ctid FROM leases
        WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED))
    AND NOT EXISTS (SELECT 1 FROM generations AS g
        WHERE g.status IN ('pending', 'processing') AND g.lease_holder = leases.holder)";

impl Postgres {
    pub(crate) async fn expired_outputs(&self, now: Timestamp, limit: u32) -> Result<Vec<SweptOutputs>, StoreError> {
        let rows = sqlx::query(EXPIRED_OUTPUTS).bind(Time(now)).bind(i64::from(limit)).fetch_all(&self.pool).await?;
        let swept = rows.iter().map(|row| {
            let columns = Columns(row);
            let generation_id = columns.id("generation_id")?;
            Ok(SweptOutputs { generation_id, outputs: columns.json("outputs")? })
        });
        swept.collect()
    }

    pub(crate) async fn mark_swept(&self, generation_ids: &[GenerationId]) -> Result<(), StoreError> {
        if !generation_ids.is_empty() {
            sqlx::query(MARK_SWEPT).bind(column(generation_ids, |id| id.0)).execute(&self.pool).await?;
        }
        Ok(())
    }

    pub(crate) async fn sweep_keys(&self, now: Timestamp) -> Result<(), StoreError> {
        let ages = [(KEYS, 0), (REPORTS, DAY_MS), (LEASES, HOLDER_MEMORY_MS)];
        for (sql, age_ms) in ages {
            sqlx::query(sql).bind(Time(now.plus_ms(-age_ms))).bind(SWEEP_ROWS).execute(&self.pool).await?;
        }
        Ok(())
    }
}
