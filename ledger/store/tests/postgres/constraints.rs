//! Every rule of the schema bites, and the list of rules is whole: the same names as on `SQLite`.

use sqlx::PgPool;

use crate::{
    commands::{accept, charge, reserve},
    database::Database,
};

/// Each named constraint with a statement that breaks it.
const TRIPS: &[(&str, &str)] = &[
    ("a_plan_is_a_known_plan", "UPDATE accounts SET plan = 'gold'"),
    ("a_balance_is_never_negative", "UPDATE accounts SET balance = -1"),
    ("a_balance_is_at_most_the_maximum", "UPDATE accounts SET balance = 10000000000, reserved = 0"),
    ("reserved_is_never_negative", "UPDATE accounts SET reserved = -1"),
    ("every_refund_has_room", "UPDATE accounts SET balance = 9999999999, reserved = 1"),
    ("in_flight_is_never_negative", "UPDATE accounts SET in_flight = -1"),
    ("a_chain_counts_from_zero", "UPDATE accounts SET chain_seq = -1"),
    ("a_chain_ends_in_a_hash", "UPDATE accounts SET chain_hash = 'x'"),
    ("a_key_is_active_rotated_or_revoked", "UPDATE api_keys SET state = 'expired'"),
    ("a_prefix_has_nine_characters", "UPDATE api_keys SET prefix = 'bye_1234'"),
    ("a_generation_is_an_image_or_a_video", "UPDATE generations SET kind = 'audio'"),
    ("a_status_is_a_known_status", "UPDATE generations SET status = 'done'"),
    ("a_generation_costs_something", "UPDATE generations SET amount = 0"),
    ("a_generation_is_completed_when_terminal", "UPDATE generations SET status = 'canceled'"),
    ("a_success_has_outputs", "UPDATE generations SET status = 'succeeded', completed_at = now()"),
    ("a_failure_says_why", "UPDATE generations SET status = 'failed', completed_at = now()"),
    (
        "an_address_is_kept_as_a_hash",
        "INSERT INTO request_log SELECT account_id, now(), 'r', account_id, 'n', 'p', 'GET', '/', '', 200, '', false,
        '192.0.2.1', '', 1 FROM accounts",
    ),
    ("a_switch_names_something", "INSERT INTO routing_switches VALUES ('', '', '', now())"),
    ("attempts_count_from_one", "UPDATE attempts SET attempt_order = 0"),
    ("an_outcome_is_a_known_outcome", "UPDATE attempts SET outcome = 'lost', resolved_at = submitted_at"),
    ("an_attempt_is_resolved_unless_pending", "UPDATE attempts SET outcome = 'failed'"),
    (
        "an_attempt_is_not_resolved_before_it_is_submitted",
        "UPDATE attempts SET outcome = 'failed', resolved_at = submitted_at - interval '1 ms'",
    ),
    (
        "an_entry_is_a_known_type",
        "INSERT INTO entries (account_id, type, amount, balance_after, generation_id, created_at, seq, hash)
        SELECT account_id, 'gift', 1, 1, generation_id, now(), 99, hash FROM entries WHERE type = 'reserve'",
    ),
];

/// Statements that write an entry like the first one, but for one column.
const ENTRY_TRIPS: &[(&str, &str, &str)] = &[
    ("an_amount_is_above_zero", "amount", "0"),
    ("an_amount_is_at_most_the_maximum", "amount", "10000000000"),
    ("a_balance_after_is_never_negative", "balance_after", "-1"),
    ("an_add_has_a_key_and_all_else_a_generation", "add_key", "NULL"),
    ("entries_count_from_one", "seq", "0"),
    ("an_entry_has_a_hash", "hash", "'x'"),
];

/// The same for a budget.
const BUDGET_TRIPS: &[(&str, &str, &str)] = &[
    ("a_budget_is_of_an_account_or_a_key", "holder", "'team'"),
    ("a_budget_is_above_zero", "amount", "0"),
    ("a_period_is_a_known_period", "period", "'year'"),
    ("spent_is_never_negative", "spent", "-1"),
];

