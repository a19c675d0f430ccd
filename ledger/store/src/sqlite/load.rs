//! Loads what a batch of commands must see, a statement per table. Also reads single generations for those who resume.

use std::collections::{BTreeMap, BTreeSet};

use ledger_book::{Account, Attempt, Book, Claim, Generation, Needs, Record, chain};
use ledger_contract::{
    AccountId, ApiKeyId, Credits, GenerationId, GenerationStatus, MicroUsd,
    generation::{AttemptStart, EntryKind},
};
use serde::Serialize;
use sqlx::{SqliteConnection, sqlite::SqliteRow};

use super::{
    budgets,
    rows::{Columns, json_text},
};
use crate::error::StoreError;

type Generations = BTreeMap<GenerationId, Generation>;
type Names = BTreeSet<(AccountId, String)>;

// CROSS JOIN keeps SQLite from scanning the table instead of the few names.
const CLAIMS: &str = "SELECT k.account_id, k.key, k.fingerprint, k.generation_id, k.stored, k.expires_at
    FROM json_each(?1) AS n CROSS JOIN idempotency_keys AS k
    ON k.account_id = n.value ->> 0 AND k.key = n.value ->> 1";
const ADDS: &str = "SELECT e.account_id, e.add_key, e.amount
    FROM json_each(?1) AS n CROSS JOIN entries AS e
    ON e.account_id = n.value ->> 0 AND e.add_key = n.value ->> 1 AND e.type = 'add'
    UNION ALL
    SELECT a.account_id, a.add_key, a.amount FROM json_each(?1) AS n CROSS JOIN archived_adds AS a
    ON a.account_id = n.value ->> 0 AND a.add_key = n.value ->> 1";
const ACCOUNTS: &str =
    "SELECT account_id, plan, balance, reserved, in_flight, generations_total, generations_ever, chain_seq, chain_hash,
        chain_at
    FROM accounts WHERE account_id IN (SELECT value FROM json_each(?1))";
const RECORDS: &str = "SELECT * FROM generations WHERE generation_id IN (SELECT value FROM json_each(?1))";
const ATTEMPTS: &str = "SELECT * FROM attempts WHERE generation_id IN (SELECT value FROM json_each(?1))
    ORDER BY generation_id, attempt_order";
// What stays of a deleted or archived generation. Each part has its unique index.
const REMAINS: &str = "SELECT generation_id, account_id, model, type, amount FROM entries
    WHERE type = 'reserve' AND generation_id IN (SELECT value FROM json_each(?1))
    UNION ALL
    SELECT generation_id, account_id, model, type, amount FROM entries
    WHERE type IN ('charge', 'refund') AND generation_id IN (SELECT value FROM json_each(?1))
    UNION ALL
    SELECT generation_id, account_id, NULL, ended, amount FROM archived_generations
    WHERE generation_id IN (SELECT value FROM json_each(?1))";
// An account's own budget, and the one that a key counts to.
const BUDGETS: &str = "SELECT b.*, NULL AS apikey_id FROM budgets AS b
    WHERE b.budget_id IN (SELECT value FROM json_each(?1))
    UNION ALL
    SELECT b.*, k.apikey_id FROM json_each(?2) AS n
    CROSS JOIN budget_keys AS k ON k.apikey_id = n.value JOIN budgets AS b ON b.budget_id = k.budget_id";

/// Everything `needs` names and what hangs on it.
pub(super) async fn book(connection: &mut SqliteConnection, needs: &Needs) -> Result<Book, StoreError> {
    let mut claims = claims(connection, &needs.claims).await?;
    let mut ids = needs.generations.clone();
    ids.extend(claims.iter().map(|claim| claim.generation_id));
    let generations = generations(connection, &ids).await?;
    let held: Names = generations.values().filter_map(claim_name).filter(|name| !needs.claims.contains(name)).collect();
    claims.extend(self::claims(connection, &held).await?);
    let mut account_ids = needs.accounts.clone();
    account_ids.extend(generations.values().map(|generation| generation.account_id));
    let mut apikey_ids = needs.keys.clone();
    apikey_ids.extend(generations.values().filter_map(|generation| Some(generation.record.as_ref()?.apikey_id)));
    let mut book = Book::default();
    for account in accounts(connection, &account_ids).await? {
        book.load_account(account);
    }
    budgets(connection, &mut book, &account_ids, &apikey_ids).await?;
    for (name, amount) in adds(connection, &needs.adds).await? {
        book.load_add(name, amount);
    }
    for generation in generations.into_values() {
        book.load_generation(generation);
    }
    for claim in claims {
        book.load_claim(claim);
    }
    Ok(book)
}

