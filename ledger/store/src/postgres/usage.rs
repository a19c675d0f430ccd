//! What accounts used: requests as proxies report them, attempts and generations as the book has them.

use ledger_contract::{
    AccountId, MicroUsd, Timestamp,
    wire::{RequestCount, RequestCounts},
};
use sqlx::postgres::PgRow;

use super::{
    Postgres, commit,
    rows::{Columns, Time, column},
};
use crate::{
    error::StoreError,
    read::{EndpointUsage, ProviderUsage, Usage},
};

const HOUR_MS: i64 = 3_600_000;
/// Largest count one row of one report may add: far beyond an hour's traffic, and far from where sums overflow.
const MOST_REQUESTS: u64 = 1 << 32;

const REPORT: &str = "INSERT INTO request_count_reports (report_id, counted_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
// In the order of the key, since other processes count the same rows.
const COUNT: &str = "INSERT INTO request_counts (account_id, hour, endpoint, status, error_code, requests)
    SELECT account_id, hour, endpoint, status, error_code, sum(requests)
    FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::bigint[], $5::text[], $6::bigint[])
        AS n (account_id, hour, endpoint, status, error_code, requests)
    GROUP BY account_id, hour, endpoint, status, error_code
    ORDER BY account_id, hour, endpoint, status, error_code
    ON CONFLICT (account_id, hour, endpoint, status, error_code)
        DO UPDATE SET requests = request_counts.requests + excluded.requests";

const REQUESTS: &str = "SELECT endpoint, status, error_code, sum(requests)::bigint AS requests FROM request_counts
    WHERE account_id = $1 AND hour > $2 GROUP BY endpoint, status, error_code
    ORDER BY endpoint COLLATE \"C\", status, error_code COLLATE \"C\"";
// Every generation of a proxy has a first attempt, written in the same transaction, and attempts outlive deletion.
const ATTEMPTS: &str = "SELECT provider, outcome, count(*) AS attempts, sum(estimated_cost)::bigint AS estimated_cost,
        count(*) FILTER (WHERE attempt_order = 1) AS generations
    FROM attempts WHERE account_id = $1 AND submitted_at >= $2 GROUP BY provider, outcome
    ORDER BY provider COLLATE \"C\", outcome COLLATE \"C\"";

impl Postgres {
    pub(crate) async fn count_requests(&self, counts: &RequestCounts, now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        let report = sqlx::query(REPORT).bind(counts.report_id).bind(Time(now));
        if report.execute(&mut *transaction).await?.rows_affected() == 1 && !counts.rows.is_empty() {
            let rows = &counts.rows;
            sqlx::query(COUNT)
                .bind(column(rows, |row| row.account_id.0))
                .bind(column(rows, |row| Time(row.hour)))
                .bind(column(rows, |row| row.endpoint.as_str()))
                .bind(column(rows, |row| i64::from(row.status)))
                .bind(column(rows, |row| row.error_code.as_deref().unwrap_or_default()))
                .bind(column(rows, requests))
                .execute(&mut *transaction)
                .await?;
        }
        commit(transaction).await
    }

    pub(crate) async fn usage(&self, account_id: AccountId, since: Timestamp) -> Result<Usage, StoreError> {
        let mut transaction = self.read().await?;
        let query = sqlx::query(REQUESTS).bind(account_id.0).bind(Time(since.plus_ms(-HOUR_MS)));
        let requests = query.fetch_all(&mut *transaction).await?.iter().map(endpoint).collect::<Result<_, _>>()?;
        let query = sqlx::query(ATTEMPTS).bind(account_id.0).bind(Time(since));
        let mut usage = Usage { requests, ..Usage::default() };
        for row in query.fetch_all(&mut *transaction).await? {
            usage.attempts.push(provider(&row)?);
            usage.generations += Columns(&row).number::<u64>("generations")?;
        }
        Ok(usage)
    }
}

fn requests(row: &RequestCount) -> i64 {
    i64::try_from(row.requests.min(MOST_REQUESTS)).unwrap_or(i64::MAX)
}

fn endpoint(row: &PgRow) -> Result<EndpointUsage, StoreError> {
    let columns = Columns(row);
    Ok(EndpointUsage {
        endpoint: columns.text("endpoint")?,
        status: columns.number("status")?,
        error_code: Some(columns.text("error_code")?).filter(|code| !code.is_empty()),
        requests: columns.number("requests")?,
    })
}

fn provider(row: &PgRow) -> Result<ProviderUsage, StoreError> {
    let columns = Columns(row);
    Ok(ProviderUsage {
        provider: columns.parse("provider")?,
        outcome: columns.parse("outcome")?,
        attempts: columns.number("attempts")?,
        estimated_cost: MicroUsd(columns.int("estimated_cost")?),
    })
}
