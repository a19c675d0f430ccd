//! The book on Postgres: many processes may share it. Knows connections and transactions; a file per concern.
//!
//! Locks are taken in one order everywhere, so that nobody waits in a circle: accounts by id, leases by holder, then what
//! belongs to the accounts. Whoever can't keep that order skips what is locked.

mod accounts;
mod archive;
mod audit;
mod budgets;
mod chain;
mod connect;
mod keys;
mod leases;
mod load;
mod moves;
mod persist;
mod reads;
mod request_log;
mod routing;
mod rows;
mod sweep;
mod usage;

use ledger_contract::{
    Timestamp,
    command::{Answer, Command},
};
use sqlx::{PgPool, Postgres as Driver, Transaction};

use crate::error::StoreError;

/// How often a batch is tried that Postgres itself broke off (a deadlock, a conflict of snapshots).
const TRIES: u32 = 3;

/// A database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Postgres {
    /// For commands: nobody else can take these connections.
    commits: PgPool,
    /// For everything else.
    pool: PgPool,
}

impl Postgres {
    pub(crate) async fn close(&self) {
        self.pool.close().await;
        self.commits.close().await;
    }

    pub(crate) async fn apply(&self, commands: &[Command], now: Timestamp) -> Result<Vec<Answer>, StoreError> {
        let mut tries = 1;
        loop {
            match self.try_apply(commands, now).await {
                Err(error) if error.is_broken_off() && tries < TRIES => tries += 1,
                result => return result,
            }
        }
    }

    async fn try_apply(&self, commands: &[Command], now: Timestamp) -> Result<Vec<Answer>, StoreError> {
        let mut transaction = connect::begin(&self.commits).await?;
        let needs = ledger_book::Needs::of(commands);
        let mut book = load::book(&mut transaction, &needs).await?;
        let answers = ledger_book::apply(&mut book, commands, now);
        persist::effects(&mut transaction, &book.into_effects(), now).await?;
        commit(transaction).await?;
        Ok(answers)
    }

    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1 FROM accounts LIMIT 1").fetch_optional(&self.pool).await?;
        // A standby answers reads, and is not ready.
        let writable = "SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'";
        if sqlx::query_scalar::<_, bool>(writable).fetch_one(&self.pool).await? {
            Ok(())
        } else {
            Err(StoreError::Unavailable(sqlx::Error::Protocol("the database can only be read".to_owned())))
        }
    }

    async fn write(&self) -> Result<Transaction<'static, Driver>, StoreError> {
        connect::begin(&self.pool).await
    }

    /// A read transaction: everything read in it is of one moment.
    async fn read(&self) -> Result<Transaction<'static, Driver>, StoreError> {
        Ok(self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?)
    }
}

/// Ends a transaction. When the connection breaks now, nobody can say whether it happened.
async fn commit(transaction: Transaction<'static, Driver>) -> Result<(), StoreError> {
    transaction.commit().await.map_err(StoreError::of_commit)
}