/// These generations, as far as they ever existed; deleted ones by what stays of them.
pub(super) async fn generations(
    connection: &mut SqliteConnection,
    ids: &BTreeSet<GenerationId>,
) -> Result<Generations, StoreError> {
    let mut found = Generations::new();
    for row in select(connection, RECORDS, ids).await? {
        let generation = generation(&Columns(&row))?;
        found.insert(generation.generation_id, generation);
    }
    let missing: BTreeSet<_> = ids.iter().filter(|id| !found.contains_key(id)).copied().collect();
    for row in select(connection, REMAINS, &missing).await? {
        take_remains(&mut found, &Columns(&row))?;
    }
    for row in select(connection, ATTEMPTS, ids).await? {
        let columns = Columns(&row);
        if let Some(generation) = found.get_mut(&columns.parse::<GenerationId>("generation_id")?) {
            generation.attempts.push(attempt(&columns)?);
        }
    }
    Ok(found)
}

fn claim_name(generation: &Generation) -> Option<(AccountId, String)> {
    let key = generation.record.as_ref()?.claim_key.clone()?;
    Some((generation.account_id, key))
}

async fn claims(connection: &mut SqliteConnection, names: &Names) -> Result<Vec<Claim>, StoreError> {
    select(connection, CLAIMS, names).await?.iter().map(|row| claim(&Columns(row))).collect()
}

async fn adds(
    connection: &mut SqliteConnection,
    names: &Names,
) -> Result<Vec<((AccountId, String), Credits)>, StoreError> {
    let add = |row: &SqliteRow| {
        let columns = Columns(row);
        Ok(((columns.parse("account_id")?, columns.text("add_key")?), Credits(columns.int("amount")?)))
    };
    select(connection, ADDS, names).await?.iter().map(add).collect()
}

async fn accounts(connection: &mut SqliteConnection, ids: &BTreeSet<AccountId>) -> Result<Vec<Account>, StoreError> {
    let account = |row: &SqliteRow| {
        let columns = Columns(row);
        let account_id = columns.parse("account_id")?;
        Ok(Account {
            account_id,
            plan: columns.parse("plan")?,
            balance: Credits(columns.int("balance")?),
            reserved: Credits(columns.int("reserved")?),
            in_flight: columns.number("in_flight")?,
            generations_total: columns.number("generations_total")?,
            generations_ever: columns.number("generations_ever")?,
            chain_seq: columns.number("chain_seq")?,
            chain_hash: columns.opt_parse("chain_hash")?.unwrap_or_else(|| chain::genesis(account_id)),
            chain_at: columns.time("chain_at")?,
        })
    };
    select(connection, ACCOUNTS, ids).await?.iter().map(account).collect()
}

async fn budgets(
    connection: &mut SqliteConnection,
    book: &mut Book,
    account_ids: &BTreeSet<AccountId>,
    apikey_ids: &BTreeSet<ApiKeyId>,
) -> Result<(), StoreError> {
    if account_ids.is_empty() {
        return Ok(());
    }
    let query = sqlx::query(BUDGETS).bind(json_text(account_ids)?).bind(json_text(apikey_ids)?);
    for row in query.fetch_all(connection).await? {
        let columns = Columns(&row);
        let budget = budgets::counted(&columns)?;
        if let Some(apikey_id) = columns.opt_parse("apikey_id")? {
            book.load_budget_key(apikey_id, budget.budget_id);
        }
        book.load_budget(budget);
    }
    Ok(())
}

