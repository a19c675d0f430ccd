//! Every rule of the schema bites, and the list of rules is whole.

use sqlx::{Row, SqlitePool};

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
    ("a_key_is_active_rotated_or_revoked", "UPDATE api_keys SET state = 'expired'"),
    ("a_prefix_has_nine_characters", "UPDATE api_keys SET prefix = 'bye_1234'"),
    ("a_generation_is_an_image_or_a_video", "UPDATE generations SET kind = 'audio'"),
    ("a_status_is_a_known_status", "UPDATE generations SET status = 'done'"),
    ("a_generation_costs_something", "UPDATE generations SET amount = 0"),
    ("a_generation_is_completed_when_terminal", "UPDATE generations SET status = 'canceled'"),
    ("a_success_has_outputs", "UPDATE generations SET status = 'succeeded', completed_at = 1"),
    ("a_failure_says_why", "UPDATE generations SET status = 'failed', completed_at = 1"),
    ("attempts_count_from_one", "UPDATE attempts SET attempt_order = 0"),
    ("an_outcome_is_a_known_outcome", "UPDATE attempts SET outcome = 'lost'"),
    ("an_attempt_is_resolved_unless_pending", "UPDATE attempts SET outcome = 'failed'"),
    (
        "an_attempt_is_not_resolved_before_it_is_submitted",
        "UPDATE attempts SET outcome = 'failed', resolved_at = submitted_at - 1",
    ),
    (
        "an_entry_is_a_known_type",
        "INSERT INTO entries SELECT 99, account_id, 'gift', 1, 1, 'g', NULL, NULL, NULL, 1, 99, NULL, hex(zeroblob(32)) FROM accounts",
    ),
    (
        "an_amount_is_above_zero",
        "INSERT INTO entries SELECT 99, account_id, 'add', 0, 1, NULL, 'k', NULL, NULL, 1, 99, NULL, hex(zeroblob(32)) FROM accounts",
    ),
    (
        "an_amount_is_at_most_the_maximum",
        "INSERT INTO entries SELECT 99, account_id, 'add', 10000000000, 1, NULL, 'k', NULL, NULL, 1, 99, NULL, hex(zeroblob(32)) FROM accounts",
    ),
    (
        "a_balance_after_is_never_negative",
        "INSERT INTO entries SELECT 99, account_id, 'add', 1, -1, NULL, 'k', NULL, NULL, 1, 99, NULL, hex(zeroblob(32)) FROM accounts",
    ),
    (
        "an_add_has_a_key_and_all_else_a_generation",
        "INSERT INTO entries SELECT 99, account_id, 'add', 1, 1, NULL, NULL, NULL, NULL, 1, 99, NULL, hex(zeroblob(32)) FROM accounts",
    ),
    (
        "an_address_is_kept_as_a_hash",
        "INSERT INTO request_log SELECT account_id, 1, 'r', 'k', 'n', 'p', 'GET', '/', '', 200, '', 0, '192.0.2.1', '', 1
        FROM accounts",
    ),
    ("a_switch_names_something", "INSERT INTO routing_switches VALUES ('', '', '', 1)"),
    ("a_chain_counts_from_zero", "UPDATE accounts SET chain_seq = -1"),
    ("a_chain_ends_in_a_hash", "UPDATE accounts SET chain_hash = 'x'"),
    (
        "entries_count_from_one",
        "INSERT INTO entries SELECT 99, account_id, 'add', 1, 1, NULL, 'k', NULL, NULL, 1, 0, NULL, hex(zeroblob(32)) FROM accounts",
    ),
    (
        "an_entry_has_a_hash",
        "INSERT INTO entries SELECT 99, account_id, 'add', 1, 1, NULL, 'k', NULL, NULL, 1, 99, NULL, 'x' FROM accounts",
    ),
    (
        "an_archived_generation_has_ended",
        "INSERT INTO archived_generations SELECT generation_id, account_id, 1, 'reserve' FROM generations",
    ),
    (
        "a_budget_is_of_an_account_or_a_key",
        "INSERT INTO budgets SELECT 'b', account_id, 'team', 1, 'day', 0, 0, 0 FROM accounts",
    ),
    ("a_budget_is_above_zero", "INSERT INTO budgets SELECT 'b', account_id, 'key', 0, 'day', 0, 0, 0 FROM accounts"),
    (
        "a_period_is_a_known_period",
        "INSERT INTO budgets SELECT 'b', account_id, 'key', 1, 'year', 0, 0, 0 FROM accounts",
    ),
    ("spent_is_never_negative", "INSERT INTO budgets SELECT 'b', account_id, 'key', 1, 'day', 0, -1, 0 FROM accounts"),
];

