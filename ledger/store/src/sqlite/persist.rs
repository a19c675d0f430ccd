//! Writes what a batch came to, a statement per table and kind of change. Rows travel as one JSON array.

use ledger_book::{Account, Budget, Claim, Effects, Entry, Generation, book::AttemptOf};
use ledger_contract::{AttemptOutcome, Timestamp, wire::LEASE_MS};
use serde_json::{Value, json};
use sqlx::SqliteConnection;

use super::{
    leases,
    rows::{json_text, opt_json_text},
};
use crate::error::StoreError;

const ACCOUNTS: &str = "UPDATE accounts SET
        balance = n.value ->> 'balance', reserved = n.value ->> 'reserved', in_flight = n.value ->> 'in_flight',
        generations_total = n.value ->> 'generations_total', generations_ever = n.value ->> 'generations_ever',
        chain_seq = n.value ->> 'chain_seq', chain_hash = n.value ->> 'chain_hash', chain_at = n.value ->> 'chain_at',
        updated_at = ?2
    FROM json_each(?1) AS n WHERE accounts.account_id = n.value ->> 'account_id'";

const NEW_GENERATIONS: &str = "INSERT INTO generations (
        generation_id, account_id, apikey_id, model, kind, request, provider_order, amount, status, prediction_id,
        provider_used, error_code, error_message, outputs, outputs_expire_at, outputs_swept, predict_time_ms,
        lease_holder, claim_key, created_at, started_at, completed_at, deadline_at)
    SELECT value ->> 'generation_id', value ->> 'account_id', value ->> 'apikey_id', value ->> 'model',
        value ->> 'kind', value ->> 'request', value ->> 'provider_order', value ->> 'amount', value ->> 'status',
        value ->> 'prediction_id', value ->> 'provider_used', value ->> 'error_code', value ->> 'error_message',
        value ->> 'outputs', value ->> 'outputs_expire_at', value ->> 'outputs_swept', value ->> 'predict_time_ms',
        value ->> 'lease_holder', value ->> 'claim_key', value ->> 'created_at', value ->> 'started_at',
        value ->> 'completed_at', value ->> 'deadline_at'
    FROM json_each(?1)";

// What is fixed at the reservation is not written again.
const CHANGED_GENERATIONS: &str = "UPDATE generations SET
        status = n.value ->> 'status', prediction_id = n.value ->> 'prediction_id',
        provider_used = n.value ->> 'provider_used', error_code = n.value ->> 'error_code',
        error_message = n.value ->> 'error_message', outputs = n.value ->> 'outputs',
        outputs_expire_at = n.value ->> 'outputs_expire_at', predict_time_ms = n.value ->> 'predict_time_ms',
        lease_holder = n.value ->> 'lease_holder', started_at = n.value ->> 'started_at',
        completed_at = n.value ->> 'completed_at'
    FROM json_each(?1) AS n WHERE generations.generation_id = n.value ->> 'generation_id'";

const REMOVED_GENERATIONS: &str = "DELETE FROM generations WHERE generation_id IN (SELECT value FROM json_each(?1))";

const CHANGED_ATTEMPTS: &str = "UPDATE attempts SET
        outcome = n.value ->> 'outcome', prediction_id = n.value ->> 'prediction_id', handle = n.value ->> 'handle',
        error = n.value ->> 'error', error_code = n.value ->> 'error_code', in_doubt = n.value ->> 'in_doubt',
        accepted_at = n.value ->> 'accepted_at', resolved_at = n.value ->> 'resolved_at'
    FROM json_each(?1) AS n
    WHERE attempts.generation_id = n.value ->> 'generation_id'
        AND attempts.attempt_order = n.value ->> 'attempt_order'";

