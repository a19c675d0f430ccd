//! Records, entries and replays, as the read routes show them.

use ledger_contract::{
    AccountId, Credits, GenerationId, GenerationStatus, Timestamp, command::Claim, wire::LedgerEntry,
    wire::ReplayAnswer,
};
use sqlx::Row;

use super::{Sqlite, load, rows::Columns};
use crate::{
    error::StoreError,
    read::{GenerationPage, GenerationRow},
};

const ONE: &str = "SELECT * FROM generations WHERE generation_id = ?1 AND account_id = ?2";
const PAGE: &str = "SELECT * FROM generations WHERE account_id = ?1
    ORDER BY created_at DESC, generation_id DESC LIMIT ?2 OFFSET ?3";
const TOTAL: &str = "SELECT generations_total FROM accounts WHERE account_id = ?1";
const REPLAY: &str = "SELECT k.*, g.status FROM idempotency_keys AS k LEFT JOIN generations AS g USING (generation_id)
    WHERE k.account_id = ?1 AND k.key = ?2";
const ENTRIES: &str = "SELECT * FROM entries WHERE account_id = ?1 ORDER BY seq DESC LIMIT ?2 OFFSET ?3";

impl Sqlite {
    pub(crate) async fn generation(
        &self,
        account_id: AccountId,
        generation_id: GenerationId,
    ) -> Result<Option<GenerationRow>, StoreError> {
        let query = sqlx::query(ONE).bind(generation_id.to_string()).bind(account_id.to_string());
        let row = query.fetch_optional(&self.readers).await?;
        row.map(|row| generation(&Columns(&row))).transpose()
    }

    pub(crate) async fn generations(
        &self,
        account_id: AccountId,
        limit: u32,
        offset: u64,
    ) -> Result<GenerationPage, StoreError> {
        let mut transaction = self.read().await?;
        let total = sqlx::query(TOTAL).bind(account_id.to_string()).fetch_optional(&mut *transaction).await?;
        let total = total.map(|row| row.try_get::<i64, _>(0)).transpose()?.unwrap_or_default();
        let query = sqlx::query(PAGE).bind(account_id.to_string()).bind(limit).bind(position(offset));
        let rows = query.fetch_all(&mut *transaction).await?;
        let generations = rows.iter().map(|row| generation(&Columns(row))).collect::<Result<_, _>>()?;
        Ok(GenerationPage { generations, total: u64::try_from(total).unwrap_or_default() })
    }

    pub(crate) async fn find_replay(
        &self,
        account_id: AccountId,
        claim: &Claim,
        now: Timestamp,
    ) -> Result<ReplayAnswer, StoreError> {
        let query = sqlx::query(REPLAY).bind(account_id.to_string()).bind(&claim.key);
        let Some(row) = query.fetch_optional(&self.readers).await? else { return Ok(ReplayAnswer::Unknown) };
        let status: Option<GenerationStatus> = Columns(&row).opt_parse("status")?;
        Ok(ledger_book::replay(Some(&load::claim(&Columns(&row))?), claim, status, now))
    }

    pub(crate) async fn entries(
        &self,
        account_id: AccountId,
        limit: u32,
        offset: u64,
    ) -> Result<Vec<LedgerEntry>, StoreError> {
        let query = sqlx::query(ENTRIES).bind(account_id.to_string()).bind(limit).bind(position(offset));
        query.fetch_all(&self.readers).await?.iter().map(|row| entry(&Columns(row))).collect()
    }
}

/// No table is longer than `SQLite` can count.
fn position(offset: u64) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX)
}

fn generation(columns: &Columns<'_>) -> Result<GenerationRow, StoreError> {
    Ok(GenerationRow {
        generation_id: columns.parse("generation_id")?,
        account_id: columns.parse("account_id")?,
        apikey_id: columns.parse("apikey_id")?,
        model: columns.text("model")?,
        kind: columns.parse("kind")?,
        request: columns.json("request")?,
        provider_order: columns.json("provider_order")?,
        amount: Credits(columns.int("amount")?),
        status: columns.parse("status")?,
        prediction_id: columns.opt_text("prediction_id")?,
        provider_used: columns.opt_parse("provider_used")?,
        error_code: columns.opt_name("error_code")?,
        error_message: columns.opt_text("error_message")?,
        outputs: columns.opt_json("outputs")?,
        outputs_expire_at: columns.opt_time("outputs_expire_at")?,
        outputs_swept: columns.flag("outputs_swept")?,
        predict_time_ms: columns.opt_int("predict_time_ms")?,
        created_at: columns.time("created_at")?,
        started_at: columns.opt_time("started_at")?,
        completed_at: columns.opt_time("completed_at")?,
        deadline_at: columns.time("deadline_at")?,
    })
}

fn entry(columns: &Columns<'_>) -> Result<LedgerEntry, StoreError> {
    Ok(LedgerEntry {
        entry_id: columns.int("entry_id")?,
        account_id: columns.parse("account_id")?,
        kind: columns.parse("type")?,
        amount: Credits(columns.int("amount")?),
        balance_after: Credits(columns.int("balance_after")?),
        generation_id: columns.opt_parse("generation_id")?,
        model: columns.opt_text("model")?,
        description: columns.opt_text("description")?,
        created_at: columns.time("created_at")?,
    })
}
