//! Writes what a batch came to, a statement per table and kind of change. Rows travel as one array per column.

use std::collections::BTreeMap;

use ledger_book::{Account, Budget, Claim, Effects, Entry, Generation, Record, book::AttemptOf, book::ClaimName};
use ledger_contract::{AttemptOutcome, GenerationId, HolderId, Timestamp, wire::LEASE_MS};
use sqlx::{PgConnection, types::Uuid};

use super::{
    leases,
    rows::{Time, column, json_column},
};
use crate::error::StoreError;

const ACCOUNTS: &str = "UPDATE accounts AS a SET
        balance = n.balance, reserved = n.reserved, in_flight = n.in_flight,
        generations_total = n.generations_total, generations_ever = n.generations_ever,
        chain_seq = n.chain_seq, chain_hash = n.chain_hash, chain_at = n.chain_at, updated_at = $10
    FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
        $8::bytea[], $9::timestamptz[])
        AS n (account_id, balance, reserved, in_flight, generations_total, generations_ever, chain_seq, chain_hash,
            chain_at)
    WHERE a.account_id = n.account_id";

const NEW_GENERATIONS: &str = "INSERT INTO generations (
        generation_id, account_id, apikey_id, model, kind, request, provider_order, amount, status, prediction_id,
        provider_used, error_code, error_message, outputs, outputs_expire_at, predict_time_ms, lease_holder, claim_key,
        created_at, started_at, completed_at, deadline_at)
    SELECT n.c1, n.c2, n.c3, n.c4, n.c5, n.c6::json, n.c7::jsonb, n.c8, n.c9, n.c10, n.c11, n.c12, n.c13, n.c14::jsonb,
        n.c15, n.c16, n.c17, n.c18, n.c19, n.c20, n.c21, n.c22
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[],
        $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::timestamptz[],
        $16::bigint[], $17::uuid[], $18::text[], $19::timestamptz[], $20::timestamptz[], $21::timestamptz[],
        $22::timestamptz[])
        AS n (c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, c16, c17, c18, c19, c20, c21, c22)";

// What is fixed at the reservation is not written again. Who runs an open one is decided by those who take leases, and
// may have changed since it was loaded.
const CHANGED_GENERATIONS: &str = "UPDATE generations AS g SET
        status = n.status, prediction_id = n.prediction_id, provider_used = n.provider_used,
        error_code = n.error_code, error_message = n.error_message, outputs = n.outputs::jsonb,
        outputs_expire_at = n.outputs_expire_at, predict_time_ms = n.predict_time_ms, started_at = n.started_at,
        completed_at = n.completed_at, lease_holder = CASE WHEN n.completed_at IS NULL THEN g.lease_holder END
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
        $8::timestamptz[], $9::bigint[], $10::timestamptz[], $11::timestamptz[])
        AS n (generation_id, status, prediction_id, provider_used, error_code, error_message, outputs,
            outputs_expire_at, predict_time_ms, started_at, completed_at)
    WHERE g.generation_id = n.generation_id";

const REMOVED_GENERATIONS: &str = "DELETE FROM generations AS g USING unnest($1::uuid[]) AS n (id)
    WHERE g.generation_id = n.id";

const CHANGED_ATTEMPTS: &str = "UPDATE attempts AS t SET
        outcome = n.outcome, prediction_id = n.prediction_id, handle = n.handle::json, error = n.error::json,
        error_code = n.error_code, in_doubt = n.in_doubt, accepted_at = n.accepted_at, resolved_at = n.resolved_at
    FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[],
        $9::timestamptz[], $10::timestamptz[])
        AS n (generation_id, attempt_order, outcome, prediction_id, handle, error, error_code, in_doubt, accepted_at,
            resolved_at)
    WHERE t.generation_id = n.generation_id AND t.attempt_order = n.attempt_order";

// Its size is read off the generation's request, which stands already.
const NEW_ATTEMPTS: &str = "INSERT INTO attempts (
        generation_id, attempt_order, outcome, prediction_id, handle, error, error_code, in_doubt, accepted_at,
        resolved_at, account_id, model, kind, provider, native_model, estimated_cost, simulated, submitted_at,
        duration_s, resolution)
    SELECT n.c1, n.c2, n.c3, n.c4, n.c5::json, n.c6::json, n.c7, n.c8, n.c9, n.c10, n.c11, n.c12, n.c13, n.c14, n.c15,
        n.c16, n.c17, n.c18, (g.request ->> 'generation_duration')::double precision,
        g.request ->> 'generation_resolution'
    FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[],
        $9::timestamptz[], $10::timestamptz[], $11::uuid[], $12::text[], $13::text[], $14::text[], $15::text[],
        $16::bigint[], $17::boolean[], $18::timestamptz[])
        AS n (c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, c16, c17, c18)
    LEFT JOIN generations AS g ON g.generation_id = n.c1";