const NEW_ATTEMPTS: &str = "INSERT INTO attempts (
        generation_id, attempt_order, account_id, model, kind, provider, native_model, outcome, estimated_cost,
        simulated, prediction_id, handle, error, error_code, in_doubt, submitted_at, accepted_at, resolved_at,
        duration_s, resolution)
    SELECT value ->> 'generation_id', value ->> 'attempt_order', value ->> 'account_id', value ->> 'model',
        value ->> 'kind', value ->> 'provider', value ->> 'native_model', value ->> 'outcome',
        value ->> 'estimated_cost', value ->> 'simulated', value ->> 'prediction_id', value ->> 'handle',
        value ->> 'error', value ->> 'error_code', value ->> 'in_doubt', value ->> 'submitted_at',
        value ->> 'accepted_at', value ->> 'resolved_at',
        value ->> 'duration', value ->> 'resolution'
    FROM json_each(?1)";

// Ids ascend in the order the entries were decided.
const ENTRIES: &str = "INSERT INTO entries (
        account_id, seq, type, amount, balance_after, generation_id, apikey_id, add_key, model, description, created_at,
        hash)
    SELECT value ->> 'account_id', value ->> 'seq', value ->> 'type', value ->> 'amount', value ->> 'balance_after',
        value ->> 'generation_id', value ->> 'apikey_id', value ->> 'add_key', value ->> 'model',
        value ->> 'description', value ->> 'created_at', value ->> 'hash'
    FROM json_each(?1) ORDER BY key";

const BUDGETS: &str = "UPDATE budgets SET window_starts_at = n.value ->> 'window_starts_at',
        spent = n.value ->> 'spent', archived = n.value ->> 'archived'
    FROM json_each(?1) AS n WHERE budgets.budget_id = n.value ->> 'budget_id'";

const CLAIMS: &str = "INSERT INTO idempotency_keys (account_id, key, fingerprint, generation_id, stored, expires_at)
    SELECT value ->> 'account_id', value ->> 'key', value ->> 'fingerprint', value ->> 'generation_id',
        value ->> 'stored', value ->> 'expires_at'
    FROM json_each(?1) WHERE true
    ON CONFLICT (account_id, key) DO UPDATE SET fingerprint = excluded.fingerprint,
        generation_id = excluded.generation_id, stored = excluded.stored, expires_at = excluded.expires_at";

const RELEASED_CLAIMS: &str = "DELETE FROM idempotency_keys WHERE (account_id, key) IN
    (SELECT value ->> 0, value ->> 1 FROM json_each(?1))";

/// Writes everything, inside the caller's transaction.
pub(super) async fn effects(
    connection: &mut SqliteConnection,
    effects: Effects,
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
    // Reserving is a sign of life: a process that has just taken work is not gone.
    let holders: Vec<_> = new_generations
        .iter()
        .filter_map(|generation| generation.record.as_ref()?.lease_holder)
        .map(|holder| (holder, now.plus_ms(LEASE_MS)))
        .collect();
    let account_rows: Vec<_> = accounts.iter().map(account).collect();
    if !account_rows.is_empty() {
        let rows = json_text(&account_rows)?;
        sqlx::query(ACCOUNTS).bind(rows).bind(now.0).execute(&mut *connection).await?;
    }
    write(connection, NEW_GENERATIONS, &rows(&new_generations, generation)?).await?;
    write(connection, CHANGED_GENERATIONS, &rows(&changed_generations, generation)?).await?;
    write(connection, REMOVED_GENERATIONS, &rows(&removed_generations, |id| Ok(json!(id)))?).await?;
    write(connection, CHANGED_ATTEMPTS, &rows(&changed_attempts, attempt)?).await?;
    write(connection, NEW_ATTEMPTS, &rows(&new_attempts, attempt)?).await?;
    write(connection, ENTRIES, &rows(&entries, |row| Ok(entry(row)))?).await?;
    write(connection, RELEASED_CLAIMS, &rows(&released_claims, |name| Ok(json!(name)))?).await?;
    write(connection, CLAIMS, &rows(&claims, claim)?).await?;
    write(connection, BUDGETS, &rows(&budgets, |row| Ok(budget(row)))?).await?;
    leases::extend(connection, &holders).await
}

fn rows<T>(items: &[T], row: impl Fn(&T) -> Result<Value, StoreError>) -> Result<Vec<Value>, StoreError> {
    items.iter().map(row).collect()
}

