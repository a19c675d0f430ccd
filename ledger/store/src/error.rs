//! What can go wrong between us and a database, as callers can act on it.

use sqlx::{error::DatabaseError, postgres::PgDatabaseError};

/// A failed call. Nothing of the call is in the database then, but for [`StoreError::InDoubt`].
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address is not one we can open.
    #[error("not a database address: `{0}`; expected sqlite://PATH or postgres://USER@HOST/DATABASE")]
    Address(String),
    /// The schema could not be brought up to date.
    #[error("the database schema can't be brought up to date")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The database does not answer, or can't be read or written now. Try again.
    #[error("the database is unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// The connection was lost during the commit: perhaps all of it happened, perhaps nothing. Ask again.
    #[error("the outcome of the commit is unknown")]
    InDoubt(#[source] sqlx::Error),
    /// A named rule of the schema refused the write. The same call fails again.
    #[error("a rule of the book refused the write: {rule}")]
    Constraint {
        /// The rule, in the database's words.
        rule: String,
        /// What the driver says.
        #[source]
        source: sqlx::Error,
    },
    /// A stored value is not what we write there.
    #[error("the database holds what can't be read: {0}")]
    Corrupt(String),
}

/// Primary result codes of `SQLite`: <https://www.sqlite.org/rescode.html>.
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_CONSTRAINT: i32 = 19;
const SQLITE_NOTADB: i32 = 26;

/// Classes of SQLSTATE: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
const DATA_EXCEPTION: &str = "22";
const CONSTRAINT_VIOLATION: &str = "23";
const TRANSACTION_ROLLBACK: &str = "40";
const DATA_CORRUPTED: &str = "XX001";
const INDEX_CORRUPTED: &str = "XX002";

/// What a database's refusal means.
enum Refusal {
    Rule,
    Corrupt,
    Other,
}

impl StoreError {
    /// The error of a commit. Refused in words, nothing happened; not answered, nobody knows.
    pub(crate) fn of_commit(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) if is_rolled_back(database.as_ref()) => error.into(),
            _ => Self::InDoubt(error),
        }
    }

    /// Whether Postgres broke the transaction off for the sake of another one.
    pub(crate) fn is_broken_off(&self) -> bool {
        let Self::Unavailable(sqlx::Error::Database(database)) = self else { return false };
        database.code().is_some_and(|code| code.starts_with(TRANSACTION_ROLLBACK))
    }
}

/// An error of the statement, not of the session: the server goes on, and has rolled back.
fn is_rolled_back(database: &dyn DatabaseError) -> bool {
    let code = database.code().unwrap_or_default();
    [CONSTRAINT_VIOLATION, TRANSACTION_ROLLBACK].iter().any(|class| code.starts_with(class))
}

fn refusal(database: &dyn DatabaseError) -> Refusal {
    let code = database.code().unwrap_or_default();
    if database.try_downcast_ref::<PgDatabaseError>().is_some() {
        return match code.get(..2) {
            Some(DATA_EXCEPTION | CONSTRAINT_VIOLATION) => Refusal::Rule,
            _ if code == DATA_CORRUPTED || code == INDEX_CORRUPTED => Refusal::Corrupt,
            _ => Refusal::Other,
        };
    }
    // The low byte of an extended result code is the primary one.
    match code.parse::<i32>().unwrap_or_default() & 0xff {
        SQLITE_CONSTRAINT => Refusal::Rule,
        SQLITE_CORRUPT | SQLITE_NOTADB => Refusal::Corrupt,
        _ => Refusal::Other,
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) | sqlx::Error::Decode(_) => {
                Self::Corrupt(error.to_string())
            }
            sqlx::Error::Database(database) => match refusal(database.as_ref()) {
                Refusal::Rule => Self::Constraint { rule: database.message().to_owned(), source: error },
                Refusal::Corrupt => Self::Corrupt(database.message().to_owned()),
                Refusal::Other => Self::Unavailable(error),
            },
            _ => Self::Unavailable(error),
        }
    }
}
