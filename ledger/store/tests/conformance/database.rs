//! A database file of one's own, with accounts 1 and 2 (starter: 5 in flight). Every clean test ends with an audit.

use ledger_contract::{Credits, Plan, Timestamp, access::Account, command::Ask};
use ledger_store::Store;
use sqlx::{SqlitePool, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use crate::commands::{NOW, account, add};

/// What has to go before anything can be planted.
pub const GUARDS: &[&str] = &[
    "DROP TRIGGER entries_are_never_updated",
    "DROP TRIGGER entries_are_deleted_only_behind_a_checkpoint",
    "DROP TRIGGER every_entry_is_chained",
    "DROP INDEX entries_of_an_account_form_one_chain",
    "DROP INDEX one_reserve_per_generation",
    "DROP INDEX one_charge_or_refund_per_generation",
    "DROP INDEX one_used_attempt_per_generation",
    "PRAGMA ignore_check_constraints = ON",
    "PRAGMA foreign_keys = OFF",
];

pub struct Database {
    pub store: Store,
    folder: TempDir,
}

impl Database {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&url(&folder)).await.unwrap();
        for n in [1, 2] {
            store.create_account(&named(n), NOW).await.unwrap();
        }
        Self { store, folder }
    }

    /// Account 1 has this many thousandths.
    pub async fn with_credits(amount: i64) -> Self {
        let database = Self::new().await;
        database.ask(add("welcome:1", amount)).await;
        database
    }

    pub async fn ask<C: Ask>(&self, command: C) -> C::Answer {
        self.ask_at(command, NOW).await
    }

    pub async fn ask_at<C: Ask>(&self, command: C, now: Timestamp) -> C::Answer {
        ask(&self.store, command, now).await
    }

    /// The same file, opened once more by another store.
    pub async fn reopened(&self) -> Store {
        Store::open(&url(&self.folder)).await.unwrap()
    }

    /// The same file without us in between, foreign keys on.
    pub async fn raw(&self) -> SqlitePool {
        let options = SqliteConnectOptions::new().filename(self.folder.path().join("book.db")).foreign_keys(true);
        SqlitePool::connect_with(options).await.unwrap()
    }

    pub async fn assert_clean(&self) {
        assert_eq!(self.store.audit().await.unwrap().violations, Vec::<String>::new());
    }
}

pub async fn ask<C: Ask>(store: &Store, command: C, now: Timestamp) -> C::Answer {
    let answers = store.apply(&[command.into_command()], now).await.unwrap();
    C::from_answer(answers.into_iter().next().unwrap()).unwrap()
}

pub fn named(n: u32) -> Account {
    Account {
        account_id: account(n),
        name: format!("Account {n}"),
        plan: Plan::Starter,
        balance: Credits::ZERO,
        in_flight: 0,
        created_at: NOW.plus_ms(i64::from(n)),
    }
}

fn url(folder: &TempDir) -> String {
    format!("sqlite://{}", folder.path().join("book.db").display())
}
