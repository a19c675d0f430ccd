//! What nearly every batch writes, in one statement and so in one round trip: accounts, new and changed generations,
//! entries. An empty array writes nothing.

use ledger_book::{Account, Effects, Entry, Generation, Record};
use ledger_contract::{Provider, Timestamp};
use sqlx::{PgConnection, Postgres as Driver, postgres::PgArguments, query::Query};

use super::rows::{Time, column, json_column};
use crate::error::StoreError;

// What is fixed at the reservation is not written again. Who runs an open generation is decided by those who take leases,
// and may have changed since it was loaded. Entry ids ascend in the order the entries were decided.
const MOVES: &str = "WITH moved AS (
    UPDATE accounts AS a SET
        balance = n.balance, reserved = n.reserved, in_flight = n.in_flight,
        generations_total = n.generations_total, generations_ever = n.generations_ever,
        chain_seq = n.chain_seq, chain_hash = n.chain_hash, chain_at = n.chain_at, updated_at = $10
    FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
        $8::bytea[], $9::timestamptz[])
        AS n (account_id, balance, reserved, in_flight, generations_total, generations_ever, chain_seq, chain_hash,
            chain_at)
    WHERE a.account_id = n.account_id AND a.account_id = ANY ($1)
), made AS (
    INSERT INTO generations (
        generation_id, account_id, apikey_id, model, kind, request, provider_order, amount, status, prediction_id,
        provider_used, error_code, error_message, outputs, outputs_expire_at, predict_time_ms, lease_holder, claim_key,
        created_at, started_at, completed_at, deadline_at)
    SELECT n.c1, n.c2, n.c3, n.c4, n.c5, n.c6::json, n.c7::jsonb, n.c8, n.c9, n.c10, n.c11, n.c12, n.c13, n.c14::jsonb,
        n.c15, n.c16, n.c17, n.c18, n.c19, n.c20, n.c21, n.c22
    FROM unnest($11::uuid[], $12::uuid[], $13::uuid[], $14::text[], $15::text[], $16::text[], $17::text[],
        $18::bigint[], $19::text[], $20::text[], $21::text[], $22::text[], $23::text[], $24::text[],
        $25::timestamptz[], $26::bigint[], $27::uuid[], $28::text[], $29::timestamptz[], $30::timestamptz[],
        $31::timestamptz[], $32::timestamptz[])
        AS n (c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, c16, c17, c18, c19, c20, c21, c22)
), changed AS (
    UPDATE generations AS g SET
        status = n.status, prediction_id = n.prediction_id, provider_used = n.provider_used,
        error_code = n.error_code, error_message = n.error_message, outputs = n.outputs::jsonb,
        outputs_expire_at = n.outputs_expire_at, predict_time_ms = n.predict_time_ms, started_at = n.started_at,
        completed_at = n.completed_at, lease_holder = CASE WHEN n.completed_at IS NULL THEN g.lease_holder END
    FROM unnest($33::uuid[], $34::text[], $35::text[], $36::text[], $37::text[], $38::text[], $39::text[],
        $40::timestamptz[], $41::bigint[], $42::timestamptz[], $43::timestamptz[])
        AS n (generation_id, status, prediction_id, provider_used, error_code, error_message, outputs,
            outputs_expire_at, predict_time_ms, started_at, completed_at)
    WHERE g.generation_id = n.generation_id AND g.generation_id = ANY ($33)
)
INSERT INTO entries (
    account_id, type, amount, balance_after, generation_id, add_key, model, description, created_at, seq, apikey_id, hash)
SELECT n.c1, n.c2, n.c3, n.c4, n.c5, n.c6, n.c7, n.c8, n.c9, n.c10, n.c11, n.c12
FROM unnest($44::uuid[], $45::text[], $46::bigint[], $47::bigint[], $48::uuid[], $49::text[], $50::text[], $51::text[],
    $52::timestamptz[], $53::bigint[], $54::uuid[], $55::bytea[])
    WITH ORDINALITY AS n (c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, place)
ORDER BY n.place";

type Statement<'q> = Query<'q, Driver, PgArguments>;

/// Writes them, inside the caller's transaction.
pub(super) async fn write(connection: &mut PgConnection, effects: &Effects, now: Timestamp) -> Result<(), StoreError> {
    let Effects { accounts, new_generations, changed_generations, entries, .. } = effects;
    if accounts.is_empty() && new_generations.is_empty() && changed_generations.is_empty() && entries.is_empty() {
        return Ok(());
    }
    let statement = bind_accounts(sqlx::query(MOVES), accounts, now);
    let statement = bind_new(statement, &with_records(new_generations));
    let statement = bind_changed(statement, &with_records(changed_generations));
    bind_entries(statement, entries).execute(connection).await?;
    Ok(())
}

