//! Writes what a batch came to: what every batch does in one statement (`moves`), the rest in a statement per table and
//! kind of change. Rows travel as one array per column.

use std::collections::BTreeMap;

use ledger_book::{Budget, Claim, Effects, Generation, book::AttemptOf, book::ClaimName};
use ledger_contract::{AttemptOutcome, GenerationId, HolderId, Timestamp, wire::LEASE_MS};
use sqlx::{PgConnection, types::Uuid};

use super::{
    leases, moves,
    rows::{Time, column, json_column},
};
use crate::error::StoreError;

const REMOVED_GENERATIONS: &str = "DELETE FROM generations AS g USING unnest($1::uuid[]) AS n (id)
    WHERE g.generation_id = n.id";

const CHANGED_ATTEMPTS: &str = "UPDATE attempts AS t SET
        outcome = n.outcome, prediction_id = n.prediction_id, handle = n.handle::json, error = n.error::json,
        error_code = n.error_code, in_doubt = n.in_doubt, accepted_at = n.accepted_at, resolved_at = n.resolved_at
    FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[],
        $9::timestamptz[], $10::timestamptz[])
        AS n (generation_id, attempt_order, outcome, prediction_id, handle, error, error_code, in_doubt, accepted_at,
            resolved_at)
    WHERE t.generation_id = n.generation_id AND t.attempt_order = n.attempt_order AND t.generation_id = ANY ($1)";

const NEW_ATTEMPTS: &str = "INSERT INTO attempts (
        generation_id, attempt_order, outcome, prediction_id, handle, error, error_code, in_doubt, accepted_at,
        resolved_at, account_id, model, kind, provider, native_model, estimated_cost, simulated, submitted_at,
        duration_s, resolution)
    SELECT n.c1, n.c2, n.c3, n.c4, n.c5::json, n.c6::json, n.c7, n.c8, n.c9, n.c10, n.c11, n.c12, n.c13, n.c14, n.c15,
        n.c16, n.c17, n.c18, n.c19, n.c20
    FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[],
        $9::timestamptz[], $10::timestamptz[], $11::uuid[], $12::text[], $13::text[], $14::text[], $15::text[],
        $16::bigint[], $17::boolean[], $18::timestamptz[], $19::float8[], $20::text[])
        AS n (c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, c16, c17, c18, c19, c20)";

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
    WHERE b.budget_id = n.budget_id AND b.budget_id = ANY ($1)";

/// Writes everything, inside the caller's transaction. Leases come before all that belongs to accounts: see the
/// parent's docs.
pub(super) async fn effects(
    connection: &mut PgConnection,
    effects: &Effects,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Effects {
        // With the accounts, these are one statement: `moves`.
        accounts: _,
        changed_generations: _,
        entries: _,
        new_generations,
        removed_generations,
        new_attempts,
        changed_attempts,
        claims,
        released_claims,
        budgets,
    } = effects;
    leases::extend(connection, &holders(new_generations, now)).await?;
    moves::write(connection, effects, now).await?;
    write_budgets(connection, budgets).await?;
    remove_generations(connection, removed_generations).await?;
    write_changed_attempts(connection, changed_attempts).await?;
    write_new_attempts(connection, new_attempts).await?;
    release_claims(connection, released_claims).await?;
    write_claims(connection, claims).await
}

/// Reserving is a sign of life: a process that has just taken work is not gone.
fn holders(new: &[Generation], now: Timestamp) -> BTreeMap<HolderId, Timestamp> {
    let holders = new.iter().filter_map(|generation| generation.record.as_ref()?.lease_holder);
    holders.map(|holder| (holder, now.plus_ms(LEASE_MS))).collect()
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
        .bind(column(rows, |row| row.duration.as_ref().and_then(serde_json::Number::as_f64)))
        .bind(column(rows, |row| row.resolution.as_deref()))
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