/// Runs a statement whose one parameter is a set of names. No names, no statement.
async fn select<T: Serialize>(
    connection: &mut SqliteConnection,
    sql: &'static str,
    names: &BTreeSet<T>,
) -> Result<Vec<SqliteRow>, StoreError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    Ok(sqlx::query(sql).bind(json_text(names)?).fetch_all(connection).await?)
}

/// A row of `idempotency_keys`.
pub(super) fn claim(columns: &Columns<'_>) -> Result<Claim, StoreError> {
    Ok(Claim {
        account_id: columns.parse("account_id")?,
        key: columns.text("key")?,
        fingerprint: columns.text("fingerprint")?,
        generation_id: columns.parse("generation_id")?,
        stored: columns.opt_json("stored")?,
        expires_at: columns.time("expires_at")?,
    })
}

fn generation(columns: &Columns<'_>) -> Result<Generation, StoreError> {
    Ok(Generation {
        generation_id: columns.parse("generation_id")?,
        account_id: columns.parse("account_id")?,
        model: columns.text("model")?,
        amount: Credits(columns.int("amount")?),
        status: columns.parse("status")?,
        attempts: Vec::new(),
        record: Some(record(columns)?),
    })
}

fn record(columns: &Columns<'_>) -> Result<Record, StoreError> {
    let error_message = columns.opt_text("error_message")?;
    Ok(Record {
        apikey_id: columns.parse("apikey_id")?,
        kind: columns.parse("kind")?,
        request: columns.json("request")?,
        provider_order: columns.json("provider_order")?,
        prediction_id: columns.opt_text("prediction_id")?,
        provider_used: columns.opt_parse("provider_used")?,
        error: columns.opt_name("error_code")?.map(|code| (code, error_message.unwrap_or_default())),
        outputs: columns.opt_json("outputs")?,
        outputs_expire_at: columns.opt_time("outputs_expire_at")?,
        outputs_swept: columns.flag("outputs_swept")?,
        predict_time_ms: columns.opt_int("predict_time_ms")?,
        lease_holder: columns.opt_parse("lease_holder")?,
        claim_key: columns.opt_text("claim_key")?,
        created_at: columns.time("created_at")?,
        started_at: columns.opt_time("started_at")?,
        completed_at: columns.opt_time("completed_at")?,
        deadline_at: columns.time("deadline_at")?,
    })
}

fn attempt(columns: &Columns<'_>) -> Result<Attempt, StoreError> {
    Ok(Attempt {
        attempt_order: columns.number("attempt_order")?,
        kind: columns.parse("kind")?,
        start: AttemptStart {
            provider: columns.parse("provider")?,
            native_model: columns.text("native_model")?,
            estimated_cost: MicroUsd(columns.int("estimated_cost")?),
            simulated: columns.flag("simulated")?,
        },
        outcome: columns.parse("outcome")?,
        prediction_id: columns.opt_text("prediction_id")?,
        handle: columns.opt_json("handle")?,
        error: columns.opt_json("error")?,
        in_doubt: columns.flag("in_doubt")?,
        submitted_at: columns.time("submitted_at")?,
        accepted_at: columns.opt_time("accepted_at")?,
        resolved_at: columns.opt_time("resolved_at")?,
    })
}

/// The reserve says what it was, the charge or refund how it ended; a delete never leaves one open.
fn take_remains(found: &mut Generations, columns: &Columns<'_>) -> Result<(), StoreError> {
    let generation_id = columns.parse("generation_id")?;
    let remains = found.entry(generation_id).or_insert(Generation {
        generation_id,
        account_id: columns.parse("account_id")?,
        model: columns.opt_text("model")?.unwrap_or_default(),
        amount: Credits(columns.int("amount")?),
        status: GenerationStatus::Canceled,
        attempts: Vec::new(),
        record: None,
    });
    if columns.parse::<EntryKind>("type")? == EntryKind::Charge {
        remains.status = GenerationStatus::Succeeded;
    }
    Ok(())
}