// Ids ascend in the order the entries were decided.
const ENTRIES: &str = "INSERT INTO entries (
        account_id, type, amount, balance_after, generation_id, add_key, model, description, created_at, seq,
        apikey_id, hash)
    SELECT n.c1, n.c2, n.c3, n.c4, n.c5, n.c6, n.c7, n.c8, n.c9, n.c10, n.c11, n.c12
    FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::uuid[], $6::text[], $7::text[], $8::text[],
        $9::timestamptz[], $10::bigint[], $11::uuid[], $12::bytea[])
        WITH ORDINALITY AS n (c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, place)
    ORDER BY n.place";

const CLAIMS: &str = "INSERT INTO idempotency_keys (account_id, key, fingerprint, generation_id, stored, expires_at)
    SELECT n.c1, n.c2, n.c3, n.c4, n.c5::json, n.c6
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::timestamptz[])
        AS n (c1, c2, c3, c4, c5, c6)
    ON CONFLICT (account_id, key) DO UPDATE SET fingerprint = excluded.fingerprint,
        generation_id = excluded.generation_id, stored = excluded.stored, expires_at = excluded.expires_at";

const RELEASED_CLAIMS: &str = "DELETE FROM idempotency_keys AS k
    USING unnest($1::uuid[], $2::text[]) AS n (account_id, key)
    WHERE k.account_id = n.account_id AND k.key = n.key";

const BUDGETS: &str = "UPDATE budgets AS b SET window_starts_at = n.window_starts_at, spent = n.spent,
        archived = n.archived
    FROM unnest($1::uuid[], $2::timestamptz[], $3::bigint[], $4::bigint[])
        AS n (budget_id, window_starts_at, spent, archived)
    WHERE b.budget_id = n.budget_id";

/// Writes everything, inside the caller's transaction. Leases come before all that belongs to accounts: see the
/// parent's docs.
pub(super) async fn effects(
    connection: &mut PgConnection,
    effects: &Effects,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Effects {
        accounts,
        new_generations,
        changed_generations,
        removed_generations,
        new_attempts,
        changed_attempts,
        entries,
        claims,
        released_claims,
        budgets,
    } = effects;
    leases::extend(connection, &holders(new_generations, now)).await?;
    write_accounts(connection, accounts, now).await?;
    write_budgets(connection, budgets).await?;
    write_new_generations(connection, &with_records(new_generations)).await?;
    write_changed_generations(connection, &with_records(changed_generations)).await?;
    remove_generations(connection, removed_generations).await?;
    write_changed_attempts(connection, changed_attempts).await?;
    write_new_attempts(connection, new_attempts).await?;
    write_entries(connection, entries).await?;
    release_claims(connection, released_claims).await?;
    write_claims(connection, claims).await
}

/// Reserving is a sign of life: a process that has just taken work is not gone.
fn holders(new: &[Generation], now: Timestamp) -> BTreeMap<HolderId, Timestamp> {
    let holders = new.iter().filter_map(|generation| generation.record.as_ref()?.lease_holder);
    holders.map(|holder| (holder, now.plus_ms(LEASE_MS))).collect()
}

/// A generation without a record has no row: the book never hands one out here.
fn with_records(generations: &[Generation]) -> Vec<(&Generation, &Record)> {
    generations.iter().filter_map(|generation| Some((generation, generation.record.as_ref()?))).collect()
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

async fn write_accounts(connection: &mut PgConnection, rows: &[Account], now: Timestamp) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(ACCOUNTS)
        .bind(column(rows, |row| row.account_id.0))
        .bind(column(rows, |row| row.balance.0))
        .bind(column(rows, |row| row.reserved.0))
        .bind(column(rows, |row| i64::from(row.in_flight)))
        .bind(column(rows, |row| count(row.generations_total)))
        .bind(column(rows, |row| count(row.generations_ever)))
        .bind(column(rows, |row| count(row.chain_seq)))
        .bind(column(rows, |row| row.chain_hash.0.as_slice()))
        .bind(column(rows, |row| Time(row.chain_at)))
        .bind(Time(now))
        .execute(connection)
        .await?;
    Ok(())
}

async fn write_budgets(connection: &mut PgConnection, rows: &[Budget]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(BUDGETS)
        .bind(column(rows, |row| row.budget_id.0))
        .bind(column(rows, |row| Time(row.window_starts_at)))
        .bind(column(rows, |row| row.spent.0))
        .bind(column(rows, |row| row.archived.0))
        .execute(connection)
        .await?;
    Ok(())
}

async fn write_new_generations(
    connection: &mut PgConnection,
    rows: &[(&Generation, &Record)],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(NEW_GENERATIONS)
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
        .bind(column(rows, |(_, record)| record.provider_used.map(|provider| provider.as_str())))
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
        .execute(connection)
        .await?;
    Ok(())
}

