//! The book on `SQLite`: one connection writes, a few read. Knows files and transactions; a file per
//! concern.

mod accounts;
mod archive;
mod audit;
mod budgets;
mod chain;
mod keys;
mod leases;
mod load;
mod persist;
mod reads;
mod request_log;
mod routing;
mod rows;
mod sweep;
mod usage;

use std::time::Duration;

use ledger_contract::{
    Timestamp,
    command::{Answer, Command},
};
use sqlx::{
    Sqlite as Driver, SqlitePool, Transaction,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::error::StoreError;

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// Connections that read. `SQLite` readers never wait for the writer under WAL; more than a few only fight for cores.
const READERS: u32 = 4;
/// How long a call waits for a connection or for another process's lock before it says unavailable. Below the 5 s
/// that any route but create may take (api contract §1.4).
const WAIT: Duration = Duration::from_secs(4);

/// A database file. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sqlite {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Sqlite {
    pub(crate) async fn open(url: &str) -> Result<Self, StoreError> {
        let path = url.strip_prefix("sqlite://").filter(|path| !path.is_empty());
        let path = path.ok_or_else(|| StoreError::Address(url.to_owned()))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A commit that was answered survives a power cut: with WAL, only FULL syncs at every commit.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(WAIT);
        let pool = || SqlitePoolOptions::new().acquire_timeout(WAIT).idle_timeout(None).max_lifetime(None);
        let writer = pool().max_connections(1).connect_with(options.clone()).await?;
        MIGRATIONS.run(&writer).await?;
        let readers = pool().max_connections(READERS).connect_with(options.pragma("query_only", "ON")).await?;
        let sqlite = Self { writer, readers };
        sqlite.seal().await?;
        Ok(sqlite)
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    pub(crate) async fn apply(&self, commands: &[Command], now: Timestamp) -> Result<Vec<Answer>, StoreError> {
        let mut transaction = self.write().await?;
        let needs = ledger_book::Needs::of(commands);
        let mut book = load::book(&mut transaction, &needs).await?;
        let answers = ledger_book::apply(&mut book, commands, now);
        persist::effects(&mut transaction, book.into_effects(), now).await?;
        transaction.commit().await?;
        Ok(answers)
    }

    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1 FROM accounts LIMIT 1").fetch_optional(&self.readers).await?;
        // An empty write transaction takes the lock: a database that can be read only is not ready.
        self.write().await?.rollback().await?;
        Ok(())
    }

    /// A write transaction that holds the lock from the start, so that what it reads stays true until it commits.
    async fn write(&self) -> Result<Transaction<'static, Driver>, StoreError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// A read transaction: everything read in it is of one moment.
    async fn read(&self) -> Result<Transaction<'static, Driver>, StoreError> {
        Ok(self.readers.begin().await?)
    }
}
