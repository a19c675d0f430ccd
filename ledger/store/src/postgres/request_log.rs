//! The request log, and the values a deployment draws once. Sees hashes of addresses only.

use ledger_contract::{
    AccountId, ApiKeyId, Plan, Timestamp,
    request_log::{LoggedRequest, RequestRow},
};

use super::{
    Postgres,
    rows::{Columns, Time, column},
};
use crate::error::StoreError;

/// Rows that one statement removes, so that it never holds locks for long.
const SWEEP_ROWS: i64 = 5_000;

const DRAW: &str = "INSERT INTO deployment (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING";
const DRAWN: &str = "SELECT value FROM deployment WHERE name = $1";
// A row said again changes nothing, and a deleted key gets no rows any more.
const KEEP: &str =
    "INSERT INTO request_log (account_id, at, request_id, apikey_id, key_name, key_prefix, method, endpoint,
        query, status, error_code, replayed, ip_hash, user_agent, duration_ms)
    SELECT n.* FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[],
        $8::text[], $9::text[], $10::bigint[], $11::text[], $12::boolean[], $13::text[], $14::text[], $15::bigint[])
        AS n (account_id, at, request_id, apikey_id, key_name, key_prefix, method, endpoint,
            query, status, error_code, replayed, ip_hash, user_agent, duration_ms)
    WHERE n.apikey_id IN (SELECT apikey_id FROM api_keys WHERE apikey_id = ANY ($4))
    ON CONFLICT DO NOTHING";
const PAGE: &str = "SELECT * FROM request_log WHERE account_id = $1 AND (at, request_id) < ($2, $3)
    ORDER BY at DESC, request_id DESC LIMIT $4";
const REMOVE_OLD: &str = "DELETE FROM request_log WHERE ctid = ANY (ARRAY(
    SELECT r.ctid FROM accounts AS a JOIN request_log AS r USING (account_id)
        WHERE a.plan = $1 AND r.at <= $2 LIMIT $3 FOR UPDATE OF r SKIP LOCKED))";
const REMOVE_OF_KEY: &str = "DELETE FROM request_log WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM request_log WHERE apikey_id = $1 LIMIT $2 FOR UPDATE SKIP LOCKED))";
const KEYLESS: &str = "SELECT DISTINCT apikey_id AS id FROM request_log AS r
    WHERE NOT EXISTS (SELECT 1 FROM api_keys AS k WHERE k.apikey_id = r.apikey_id) LIMIT $1";

impl Postgres {
    pub(crate) async fn deployment_value(&self, name: &str, fresh: &str) -> Result<String, StoreError> {
        sqlx::query(DRAW).bind(name).bind(fresh).execute(&self.pool).await?;
        let row = sqlx::query(DRAWN).bind(name).fetch_one(&self.pool).await?;
        Columns(&row).text("value")
    }

    pub(crate) async fn log_requests(&self, rows: &[(LoggedRequest, String)]) -> Result<(), StoreError> {
        let query = sqlx::query(KEEP)
            .bind(column(rows, |(row, _)| row.account_id.0))
            .bind(column(rows, |(row, _)| Time(row.at)))
            .bind(column(rows, |(row, _)| row.request_id.as_str()))
            .bind(column(rows, |(row, _)| row.apikey_id.0))
            .bind(column(rows, |(row, _)| row.key_name.as_str()))
            .bind(column(rows, |(row, _)| row.key_prefix.as_str()))
            .bind(column(rows, |(row, _)| row.method.as_ref()))
            .bind(column(rows, |(row, _)| row.endpoint.as_ref()))
            .bind(column(rows, |(row, _)| row.query.as_str()))
            .bind(column(rows, |(row, _)| i64::from(row.status)))
            .bind(column(rows, |(row, _)| row.error_code.as_deref().unwrap_or_default()))
            .bind(column(rows, |(row, _)| row.replayed))
            .bind(column(rows, |(_, ip_hash)| ip_hash.as_str()))
            .bind(column(rows, |(row, _)| row.user_agent.as_str()))
            .bind(column(rows, |(row, _)| i64::from(row.duration_ms)));
        query.execute(&self.pool).await?;
        Ok(())
    }

    pub(crate) async fn logged_requests(
        &self,
        account_id: AccountId,
        before: (Timestamp, &str),
        limit: u32,
    ) -> Result<Vec<RequestRow>, StoreError> {
        let query = sqlx::query(PAGE).bind(account_id.0).bind(Time(before.0)).bind(before.1).bind(i64::from(limit));
        query.fetch_all(&self.pool).await?.iter().map(|row| request_row(&Columns(row))).collect()
    }

    pub(crate) async fn sweep_request_log(&self, plan: Plan, until: Timestamp) -> Result<bool, StoreError> {
        let query = sqlx::query(REMOVE_OLD).bind(plan.as_str()).bind(Time(until)).bind(SWEEP_ROWS);
        Ok(query.execute(&self.pool).await?.rows_affected() == SWEEP_ROWS.unsigned_abs())
    }

    pub(crate) async fn forget_requests_of_key(&self, apikey_id: ApiKeyId) -> Result<bool, StoreError> {
        let query = sqlx::query(REMOVE_OF_KEY).bind(apikey_id.0).bind(SWEEP_ROWS);
        Ok(query.execute(&self.pool).await?.rows_affected() == SWEEP_ROWS.unsigned_abs())
    }

    pub(crate) async fn keyless_requests(&self, limit: u32) -> Result<Vec<ApiKeyId>, StoreError> {
        let rows = sqlx::query(KEYLESS).bind(i64::from(limit)).fetch_all(&self.pool).await?;
        rows.iter().map(|row| Columns(row).id("id")).collect()
    }
}

fn request_row(columns: &Columns<'_>) -> Result<RequestRow, StoreError> {
    Ok(RequestRow {
        request_id: columns.text("request_id")?,
        apikey_id: columns.id("apikey_id")?,
        key_name: columns.text("key_name")?,
        key_prefix: columns.text("key_prefix")?,
        method: columns.text("method")?,
        endpoint: columns.text("endpoint")?,
        query: columns.text("query")?,
        status: columns.number("status")?,
        error_code: Some(columns.text("error_code")?).filter(|code| !code.is_empty()),
        replayed: columns.flag("replayed")?,
        ip_hash: columns.text("ip_hash")?,
        user_agent: columns.text("user_agent")?,
        duration_ms: columns.number("duration_ms")?,
        at: columns.time("at")?,
    })
}
