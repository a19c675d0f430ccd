//! A book that was written before entries were chained gets its chain when it is opened, and keeps everything else.

use ledger_contract::command::ReserveAnswer;
use ledger_store::Store;
use sqlx::{SqlitePool, migrate::Migrator, sqlite::SqliteConnectOptions};

use crate::{
    commands::{account, charge, reserve},
    database::ask,
};

const FIRST: &str = include_str!("../../../../migrations/sqlite/0001_create_book.sql");

/// What the first schema held: an add, a charged generation and one that is open.
const ROWS: &[&str] = &[
    "INSERT INTO accounts (account_id, name, plan, balance, reserved, in_flight, generations_total, generations_ever,
        created_at, updated_at)
    VALUES ('aaaaaaaa-0000-4000-8000-000000000001', 'Old', 'pro', 800, 100, 1, 2, 2, 1, 1)",
    "INSERT INTO generations (generation_id, account_id, apikey_id, model, kind, request, provider_order, amount, status,
        outputs, created_at, completed_at, deadline_at)
    SELECT '01999999-0000-7000-8000-00000000000' || value, 'aaaaaaaa-0000-4000-8000-000000000001',
        'bbbbbbbb-0000-4000-8000-000000000001', 'lab/model', 'image', '{}', '[]', 100,
        CASE value WHEN 1 THEN 'succeeded' ELSE 'pending' END, CASE value WHEN 1 THEN '[]' END, 1,
        CASE value WHEN 1 THEN 5 END, 9
    FROM json_each('[1, 2]')",
    "INSERT INTO entries (account_id, type, amount, balance_after, generation_id, add_key, model, created_at) VALUES
    ('aaaaaaaa-0000-4000-8000-000000000001', 'add', 1000, 1000, NULL, 'order:1', NULL, 2),
    ('aaaaaaaa-0000-4000-8000-000000000001', 'reserve', 100, 900, '01999999-0000-7000-8000-000000000001', NULL,
        'lab/model', 3),
    ('aaaaaaaa-0000-4000-8000-000000000001', 'reserve', 100, 800, '01999999-0000-7000-8000-000000000002', NULL,
        'lab/model', 4),
    ('aaaaaaaa-0000-4000-8000-000000000001', 'charge', 100, 800, '01999999-0000-7000-8000-000000000001', NULL,
        'lab/model', 5)",
];

#[tokio::test]
async fn a_book_of_before_is_sealed_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("book.db");
    let migrations = folder.path().join("migrations");
    std::fs::create_dir(&migrations).unwrap();
    std::fs::write(migrations.join("0001_create_book.sql"), FIRST).unwrap();
    let old =
        SqlitePool::connect_with(SqliteConnectOptions::new().filename(&path).create_if_missing(true)).await.unwrap();
    Migrator::new(migrations).await.unwrap().run(&old).await.unwrap();
    for sql in ROWS {
        sqlx::query(*sql).execute(&old).await.unwrap();
    }
    old.close().await;
    for _ in 0..2 {
        let store = Store::open(&format!("sqlite://{}", path.display())).await.unwrap();
        assert_eq!(store.audit().await.unwrap().violations, Vec::<String>::new());
        let rows = store.chain_entries(account(1), 0, 10).await.unwrap();
        let keys: Vec<_> = rows.iter().map(|row| (row.seq, row.apikey_id.is_some())).collect();
        assert_eq!(keys[..4], [(1, false), (2, true), (3, true), (4, false)]);
        let again = ask(&store, reserve(1), crate::commands::NOW).await;
        assert!(matches!(again, ReserveAnswer::AlreadyReserved { .. }), "{again:?}");
        ask(&store, ledger_contract::command::Charge { attempt_order: None, ..charge(2, 1) }, crate::commands::NOW)
            .await;
    }
}
