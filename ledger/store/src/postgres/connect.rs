//! Opens the pools, brings the schema up to date, and begins transactions over connections that may have gone stale.

use std::{str::FromStr, time::Duration};

use sqlx::{
    PgPool, Postgres as Driver, Transaction,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::Postgres;
use crate::error::StoreError;

/// A process that knows fewer migrations than the database has goes on working: every migration first expands, and a
/// later version contracts.
static MIGRATIONS: Migrator = Migrator { ignore_missing: true, ..sqlx::migrate!("../../migrations/postgres") };

/// How long a call waits for a connection or a lock before it says unavailable. Below the 5 s that any route but
/// create may take (api contract §1.4).
const WAIT: Duration = Duration::from_secs(4);

/// Connections that commit. One committer uses one at a time; the other is there when the first has to be replaced.
const COMMITTING: u32 = 2;

/// A batch is looked up by ids, whatever the tables' statistics say: plans made while they were empty would scan them.
const LOOK_UPS: [(&str, &str); 5] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
];

/// Sessions are ours alone: a lock is not waited for longer than a call lives, and a process that froze in the middle
/// of a transaction does not keep the others waiting.
const SESSION: [(&str, &str); 3] =
    [("TimeZone", "UTC"), ("lock_timeout", "4s"), ("idle_in_transaction_session_timeout", "15s")];

impl Postgres {
    /// Opens `postgres://…`. `connections` bounds those that do not commit.
    pub(crate) async fn open(url: &str, connections: u32) -> Result<Self, StoreError> {
        // The text may hold a password: it stays out of the error.
        let options = PgConnectOptions::from_str(url).map_err(|_| StoreError::Address("postgres://…".to_owned()))?;
        let options = options.application_name("babysea-ledger").options(SESSION);
        let pool = pool(connections).connect_with(options.clone()).await?;
        // Under an advisory lock: of several processes that start together, one migrates.
        MIGRATIONS.run(&pool).await?;
        let commits = pool_of_committers(options.options(LOOK_UPS)).await?;
        Ok(Self { commits, pool })
    }
}

fn pool(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new().max_connections(connections.max(1)).acquire_timeout(WAIT)
}

async fn pool_of_committers(options: PgConnectOptions) -> Result<PgPool, StoreError> {
    // Asking before every batch whether the connection lives would cost it a round trip: `begin` finds out.
    let pool = pool(COMMITTING).test_before_acquire(false).idle_timeout(None).max_lifetime(None);
    Ok(pool.connect_with(options).await?)
}

/// Begins a transaction. A connection that broke while it was idle is replaced: nothing was said over it yet.
pub(super) async fn begin(pool: &PgPool) -> Result<Transaction<'static, Driver>, StoreError> {
    let mut left = pool.options().get_max_connections();
    loop {
        match pool.begin().await {
            Err(sqlx::Error::Io(_) | sqlx::Error::Database(_) | sqlx::Error::BeginFailed) if left > 0 => left -= 1,
            result => return Ok(result?),
        }
    }
}