const ENTRY: &[(&str, &str)] = &[
    ("entry_id", "99"),
    ("account_id", "account_id"),
    ("type", "'add'"),
    ("amount", "1"),
    ("balance_after", "1"),
    ("add_key", "'k'"),
    ("created_at", "now()"),
    ("seq", "99"),
    ("hash", "decode(repeat('00', 32), 'hex')"),
];
const BUDGET: &[(&str, &str)] = &[
    ("budget_id", "account_id"),
    ("account_id", "account_id"),
    ("holder", "'key'"),
    ("amount", "1"),
    ("period", "'day'"),
    ("window_starts_at", "now()"),
    ("spent", "0"),
];

/// One row with this value in that column.
fn insert(table: &str, row: &[(&str, &str)], changed: &str, value: &str) -> String {
    let columns: Vec<_> = row.iter().map(|(column, _)| *column).collect();
    let values: Vec<_> = row.iter().map(|(column, usual)| if *column == changed { value } else { *usual }).collect();
    format!("INSERT INTO {table} ({}) SELECT {} FROM accounts LIMIT 1", columns.join(", "), values.join(", "))
}

fn trips() -> Vec<(&'static str, String)> {
    let entries = ENTRY_TRIPS.iter().map(|(name, column, value)| (*name, insert("entries", ENTRY, column, value)));
    let budgets = BUDGET_TRIPS.iter().map(|(name, column, value)| (*name, insert("budgets", BUDGET, column, value)));
    let archived = "INSERT INTO archived_generations SELECT generation_id, account_id, 1, 'reserve' FROM generations";
    let mut all: Vec<_> = TRIPS.iter().map(|(name, sql)| (*name, (*sql).to_owned())).collect();
    all.extend(entries.chain(budgets));
    all.push(("an_archived_generation_has_ended", archived.to_owned()));
    all
}

/// An open generation with an open attempt, and a key.
async fn seeded() -> (Database, PgPool) {
    let database = Database::with_credits(1_000).await;
    database.ask(reserve(1)).await;
    database.ask(accept(1, 1)).await;
    let raw = database.raw().await;
    let key = "INSERT INTO api_keys (apikey_id, account_id, name, prefix, hash, scopes, allow_ips, state, created_at)
        SELECT account_id, account_id, 'n', 'bye_12345', 'h', '[]', '[]', 'active', now() FROM accounts LIMIT 1";
    sqlx::query(key).execute(&raw).await.unwrap();
    (database, raw)
}

async fn refusal(raw: &PgPool, sql: &str) -> String {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(raw).await.expect_err(sql).to_string()
}

#[tokio::test]
async fn every_named_constraint_bites() {
    let (database, raw) = seeded().await;
    for (name, sql) in trips() {
        let refusal = refusal(&raw, &sql).await;
        assert!(refusal.contains(&format!("\"{name}\"")), "{name}: {refusal}");
    }
    database.assert_clean().await;
}

#[tokio::test]
async fn no_named_constraint_is_without_a_test() {
    let (_database, raw) = seeded().await;
    let sql = "SELECT conname::text FROM pg_constraint WHERE contype = 'c' AND connamespace = 'public'::regnamespace
        ORDER BY conname::text COLLATE \"C\"";
    let named: Vec<String> = sqlx::query_scalar(sql).fetch_all(&raw).await.unwrap();
    let mut tested: Vec<_> = trips().into_iter().map(|(name, _)| name).collect();
    tested.sort_unstable();
    assert_eq!(named, tested);
}

#[tokio::test]
async fn entries_are_append_only_for_everybody() {
    let (_database, raw) = seeded().await;
    for (sql, rule) in [
        ("UPDATE entries SET description = 'x'", "entries are never updated"),
        ("DELETE FROM entries", "entries are deleted only behind a checkpoint"),
        ("TRUNCATE entries", "entries are deleted only behind a checkpoint"),
        ("DELETE FROM accounts", "accounts are never deleted"),
    ] {
        let refusal = refusal(&raw, sql).await;
        assert!(refusal.contains(rule), "{sql}: {refusal}");
    }
}

