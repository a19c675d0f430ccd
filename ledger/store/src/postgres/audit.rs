//! Proves the book: every invariant, in one read transaction, row by row in bounded memory. Repairs nothing.

mod chain;

use futures::TryStreamExt as _;
use ledger_contract::wire::AuditReport;
use sqlx::{PgConnection, Row};

use super::Postgres;
use crate::{
    audit::{Findings, checks},
    error::StoreError,
};

const GENERATIONS: &str = "SELECT count(*) FROM generations";
const ENTRIES: &str = "SELECT count(*) FROM entries";

impl Postgres {
    pub(crate) async fn audit(&self) -> Result<AuditReport, StoreError> {
        let mut transaction = self.read().await?;
        let mut findings = Findings::default();
        let accounts = chain::walk(&mut transaction, &mut findings).await?;
        for sql in checks::ALL {
            check(&mut transaction, sql, &mut findings).await?;
        }
        let generations = count(&mut transaction, GENERATIONS).await?;
        let entries = count(&mut transaction, ENTRIES).await?;
        Ok(AuditReport { accounts, generations, entries, violations: findings.into_lines() })
    }
}

/// Every row of a check is a violation, in its one column.
async fn check(connection: &mut PgConnection, sql: &'static str, findings: &mut Findings) -> Result<(), StoreError> {
    let mut rows = sqlx::query(sql).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        findings.push(row.try_get(0)?);
        if findings.is_cut() {
            break;
        }
    }
    Ok(())
}

async fn count(connection: &mut PgConnection, sql: &'static str) -> Result<u64, StoreError> {
    let row = sqlx::query(sql).fetch_one(connection).await?;
    Ok(u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default())
}
