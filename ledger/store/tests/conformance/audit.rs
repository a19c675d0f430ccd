//! The audit finds what was planted, and names it.

use ledger_contract::{AttemptOutcome::Failed, wire::AuditReport};

use crate::{
    commands::{accept, account, add, charge, delete, finish, generation, refund, reserve_under, start},
    database::{Database, GUARDS},
};

/// Generation 1 succeeded, 2 failed, 3 is open, 4 was deleted.
async fn lived_in() -> Database {
    let database = Database::with_credits(1_000).await;
    for n in 1..=4 {
        database.ask(reserve_under(n, &format!("key-{n}"), "print")).await;
    }
    database.ask(accept(1, 1)).await;
    database.ask(finish(1, 1, Failed)).await;
    database.ask(start(1, 2)).await;
    database.ask(charge(1, 2)).await;
    database.ask(refund(2, false)).await;
    database.ask(delete(4)).await;
    database.ask(add("order:1", 50)).await;
    database
}

/// What the audit says after these statements, with every guard that would stop them gone.
async fn after(statements: &[&'static str]) -> Vec<String> {
    let database = lived_in().await;
    database.assert_clean().await;
    let raw = database.raw().await;
    let mut connection = raw.acquire().await.unwrap();
    for statement in GUARDS.iter().chain(statements) {
        sqlx::query(*statement).execute(&mut *connection).await.unwrap();
    }
    database.store.audit().await.unwrap().violations
}

/// The first violation that names `id` and says `words`.
fn says(violations: &[String], id: &impl ToString, words: &str) {
    let id = id.to_string();
    assert!(violations.iter().any(|line| line.contains(&id) && line.contains(words)), "{words}: {violations:#?}");
}

#[tokio::test]
async fn a_clean_book_is_counted_and_has_no_violations() {
    let database = lived_in().await;
    let report = AuditReport { accounts: 2, generations: 3, entries: 9, violations: vec![] };
    assert_eq!(database.store.audit().await.unwrap(), report);
}

#[tokio::test]
async fn a_balance_that_is_not_the_sum_of_entries_is_found() {
    let found = after(&["UPDATE accounts SET balance = balance + 1 WHERE name = 'Account 1'"]).await;
    says(&found, &account(1), "adds less reserves plus refunds");
    says(&found, &account(1), "its newest entry leaves");
    assert_eq!(found.len(), 2, "{found:?}");
}

#[tokio::test]
async fn a_changed_entry_breaks_the_chain() {
    let found = after(&["UPDATE entries SET amount = amount + 7 WHERE entry_id = 1"]).await;
    says(&found, &account(1), "entry 1 leaves a balance");
    let found = after(&["UPDATE entries SET balance_after = 3 WHERE entry_id = 2"]).await;
    says(&found, &account(1), "entry 2 leaves a balance");
    says(&found, &account(1), "entry 3 leaves a balance");
}

#[tokio::test]
async fn counts_that_differ_from_the_records_are_found() {
    for sql in [
        "UPDATE accounts SET in_flight = in_flight + 1 WHERE name = 'Account 1'",
        "UPDATE accounts SET reserved = reserved - 1 WHERE name = 'Account 1'",
        "UPDATE accounts SET generations_total = generations_total + 1 WHERE name = 'Account 1'",
    ] {
        let found = after(&[sql]).await;
        says(&found, &account(1), "its records are");
        assert_eq!(found.len(), 1, "{found:?}");
    }
}

#[tokio::test]
async fn a_missing_or_second_reserve_is_found() {
    let missing = "DELETE FROM entries WHERE type = 'reserve' AND CAST(generation_id AS TEXT) LIKE '%1'";
    let found = after(&[missing]).await;
    says(&found, &generation(1), "has 0 reserves");
    says(&found, &generation(1), "without a reserve");
    let second = "INSERT INTO entries (account_id, seq, type, amount, balance_after, generation_id, created_at, hash)
        SELECT g.account_id, 99, 'reserve', g.amount, 1, g.generation_id, e.created_at, e.hash
        FROM generations AS g JOIN entries AS e ON e.entry_id = 1 WHERE CAST(g.generation_id AS TEXT) LIKE '%3'";
    says(&after(&[second]).await, &generation(3), "has 2 reserves");
    let dearer = "UPDATE generations SET amount = amount + 1 WHERE CAST(generation_id AS TEXT) LIKE '%3'";
    says(&after(&[dearer]).await, &generation(3), "of another account or amount");
}

#[tokio::test]
async fn an_end_that_does_not_fit_is_found() {
    let wrong = "UPDATE entries SET type = 'refund' WHERE type = 'charge'";
    says(&after(&[wrong]).await, &generation(1), "is succeeded with 0 charges and 1 refunds");
    let missing = "DELETE FROM entries WHERE type = 'refund' AND CAST(generation_id AS TEXT) LIKE '%2'";
    says(&after(&[missing]).await, &generation(2), "is failed with 0 charges and 0 refunds");
    let open = "INSERT INTO entries (account_id, seq, type, amount, balance_after, generation_id, created_at, hash)
        SELECT g.account_id, 99, 'charge', g.amount, 1, g.generation_id, e.created_at, e.hash
        FROM generations AS g JOIN entries AS e ON e.entry_id = 1 WHERE CAST(g.generation_id AS TEXT) LIKE '%3'";
    says(&after(&[open]).await, &generation(3), "is pending, yet entry");
    let cheaper = "UPDATE entries SET amount = 1 WHERE type = 'refund' AND CAST(generation_id AS TEXT) LIKE '%2'";
    says(&after(&[cheaper]).await, &generation(2), "without a reserve of the same account and amount");
    let deleted = "DELETE FROM entries WHERE type = 'refund' AND CAST(generation_id AS TEXT) LIKE '%4'";
    says(&after(&[deleted]).await, &generation(4), "is deleted with 0 charges or refunds");
}

#[tokio::test]
async fn attempts_that_do_not_fit_their_generation_are_found() {
    let pending = "UPDATE attempts SET outcome = 'pending' WHERE CAST(generation_id AS TEXT) LIKE '%2'";
    says(&after(&[pending]).await, &generation(2), "yet attempt 1 is pending");
    let gone = "UPDATE attempts SET outcome = 'pending' WHERE CAST(generation_id AS TEXT) LIKE '%4'";
    says(&after(&[gone]).await, &generation(4), "is deleted, yet attempt 1 is pending");
    let unused = "UPDATE attempts SET outcome = 'discarded' WHERE CAST(generation_id AS TEXT) LIKE '%1'";
    says(&after(&[unused]).await, &generation(1), "0 used attempts of 2");
    let twice = "UPDATE attempts SET outcome = 'used' WHERE CAST(generation_id AS TEXT) LIKE '%1'";
    says(&after(&[twice]).await, &generation(1), "2 used attempts of 2");
    let failed = "UPDATE attempts SET outcome = 'used' WHERE CAST(generation_id AS TEXT) LIKE '%2'";
    says(&after(&[failed]).await, &generation(2), "is failed, yet attempt 1 is used");
}

#[tokio::test]
async fn an_ended_generation_without_a_stored_answer_is_found() {
    let found = after(&["UPDATE idempotency_keys SET stored = NULL"]).await;
    says(&found, &generation(1), "no answer");
    says(&found, &generation(4), "is deleted");
    assert_eq!(found.len(), 3);
}

#[tokio::test]
async fn an_entry_of_nobody_is_found() {
    let sql = "INSERT INTO entries (entry_id, account_id, seq, type, amount, balance_after, add_key, created_at, hash)
        SELECT 99, '00000000-0000-0000-0000-000000000000', 1, type, 1, 1, 'k', created_at, hash
        FROM entries WHERE entry_id = 1";
    assert_eq!(after(&[sql]).await, ["entry 99: there is no account 00000000-0000-0000-0000-000000000000"]);
}

#[tokio::test]
async fn a_report_is_bounded_however_broken_the_book() {
    let sql = "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
        INSERT INTO entries (entry_id, account_id, seq, type, amount, balance_after, add_key, created_at, hash)
        SELECT n.i, '00000000-0000-0000-0000-000000000000', n.i, e.type, 1, 1, 'k' || n.i, e.created_at, e.hash
        FROM n JOIN entries AS e ON e.entry_id = 1";
    let found = after(&[sql]).await;
    assert_eq!(found.len(), 1_001);
    says(&found[1_000..], &"", "only the first 1000");
}

#[tokio::test]
async fn a_changed_missing_or_reordered_row_breaks_the_hash_chain() {
    for (sql, place) in [
        ("UPDATE entries SET model = 'lab/other' WHERE entry_id = 2", "entry 2 has the hash"),
        ("UPDATE entries SET add_key = 'welcome:2' WHERE entry_id = 1", "entry 1 has the hash"),
        ("UPDATE entries SET apikey_id = NULL WHERE entry_id = 3", "entry 3 has the hash"),
        ("UPDATE entries SET hash = (SELECT hash FROM entries WHERE entry_id = 1) WHERE entry_id = 4", "entry 4 has"),
        ("DELETE FROM entries WHERE entry_id = 4", "entry 5 stands where entry 4 should"),
        ("UPDATE entries SET seq = 9 - seq WHERE entry_id IN (4, 5)", "entry 4 has the hash"),
        ("DELETE FROM entries WHERE entry_id = (SELECT max(entry_id) FROM entries)", "its chain ends with entry 9"),
        ("UPDATE accounts SET chain_seq = chain_seq - 1 WHERE name = 'Account 1'", "its chain ends with entry 8"),
    ] {
        says(&after(&[sql]).await, &account(1), place);
    }
}

#[tokio::test]
async fn a_description_is_not_hashed() {
    assert_eq!(after(&["UPDATE entries SET description = 'Another name'"]).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_budget_that_counts_other_than_its_entries_is_found() {
    let budget = "INSERT INTO budgets (budget_id, account_id, holder, amount, period, window_starts_at, spent)
        SELECT account_id, account_id, 'account', 1000, 'day', created_at, 201 FROM entries WHERE entry_id = 1";
    says(&after(&[budget]).await, &account(1), "has counted 201 thousandths, but its window holds 200");
}