async fn write_changed_generations(
    connection: &mut PgConnection,
    rows: &[(&Generation, &Record)],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(CHANGED_GENERATIONS)
        .bind(column(rows, |(row, _)| row.generation_id.0))
        .bind(column(rows, |(row, _)| row.status.as_str()))
        .bind(column(rows, |(_, record)| record.prediction_id.as_deref()))
        .bind(column(rows, |(_, record)| record.provider_used.map(|provider| provider.as_str())))
        .bind(column(rows, |(_, record)| record.error.as_ref().map(|(code, _)| code.code())))
        .bind(column(rows, |(_, record)| record.error.as_ref().map(|(_, message)| message.as_str())))
        .bind(json_column(rows, |(_, record)| record.outputs.as_ref()))
        .bind(column(rows, |(_, record)| record.outputs_expire_at.map(Time)))
        .bind(column(rows, |(_, record)| record.predict_time_ms))
        .bind(column(rows, |(_, record)| record.started_at.map(Time)))
        .bind(column(rows, |(_, record)| record.completed_at.map(Time)))
        .execute(connection)
        .await?;
    Ok(())
}

async fn remove_generations(connection: &mut PgConnection, ids: &[GenerationId]) -> Result<(), StoreError> {
    if !ids.is_empty() {
        sqlx::query(REMOVED_GENERATIONS).bind(column(ids, |id| id.0)).execute(connection).await?;
    }
    Ok(())
}

/// The columns that an attempt's change writes, in the order of both statements.
macro_rules! attempt_changes {
    ($sql:expr, $rows:expr) => {
        sqlx::query($sql)
            .bind(column($rows, |row| row.generation_id.0))
            .bind(column($rows, |row| i64::from(row.attempt.attempt_order)))
            .bind(column($rows, |row| row.attempt.outcome.as_str()))
            .bind(column($rows, |row| row.attempt.prediction_id.as_deref()))
            .bind(json_column($rows, |row| row.attempt.handle.as_ref()))
            .bind(json_column($rows, |row| row.attempt.error.as_ref()))
            .bind(column($rows, |row| row.attempt.error.as_ref().map(|error| error.code.code())))
            .bind(column($rows, |row| row.attempt.in_doubt))
            .bind(column($rows, |row| row.attempt.accepted_at.map(Time)))
            .bind(column($rows, |row| resolved_at(row).map(Time)))
    };
}

fn resolved_at(row: &AttemptOf) -> Option<Timestamp> {
    row.attempt.resolved_at.filter(|_| row.attempt.outcome != AttemptOutcome::Pending)
}

async fn write_changed_attempts(connection: &mut PgConnection, rows: &[AttemptOf]) -> Result<(), StoreError> {
    if !rows.is_empty() {
        attempt_changes!(CHANGED_ATTEMPTS, rows).execute(connection).await?;
    }
    Ok(())
}

async fn write_new_attempts(connection: &mut PgConnection, rows: &[AttemptOf]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    attempt_changes!(NEW_ATTEMPTS, rows)
        .bind(column(rows, |row| row.account_id.0))
        .bind(column(rows, |row| row.model.as_str()))
        .bind(column(rows, |row| row.attempt.kind.as_str()))
        .bind(column(rows, |row| row.attempt.start.provider.as_str()))
        .bind(column(rows, |row| row.attempt.start.native_model.as_str()))
        .bind(column(rows, |row| row.attempt.start.estimated_cost.0))
        .bind(column(rows, |row| row.attempt.start.simulated))
        .bind(column(rows, |row| Time(row.attempt.submitted_at)))
        .execute(connection)
        .await?;
    Ok(())
}

async fn write_entries(connection: &mut PgConnection, rows: &[Entry]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(ENTRIES)
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
        .execute(connection)
        .await?;
    Ok(())
}

async fn write_claims(connection: &mut PgConnection, rows: &[Claim]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(CLAIMS)
        .bind(column(rows, |row| row.account_id.0))
        .bind(column(rows, |row| row.key.as_str()))
        .bind(column(rows, |row| row.fingerprint.as_str()))
        .bind(column(rows, |row| row.generation_id.0))
        .bind(json_column(rows, |row| row.stored.as_ref()))
        .bind(column(rows, |row| Time(row.expires_at)))
        .execute(connection)
        .await?;
    Ok(())
}

async fn release_claims(connection: &mut PgConnection, names: &[ClaimName]) -> Result<(), StoreError> {
    if names.is_empty() {
        return Ok(());
    }
    let accounts: Vec<Uuid> = column(names, |(account_id, _)| account_id.0);
    sqlx::query(RELEASED_CLAIMS)
        .bind(accounts)
        .bind(column(names, |(_, key)| key.as_str()))
        .execute(connection)
        .await?;
    Ok(())
}