/// Runs a statement over rows. No rows, no statement.
async fn write(connection: &mut SqliteConnection, sql: &'static str, rows: &[Value]) -> Result<(), StoreError> {
    if !rows.is_empty() {
        sqlx::query(sql).bind(json_text(rows)?).execute(connection).await?;
    }
    Ok(())
}

fn account(account: &Account) -> Value {
    json!({
        "account_id": account.account_id,
        "balance": account.balance,
        "reserved": account.reserved,
        "in_flight": account.in_flight,
        "generations_total": account.generations_total,
        "generations_ever": account.generations_ever,
        "chain_seq": account.chain_seq,
        "chain_hash": account.chain_hash,
        "chain_at": account.chain_at,
    })
}

/// A generation without a record has no row: the book never hands one out here, and its columns would be refused.
fn generation(generation: &Generation) -> Result<Value, StoreError> {
    let Some(record) = &generation.record else { return Ok(Value::Null) };
    let (error_code, error_message) = record.error.as_ref().map(|(code, message)| (code.code(), message)).unzip();
    Ok(json!({
        "generation_id": generation.generation_id,
        "account_id": generation.account_id,
        "apikey_id": record.apikey_id,
        "model": generation.model,
        "kind": record.kind,
        "request": json_text(&record.request)?,
        "provider_order": json_text(&record.provider_order)?,
        "amount": generation.amount,
        "status": generation.status,
        "prediction_id": record.prediction_id,
        "provider_used": record.provider_used,
        "error_code": error_code,
        "error_message": error_message,
        "outputs": opt_json_text(record.outputs.as_ref())?,
        "outputs_expire_at": record.outputs_expire_at,
        "outputs_swept": record.outputs_swept,
        "predict_time_ms": record.predict_time_ms,
        "lease_holder": record.lease_holder,
        "claim_key": record.claim_key,
        "created_at": record.created_at,
        "started_at": record.started_at,
        "completed_at": record.completed_at,
        "deadline_at": record.deadline_at,
    }))
}

fn attempt(of: &AttemptOf) -> Result<Value, StoreError> {
    let attempt = &of.attempt;
    Ok(json!({
        "generation_id": of.generation_id,
        "attempt_order": attempt.attempt_order,
        "account_id": of.account_id,
        "model": of.model,
        "kind": attempt.kind,
        "provider": attempt.start.provider,
        "native_model": attempt.start.native_model,
        "outcome": attempt.outcome,
        "estimated_cost": attempt.start.estimated_cost,
        "simulated": attempt.start.simulated,
        "prediction_id": attempt.prediction_id,
        "handle": opt_json_text(attempt.handle.as_ref())?,
        "error": opt_json_text(attempt.error.as_ref())?,
        "error_code": attempt.error.as_ref().map(|error| error.code),
        "in_doubt": attempt.in_doubt,
        "duration": of.duration,
        "resolution": of.resolution,
        "submitted_at": attempt.submitted_at,
        "accepted_at": attempt.accepted_at,
        "resolved_at": attempt.resolved_at.filter(|_| attempt.outcome != AttemptOutcome::Pending),
    }))
}

fn entry(entry: &Entry) -> Value {
    json!({
        "account_id": entry.account_id,
        "seq": entry.seq,
        "type": entry.kind,
        "amount": entry.amount,
        "balance_after": entry.balance_after,
        "generation_id": entry.generation_id,
        "add_key": entry.add_key,
        "model": entry.model,
        "description": entry.description,
        "created_at": entry.created_at,
        "apikey_id": entry.apikey_id,
        "hash": entry.hash,
    })
}

fn budget(budget: &Budget) -> Value {
    json!({
        "budget_id": budget.budget_id,
        "window_starts_at": budget.window_starts_at,
        "spent": budget.spent,
        "archived": budget.archived,
    })
}

fn claim(claim: &Claim) -> Result<Value, StoreError> {
    Ok(json!({
        "account_id": claim.account_id,
        "key": claim.key,
        "fingerprint": claim.fingerprint,
        "generation_id": claim.generation_id,
        "stored": opt_json_text(claim.stored.as_ref())?,
        "expires_at": claim.expires_at,
    }))
}
