//! Loads what a batch of commands must see, a statement per table. Also reads single generations for those who resume.
//!
//! The accounts come first, locked in id order: whatever belongs to them changes under that lock only, so that what is
//! read afterwards stays true until the batch is committed.

use std::collections::{BTreeMap, BTreeSet};

use ledger_book::{Account, Attempt, Book, Claim, Generation, Needs, Record, chain};
use ledger_contract::{
    AccountId, ApiKeyId, Credits, GenerationId, GenerationStatus, MicroUsd,
    generation::{AttemptStart, EntryKind},
};
use sqlx::{PgConnection, postgres::PgRow, types::Uuid};

use super::{budgets, rows::Columns};
use crate::error::StoreError;

type Generations = BTreeMap<GenerationId, Generation>;
type Names = BTreeSet<(AccountId, String)>;

// Ids are looked for by `= ANY`, never by joining their list: a plan made while a table was small would turn such a join
// round and read the whole table for every batch.
//
// Every generation has a reserve, also a deleted one: its entry says whose it is.
const ACCOUNTS: &str =
    "SELECT account_id, plan, balance, reserved, in_flight, generations_total, generations_ever, chain_seq, chain_hash,
        chain_at
    FROM accounts WHERE account_id = ANY (ARRAY(SELECT unnest($1::uuid[]) UNION
        SELECT account_id FROM entries WHERE generation_id = ANY ($2) AND type = 'reserve' UNION
        SELECT account_id FROM archived_generations WHERE generation_id = ANY ($2)))
    ORDER BY account_id FOR NO KEY UPDATE";
const CLAIMS: &str = "SELECT k.account_id, k.key, k.fingerprint, k.generation_id, k.stored, k.expires_at
    FROM unnest($1::uuid[], $2::text[]) AS n (account_id, key) JOIN idempotency_keys AS k USING (account_id, key)";
const ADDS: &str = "SELECT e.account_id, e.add_key, e.amount
    FROM unnest($1::uuid[], $2::text[]) AS n (account_id, add_key) JOIN entries AS e
    ON e.account_id = n.account_id AND e.add_key = n.add_key AND e.type = 'add'
    UNION ALL
    SELECT a.account_id, a.add_key, a.amount
    FROM unnest($1::uuid[], $2::text[]) AS n (account_id, add_key) JOIN archived_adds AS a USING (account_id, add_key)";
const RECORDS: &str = "SELECT * FROM generations WHERE generation_id = ANY ($1)";
const ATTEMPTS: &str = "SELECT * FROM attempts WHERE generation_id = ANY ($1) ORDER BY generation_id, attempt_order";
// What stays of a deleted or archived generation. Each part has its unique index.
const REMAINS: &str = "SELECT generation_id, account_id, model, type, amount
    FROM entries WHERE generation_id = ANY ($1) AND type = 'reserve'
    UNION ALL
    SELECT generation_id, account_id, model, type, amount
    FROM entries WHERE generation_id = ANY ($1) AND type IN ('charge', 'refund')
    UNION ALL
    SELECT generation_id, account_id, NULL, ended, amount
    FROM archived_generations WHERE generation_id = ANY ($1)";
// An account's own budget, and the one that a key counts to.
const BUDGETS: &str = "SELECT b.*, NULL::uuid AS apikey_id FROM budgets AS b WHERE b.budget_id = ANY ($1)
    UNION ALL
    SELECT b.*, k.apikey_id FROM budget_keys AS k JOIN budgets AS b USING (budget_id) WHERE k.apikey_id = ANY ($2)";

/// Everything `needs` names and what hangs on it.
pub(super) async fn book(connection: &mut PgConnection, needs: &Needs) -> Result<Book, StoreError> {
    let mut book = Book::default();
    let mut account_ids = Vec::new();
    for account in accounts(connection, needs).await? {
        account_ids.push(account.account_id.0);
        book.load_account(account);
    }
    let mut claims = claims(connection, &needs.claims).await?;
    let mut ids = needs.generations.clone();
    ids.extend(claims.iter().map(|claim| claim.generation_id));
    let mut generations = generations(connection, &ids).await?;
    // Reserved by another process since the accounts were locked, under one that is not: for this batch it is not there
    // yet, and whoever would reserve it again trips over the constraint and is asked anew.
    generations.retain(|_, generation| book.account(generation.account_id).is_some());
    let held: Names = generations.values().filter_map(claim_name).filter(|name| !needs.claims.contains(name)).collect();
    claims.extend(self::claims(connection, &held).await?);
    let mut apikey_ids = needs.keys.clone();
    apikey_ids.extend(generations.values().filter_map(|generation| Some(generation.record.as_ref()?.apikey_id)));
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
    connection: &mut PgConnection,
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
    let known: BTreeSet<_> = found.keys().copied().collect();
    for row in select(connection, ATTEMPTS, &known).await? {
        let columns = Columns(&row);
        if let Some(generation) = found.get_mut(&columns.id("generation_id")?) {
            generation.attempts.push(attempt(&columns)?);
        }
    }
    Ok(found)
}

