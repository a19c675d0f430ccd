//! What can go wrong between us and a database, as callers can act on it.

/// A failed call. Nothing of the call is in the database then.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address is not one we can open.
    #[error("not a database address: `{0}`; expected sqlite://PATH")]
    Address(String),
    /// The schema could not be brought up to date.
    #[error("the database schema can't be brought up to date")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The database does not answer, or can't be read or written now. Try again.
    #[error("the database is unavailable")]
    Unavailable(#[source] sqlx::Error),
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

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) | sqlx::Error::Decode(_) => {
                Self::Corrupt(error.to_string())
            }
            sqlx::Error::Database(database) => {
                let code = database.code().and_then(|code| code.parse::<i32>().ok()).unwrap_or_default();
                // The low byte of an extended result code is the primary one.
                match code & 0xff {
                    SQLITE_CONSTRAINT => Self::Constraint { rule: database.message().to_owned(), source: error },
                    SQLITE_CORRUPT | SQLITE_NOTADB => Self::Corrupt(database.message().to_owned()),
                    _ => Self::Unavailable(error),
                }
            }
            _ => Self::Unavailable(error),
        }
    }
}