#[tokio::test]
async fn a_checkpoint_equals_its_entry_and_stays() {
    let (_database, raw) = seeded().await;
    let wrong =
        "INSERT INTO checkpoints SELECT account_id, seq, balance_after + 1, hash, created_at, 'f', now() FROM entries";
    assert!(refusal(&raw, wrong).await.contains("a checkpoint equals its entry"));
    let right =
        "INSERT INTO checkpoints SELECT account_id, seq, balance_after, hash, created_at, 'f', now() FROM entries
        WHERE seq = 1";
    sqlx::query(right).execute(&raw).await.unwrap();
    assert!(refusal(&raw, "UPDATE checkpoints SET file = 'g'").await.contains("checkpoints are never updated"));
    assert!(refusal(&raw, "DELETE FROM checkpoints").await.contains("checkpoints are never deleted"));
    sqlx::query("DELETE FROM entries WHERE seq = 1").execute(&raw).await.unwrap();
    let later = refusal(&raw, "DELETE FROM entries").await;
    assert!(later.contains("entries are deleted only behind a checkpoint"), "{later}");
}

#[tokio::test]
async fn a_generation_has_one_reserve_and_one_charge_or_refund() {
    let (database, raw) = seeded().await;
    database.ask(charge(1, 1)).await;
    for (kind, rule) in [("reserve", "one_reserve_per_generation"), ("refund", "one_charge_or_refund_per_generation")] {
        let sql = format!(
            "INSERT INTO entries (account_id, type, amount, balance_after, generation_id, created_at, seq, hash)
            SELECT account_id, '{kind}', 1, 1, generation_id, now(), 99, hash FROM entries WHERE type = 'charge'"
        );
        let refusal = refusal(&raw, &sql).await;
        assert!(refusal.contains(rule), "{refusal}");
    }
}

#[tokio::test]
async fn an_add_key_is_used_once_per_account_and_a_place_in_the_chain_once() {
    let (_database, raw) = seeded().await;
    for (seq, key, rule) in
        [(99, "welcome:1", "one_add_per_account_and_key"), (1, "k", "entries_of_an_account_form_one_chain")]
    {
        let sql = format!(
            "INSERT INTO entries (account_id, type, amount, balance_after, add_key, created_at, seq, hash)
            SELECT account_id, 'add', 1, 1, '{key}', now(), {seq}, hash FROM entries WHERE type = 'add'"
        );
        let refusal = refusal(&raw, &sql).await;
        assert!(refusal.contains(rule), "{refusal}");
    }
}

#[tokio::test]
async fn a_generation_has_one_open_and_one_used_attempt() {
    let (database, raw) = seeded().await;
    let again = "INSERT INTO attempts SELECT generation_id, 2, account_id, model, kind, provider, native_model,
        outcome, estimated_cost, simulated, NULL, NULL, NULL, NULL, false, submitted_at, NULL, resolved_at FROM attempts";
    assert!(refusal(&raw, again).await.contains("one_open_attempt_per_generation"));
    database.ask(charge(1, 1)).await;
    assert!(refusal(&raw, again).await.contains("one_used_attempt_per_generation"));
}

#[tokio::test]
async fn nothing_belongs_to_an_account_that_is_not_there() {
    let (_database, raw) = seeded().await;
    let entry = "INSERT INTO entries (account_id, type, amount, balance_after, add_key, created_at, seq, hash)
        SELECT gen_random_uuid(), 'add', 1, 1, 'k', now(), 1, hash FROM entries LIMIT 1";
    assert!(refusal(&raw, entry).await.contains("entries belong to an account"));
    let generation = "INSERT INTO generations (generation_id, account_id, apikey_id, model, kind, request,
            provider_order, amount, status, created_at, deadline_at)
        SELECT gen_random_uuid(), gen_random_uuid(), apikey_id, model, kind, request, provider_order, 1, 'pending',
            now(), now() FROM generations";
    assert!(refusal(&raw, generation).await.contains("generations belong to an account"));
}