fn claim_name(generation: &Generation) -> Option<(AccountId, String)> {
    let key = generation.record.as_ref()?.claim_key.clone()?;
    Some((generation.account_id, key))
}

async fn accounts(connection: &mut PgConnection, needs: &Needs) -> Result<Vec<Account>, StoreError> {
    let named: Vec<Uuid> = needs.accounts.iter().map(|id| id.0).collect();
    let generations: Vec<Uuid> = needs.generations.iter().map(|id| id.0).collect();
    let rows = sqlx::query(ACCOUNTS).bind(named).bind(generations).fetch_all(connection).await?;
    let account = |row: &PgRow| {
        let columns = Columns(row);
        let account_id = columns.id("account_id")?;
        Ok(Account {
            account_id,
            plan: columns.parse("plan")?,
            balance: Credits(columns.int("balance")?),
            reserved: Credits(columns.int("reserved")?),
            in_flight: columns.number("in_flight")?,
            generations_total: columns.number("generations_total")?,
            generations_ever: columns.number("generations_ever")?,
            chain_seq: columns.number("chain_seq")?,
            chain_hash: columns.opt_hash("chain_hash")?.unwrap_or_else(|| chain::genesis(account_id)),
            chain_at: columns.time("chain_at")?,
        })
    };
    rows.iter().map(account).collect()
}

async fn budgets(
    connection: &mut PgConnection,
    book: &mut Book,
    account_ids: &[Uuid],
    apikey_ids: &BTreeSet<ApiKeyId>,
) -> Result<(), StoreError> {
    let apikey_ids: Vec<Uuid> = apikey_ids.iter().map(|id| id.0).collect();
    for row in sqlx::query(BUDGETS).bind(account_ids).bind(apikey_ids).fetch_all(connection).await? {
        let columns = Columns(&row);
        let budget = budgets::counted(&columns)?;
        if let Some(apikey_id) = columns.opt_id("apikey_id")? {
            book.load_budget_key(apikey_id, budget.budget_id);
        }
        book.load_budget(budget);
    }
    Ok(())
}

async fn claims(connection: &mut PgConnection, names: &Names) -> Result<Vec<Claim>, StoreError> {
    select_named(connection, CLAIMS, names).await?.iter().map(|row| claim(&Columns(row))).collect()
}

async fn adds(connection: &mut PgConnection, names: &Names) -> Result<Vec<((AccountId, String), Credits)>, StoreError> {
    let add = |row: &PgRow| {
        let columns = Columns(row);
        Ok(((columns.id("account_id")?, columns.text("add_key")?), Credits(columns.int("amount")?)))
    };
    select_named(connection, ADDS, names).await?.iter().map(add).collect()
}

/// Runs a statement whose one parameter is a set of generations. None, no statement.
async fn select(
    connection: &mut PgConnection,
    sql: &'static str,
    ids: &BTreeSet<GenerationId>,
) -> Result<Vec<PgRow>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    Ok(sqlx::query(sql).bind(ids).fetch_all(connection).await?)
}

/// The same for names under an account.
async fn select_named(
    connection: &mut PgConnection,
    sql: &'static str,
    names: &Names,
) -> Result<Vec<PgRow>, StoreError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let accounts: Vec<Uuid> = names.iter().map(|(account_id, _)| account_id.0).collect();
    let keys: Vec<&str> = names.iter().map(|(_, key)| key.as_str()).collect();
    Ok(sqlx::query(sql).bind(accounts).bind(keys).fetch_all(connection).await?)
}

/// A row of `idempotency_keys`.
pub(super) fn claim(columns: &Columns<'_>) -> Result<Claim, StoreError> {
    Ok(Claim {
        account_id: columns.id("account_id")?,
        key: columns.text("key")?,
        fingerprint: columns.text("fingerprint")?,
        generation_id: columns.id("generation_id")?,
        stored: columns.opt_json("stored")?,
        expires_at: columns.time("expires_at")?,
    })
}

fn generation(columns: &Columns<'_>) -> Result<Generation, StoreError> {
    Ok(Generation {
        generation_id: columns.id("generation_id")?,
        account_id: columns.id("account_id")?,
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
        apikey_id: columns.id("apikey_id")?,
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
        lease_holder: columns.opt_id("lease_holder")?,
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
    let generation_id = columns.id("generation_id")?;
    let remains = found.entry(generation_id).or_insert(Generation {
        generation_id,
        account_id: columns.id("account_id")?,
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
