//! Forgets what has had its time. Never touches entries, attempts or records.

use ledger_contract::{GenerationId, Timestamp};

use super::{
    Sqlite,
    rows::{Columns, json_text},
};
use crate::{error::StoreError, read::SweptOutputs};

const DAY_MS: i64 = 24 * 3_600_000;
/// A holder that was silent this long runs nothing any more; only a row is removed, never a generation.
const HOLDER_MEMORY_MS: i64 = 3_600_000;
/// Rows that one sweep removes per table, so that it never holds the write lock for long.
const SWEEP_ROWS: u32 = 10_000;

const EXPIRED_OUTPUTS: &str = "SELECT generation_id, outputs FROM generations
    WHERE outputs IS NOT NULL AND outputs_swept = 0 AND outputs_expire_at <= ?1
    ORDER BY outputs_expire_at LIMIT ?2";
const MARK_SWEPT: &str =
    "UPDATE generations SET outputs_swept = 1 WHERE generation_id IN (SELECT value FROM json_each(?1))";
const KEYS: &str = "DELETE FROM idempotency_keys WHERE rowid IN
    (SELECT rowid FROM idempotency_keys WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)";
const REPORTS: &str = "DELETE FROM request_count_reports WHERE rowid IN
    (SELECT rowid FROM request_count_reports WHERE counted_at <= ?1 LIMIT ?2)";
const LEASES: &str = "DELETE FROM leases WHERE rowid IN
    (SELECT rowid FROM leases WHERE expires_at <= ?1 LIMIT ?2)
    AND holder NOT IN (SELECT lease_holder FROM generations
        WHERE status IN ('pending', 'processing') AND lease_holder IS NOT NULL)";

impl Sqlite {
    pub(crate) async fn expired_outputs(&self, now: Timestamp, limit: u32) -> Result<Vec<SweptOutputs>, StoreError> {
        let rows = sqlx::query(EXPIRED_OUTPUTS).bind(now.0).bind(limit).fetch_all(&self.readers).await?;
        let swept = rows.iter().map(|row| {
            let columns = Columns(row);
            let generation_id = columns.parse("generation_id")?;
            Ok(SweptOutputs { generation_id, outputs: columns.json("outputs")? })
        });
        swept.collect()
    }

    pub(crate) async fn mark_swept(&self, generation_ids: &[GenerationId]) -> Result<(), StoreError> {
        if !generation_ids.is_empty() {
            sqlx::query(MARK_SWEPT).bind(json_text(generation_ids)?).execute(&self.writer).await?;
        }
        Ok(())
    }

    pub(crate) async fn sweep_keys(&self, now: Timestamp) -> Result<(), StoreError> {
        let ages = [(KEYS, 0), (REPORTS, DAY_MS), (LEASES, HOLDER_MEMORY_MS)];
        for (sql, age_ms) in ages {
            sqlx::query(sql).bind(now.plus_ms(-age_ms).0).bind(SWEEP_ROWS).execute(&self.writer).await?;
        }
        Ok(())
    }
}
