//! The request log, and the values a deployment draws once. Sees hashes of addresses only.

use ledger_contract::{
    AccountId, ApiKeyId, Plan, Timestamp,
    request_log::{LoggedRequest, RequestRow},
};
use serde_json::{Value, json};

use super::{
    Sqlite,
    rows::{Columns, json_text},
};
use crate::error::StoreError;

/// Rows that one statement removes, so that it never holds the write lock for long.
const SWEEP_ROWS: u32 = 5_000;

const DRAW: &str = "INSERT INTO deployment (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
const DRAWN: &str = "SELECT value FROM deployment WHERE name = ?1";
// A row said again changes nothing, and a deleted key gets no rows any more.
const KEEP: &str = "INSERT INTO request_log (account_id, at, request_id, apikey_id, key_name, key_prefix, method, endpoint,
        query, status, error_code, replayed, ip_hash, user_agent, duration_ms)
    SELECT value ->> 'account_id', value ->> 'at', value ->> 'request_id', value ->> 'apikey_id', value ->> 'key_name',
        value ->> 'key_prefix', value ->> 'method', value ->> 'endpoint', value ->> 'query', value ->> 'status',
        value ->> 'error_code', value ->> 'replayed', value ->> 'ip_hash', value ->> 'user_agent', value ->> 'duration_ms'
    FROM json_each(?1) WHERE (value ->> 'apikey_id') IN (SELECT apikey_id FROM api_keys)
    ON CONFLICT DO NOTHING";
const PAGE: &str = "SELECT * FROM request_log WHERE account_id = ?1 AND (at, request_id) < (?2, ?3)
    ORDER BY at DESC, request_id DESC LIMIT ?4";
const REMOVE_OLD: &str = "DELETE FROM request_log WHERE (account_id, at, request_id) IN
    (SELECT r.account_id, r.at, r.request_id FROM accounts AS a CROSS JOIN request_log AS r USING (account_id)
        WHERE a.plan = ?1 AND r.at <= ?2 LIMIT ?3)";
const REMOVE_OF_KEY: &str = "DELETE FROM request_log WHERE (account_id, at, request_id) IN
    (SELECT account_id, at, request_id FROM request_log WHERE apikey_id = ?1 LIMIT ?2)";
const KEYLESS: &str = "SELECT id FROM (SELECT DISTINCT apikey_id AS id FROM request_log)
    WHERE id NOT IN (SELECT apikey_id FROM api_keys) LIMIT ?1";

impl Sqlite {
    pub(crate) async fn deployment_value(&self, name: &str, fresh: &str) -> Result<String, StoreError> {
        let mut transaction = self.write().await?;
        sqlx::query(DRAW).bind(name).bind(fresh).execute(&mut *transaction).await?;
        let row = sqlx::query(DRAWN).bind(name).fetch_one(&mut *transaction).await?;
        transaction.commit().await?;
        Columns(&row).text("value")
    }

    pub(crate) async fn log_requests(&self, rows: &[(LoggedRequest, String)]) -> Result<(), StoreError> {
        let rows: Vec<_> = rows.iter().map(|(row, ip_hash)| columns_of(row, ip_hash)).collect();
        sqlx::query(KEEP).bind(json_text(&rows)?).execute(&self.writer).await?;
        Ok(())
    }

    pub(crate) async fn logged_requests(
        &self,
        account_id: AccountId,
        before: (Timestamp, &str),
        limit: u32,
    ) -> Result<Vec<RequestRow>, StoreError> {
        let query = sqlx::query(PAGE).bind(account_id.to_string()).bind(before.0.0).bind(before.1).bind(limit);
        query.fetch_all(&self.readers).await?.iter().map(|row| request_row(&Columns(row))).collect()
    }

    pub(crate) async fn sweep_request_log(&self, plan: Plan, until: Timestamp) -> Result<bool, StoreError> {
        let query = sqlx::query(REMOVE_OLD).bind(plan.as_str()).bind(until.0).bind(SWEEP_ROWS);
        Ok(query.execute(&self.writer).await?.rows_affected() == u64::from(SWEEP_ROWS))
    }

    pub(crate) async fn forget_requests_of_key(&self, apikey_id: ApiKeyId) -> Result<bool, StoreError> {
        let query = sqlx::query(REMOVE_OF_KEY).bind(apikey_id.to_string()).bind(SWEEP_ROWS);
        Ok(query.execute(&self.writer).await?.rows_affected() == u64::from(SWEEP_ROWS))
    }

    pub(crate) async fn keyless_requests(&self, limit: u32) -> Result<Vec<ApiKeyId>, StoreError> {
        let rows = sqlx::query(KEYLESS).bind(limit).fetch_all(&self.readers).await?;
        rows.iter().map(|row| Columns(row).parse("id")).collect()
    }
}

fn columns_of(row: &LoggedRequest, ip_hash: &str) -> Value {
    json!({
        "account_id": row.account_id,
        "at": row.at,
        "request_id": row.request_id,
        "apikey_id": row.apikey_id,
        "key_name": row.key_name,
        "key_prefix": row.key_prefix,
        "method": row.method,
        "endpoint": row.endpoint,
        "query": row.query,
        "status": row.status,
        "error_code": row.error_code.as_deref().unwrap_or_default(),
        "replayed": i64::from(row.replayed),
        "ip_hash": ip_hash,
        "user_agent": row.user_agent,
        "duration_ms": row.duration_ms,
    })
}

fn request_row(columns: &Columns<'_>) -> Result<RequestRow, StoreError> {
    Ok(RequestRow {
        request_id: columns.text("request_id")?,
        apikey_id: columns.parse("apikey_id")?,
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