/// A generation without a record has no row: the book never hands one out here.
fn with_records(generations: &[Generation]) -> Vec<(&Generation, &Record)> {
    generations.iter().filter_map(|generation| Some((generation, generation.record.as_ref()?))).collect()
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn bind_accounts<'q>(statement: Statement<'q>, rows: &[Account], now: Timestamp) -> Statement<'q> {
    statement
        .bind(column(rows, |row| row.account_id.0))
        .bind(column(rows, |row| row.balance.0))
        .bind(column(rows, |row| row.reserved.0))
        .bind(column(rows, |row| i64::from(row.in_flight)))
        .bind(column(rows, |row| count(row.generations_total)))
        .bind(column(rows, |row| count(row.generations_ever)))
        .bind(column(rows, |row| count(row.chain_seq)))
        .bind(column(rows, |row| row.chain_hash.0.to_vec()))
        .bind(column(rows, |row| Time(row.chain_at)))
        .bind(Time(now))
}

fn bind_new<'q>(statement: Statement<'q>, rows: &[(&'q Generation, &'q Record)]) -> Statement<'q> {
    statement
        .bind(column(rows, |(row, _)| row.generation_id.0))
        .bind(column(rows, |(row, _)| row.account_id.0))
        .bind(column(rows, |(_, record)| record.apikey_id.0))
        .bind(column(rows, |(row, _)| row.model.as_str()))
        .bind(column(rows, |(_, record)| record.kind.as_str()))
        .bind(json_column(rows, |(_, record)| Some(&record.request)))
        .bind(json_column(rows, |(_, record)| Some(&record.provider_order)))
        .bind(column(rows, |(row, _)| row.amount.0))
        .bind(column(rows, |(row, _)| row.status.as_str()))
        .bind(column(rows, |(_, record)| record.prediction_id.as_deref()))
        .bind(column(rows, |(_, record)| record.provider_used.map(Provider::as_str)))
        .bind(column(rows, |(_, record)| record.error.as_ref().map(|(code, _)| code.code())))
        .bind(column(rows, |(_, record)| record.error.as_ref().map(|(_, message)| message.as_str())))
        .bind(json_column(rows, |(_, record)| record.outputs.as_ref()))
        .bind(column(rows, |(_, record)| record.outputs_expire_at.map(Time)))
        .bind(column(rows, |(_, record)| record.predict_time_ms))
        .bind(column(rows, |(_, record)| record.lease_holder.map(|holder| holder.0)))
        .bind(column(rows, |(_, record)| record.claim_key.as_deref()))
        .bind(column(rows, |(_, record)| Time(record.created_at)))
        .bind(column(rows, |(_, record)| record.started_at.map(Time)))
        .bind(column(rows, |(_, record)| record.completed_at.map(Time)))
        .bind(column(rows, |(_, record)| Time(record.deadline_at)))
}

fn bind_changed<'q>(statement: Statement<'q>, rows: &[(&'q Generation, &'q Record)]) -> Statement<'q> {
    statement
        .bind(column(rows, |(row, _)| row.generation_id.0))
        .bind(column(rows, |(row, _)| row.status.as_str()))
        .bind(column(rows, |(_, record)| record.prediction_id.as_deref()))
        .bind(column(rows, |(_, record)| record.provider_used.map(Provider::as_str)))
        .bind(column(rows, |(_, record)| record.error.as_ref().map(|(code, _)| code.code())))
        .bind(column(rows, |(_, record)| record.error.as_ref().map(|(_, message)| message.as_str())))
        .bind(json_column(rows, |(_, record)| record.outputs.as_ref()))
        .bind(column(rows, |(_, record)| record.outputs_expire_at.map(Time)))
        .bind(column(rows, |(_, record)| record.predict_time_ms))
        .bind(column(rows, |(_, record)| record.started_at.map(Time)))
        .bind(column(rows, |(_, record)| record.completed_at.map(Time)))
}

fn bind_entries<'q>(statement: Statement<'q>, rows: &'q [Entry]) -> Statement<'q> {
    statement
        .bind(column(rows, |row| row.account_id.0))
        .bind(column(rows, |row| row.kind.as_str()))
        .bind(column(rows, |row| row.amount.0))
        .bind(column(rows, |row| row.balance_after.0))
        .bind(column(rows, |row| row.generation_id.map(|id| id.0)))
        .bind(column(rows, |row| row.add_key.as_deref()))
        .bind(column(rows, |row| row.model.as_deref()))
        .bind(column(rows, |row| row.description.as_deref()))
        .bind(column(rows, |row| Time(row.created_at)))
        .bind(column(rows, |row| count(row.seq)))
        .bind(column(rows, |row| row.apikey_id.map(|id| id.0)))
        .bind(column(rows, |row| row.hash.0.as_slice()))
}