/// An open generation with an open attempt, and a key.
async fn seeded() -> (Database, SqlitePool) {
    let database = Database::with_credits(1_000).await;
    database.ask(reserve(1)).await;
    database.ask(accept(1, 1)).await;
    let raw = database.raw().await;
    let key = "INSERT INTO api_keys (apikey_id, account_id, name, prefix, hash, scopes, allow_ips, state, created_at)
        SELECT 'k', account_id, 'n', 'bye_12345', 'h', '[]', '[]', 'active', 1 FROM accounts LIMIT 1";
    sqlx::query(key).execute(&raw).await.unwrap();
    (database, raw)
}

async fn refusal(raw: &SqlitePool, sql: &'static str) -> String {
    sqlx::query(sql).execute(raw).await.expect_err(sql).to_string()
}

#[tokio::test]
async fn every_named_constraint_bites() {
    let (database, raw) = seeded().await;
    for (name, sql) in TRIPS {
        let refusal = refusal(&raw, sql).await;
        assert!(refusal.ends_with(name), "{name}: {refusal}");
    }
    database.assert_clean().await;
}

#[tokio::test]
async fn no_named_constraint_is_without_a_test() {
    let (_database, raw) = seeded().await;
    let rows = sqlx::query("SELECT sql FROM sqlite_schema WHERE type = 'table'").fetch_all(&raw).await.unwrap();
    let schema: String = rows.iter().map(|row| row.get::<String, _>(0)).collect();
    let mut named: Vec<_> =
        schema.split("CONSTRAINT ").skip(1).filter_map(|rest| rest.split_whitespace().next()).collect();
    let mut tested: Vec<_> = TRIPS.iter().map(|(name, _)| *name).collect();
    named.sort_unstable();
    tested.sort_unstable();
    assert_eq!(named, tested);
}

#[tokio::test]
async fn entries_are_append_only() {
    let (_database, raw) = seeded().await;
    let update = refusal(&raw, "UPDATE entries SET description = 'x'").await;
    assert!(update.contains("entries are never updated"), "{update}");
    let delete = refusal(&raw, "DELETE FROM entries").await;
    assert!(delete.contains("entries are deleted only behind a checkpoint"), "{delete}");
}

#[tokio::test]
async fn a_generation_has_one_reserve_and_one_charge_or_refund() {
    let (database, raw) = seeded().await;
    database.ask(charge(1, 1)).await;
    let reserve = "INSERT INTO entries SELECT 99, account_id, 'reserve', 1, 1, generation_id, NULL, NULL, NULL, 1, 99, NULL, hex(zeroblob(32))
        FROM generations";
    let refund = "INSERT INTO entries SELECT 99, account_id, 'refund', 1, 1, generation_id, NULL, NULL, NULL, 1, 99, NULL, hex(zeroblob(32))
        FROM generations";
    for sql in [reserve, refund] {
        assert!(refusal(&raw, sql).await.contains("UNIQUE constraint failed: entries.generation_id"));
    }
}

#[tokio::test]
async fn an_add_key_is_used_once_per_account() {
    let (_database, raw) = seeded().await;
    let sql = "INSERT INTO entries SELECT 99, account_id, 'add', 1, 1, NULL, 'welcome:1', NULL, NULL, 1, 99, NULL, hex(zeroblob(32))
        FROM accounts ORDER BY balance DESC LIMIT 1";
    assert!(refusal(&raw, sql).await.contains("UNIQUE constraint failed: entries.account_id, entries.add_key"));
}

#[tokio::test]
async fn a_generation_has_one_open_and_one_used_attempt() {
    let (database, raw) = seeded().await;
    let again = "INSERT INTO attempts SELECT generation_id, 2, account_id, model, kind, provider, native_model,
        outcome, estimated_cost, simulated, NULL, NULL, NULL, NULL, 0, submitted_at, NULL, resolved_at, NULL, NULL
        FROM attempts";
    assert!(refusal(&raw, again).await.contains("UNIQUE constraint failed: attempts.generation_id"));
    database.ask(charge(1, 1)).await;
    assert!(refusal(&raw, again).await.contains("UNIQUE constraint failed: attempts.generation_id"));
}

#[tokio::test]
async fn nothing_belongs_to_an_account_that_is_not_there() {
    let (_database, raw) = seeded().await;
    let sql =
        "INSERT INTO entries VALUES (99, 'nobody', 'add', 1, 1, NULL, 'k', NULL, NULL, 1, 1, NULL, hex(zeroblob(32)))";
    assert!(refusal(&raw, sql).await.contains("FOREIGN KEY constraint failed"));
}
