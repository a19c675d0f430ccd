//! What accounts used: requests as proxies report them, attempts and generations as the book has them.

use ledger_contract::{AccountId, MicroUsd, Timestamp, wire::RequestCount, wire::RequestCounts};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteRow;

use super::{
    Sqlite,
    rows::{Columns, json_text},
};
use crate::{
    error::StoreError,
    read::{EndpointUsage, ProviderUsage, Usage},
};

const HOUR_MS: i64 = 3_600_000;
/// Largest count one row of one report may add: far beyond an hour's traffic, and far from where sums overflow.
const MOST_REQUESTS: u64 = 1 << 32;

const REPORT: &str = "INSERT INTO request_count_reports (report_id, counted_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
const COUNT: &str = "INSERT INTO request_counts (account_id, hour, endpoint, status, error_code, requests)
    SELECT value ->> 'account_id', value ->> 'hour', value ->> 'endpoint', value ->> 'status',
        value ->> 'error_code', value ->> 'requests'
    FROM json_each(?1) WHERE true
    ON CONFLICT DO UPDATE SET requests = requests + excluded.requests";

const REQUESTS: &str = "SELECT endpoint, status, error_code, sum(requests) AS requests FROM request_counts
    WHERE account_id = ?1 AND hour > ?2 GROUP BY endpoint, status, error_code ORDER BY endpoint, status, error_code";
// Every generation has a first attempt, written in the same transaction, and attempts outlive deletion.
const ATTEMPTS: &str = "SELECT provider, outcome, count(*) AS attempts, sum(estimated_cost) AS estimated_cost,
        count(*) FILTER (WHERE attempt_order = 1) AS generations
    FROM attempts WHERE account_id = ?1 AND submitted_at >= ?2 GROUP BY provider, outcome ORDER BY provider, outcome";

impl Sqlite {
    pub(crate) async fn count_requests(&self, counts: &RequestCounts, now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        let report = sqlx::query(REPORT).bind(counts.report_id.hyphenated().to_string()).bind(now.0);
        if report.execute(&mut *transaction).await?.rows_affected() == 1 && !counts.rows.is_empty() {
            let rows: Vec<_> = counts.rows.iter().map(row).collect();
            sqlx::query(COUNT).bind(json_text(&rows)?).execute(&mut *transaction).await?;
        }
        Ok(transaction.commit().await?)
    }

    pub(crate) async fn usage(&self, account_id: AccountId, since: Timestamp) -> Result<Usage, StoreError> {
        let mut transaction = self.read().await?;
        let query = sqlx::query(REQUESTS).bind(account_id.to_string()).bind(since.plus_ms(-HOUR_MS).0);
        let requests = query.fetch_all(&mut *transaction).await?.iter().map(endpoint).collect::<Result<_, _>>()?;
        let query = sqlx::query(ATTEMPTS).bind(account_id.to_string()).bind(since.0);
        let mut usage = Usage { requests, ..Usage::default() };
        for row in query.fetch_all(&mut *transaction).await? {
            usage.attempts.push(provider(&row)?);
            usage.generations += Columns(&row).number::<u64>("generations")?;
        }
        Ok(usage)
    }
}

fn row(count: &RequestCount) -> Value {
    json!({
        "account_id": count.account_id,
        "hour": count.hour,
        "endpoint": count.endpoint,
        "status": count.status,
        "error_code": count.error_code.as_deref().unwrap_or_default(),
        "requests": count.requests.min(MOST_REQUESTS),
    })
}

fn endpoint(row: &SqliteRow) -> Result<EndpointUsage, StoreError> {
    let columns = Columns(row);
    Ok(EndpointUsage {
        endpoint: columns.text("endpoint")?,
        status: columns.number("status")?,
        error_code: Some(columns.text("error_code")?).filter(|code| !code.is_empty()),
        requests: columns.number("requests")?,
    })
}

fn provider(row: &SqliteRow) -> Result<ProviderUsage, StoreError> {
    let columns = Columns(row);
    Ok(ProviderUsage {
        provider: columns.parse("provider")?,
        outcome: columns.parse("outcome")?,
        attempts: columns.number("attempts")?,
        estimated_cost: MicroUsd(columns.int("estimated_cost")?),
    })
}
