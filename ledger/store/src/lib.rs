//! All ledger SQL. Reason to exist: **(h)** sqlx stays in here, and so does every statement.
//!
//! It loads, persists and reads; what is decided is decided in `ledger-book`. No clock: every `now` is passed in.
//!
//! | room | says |
//! |---|---|
//! | [`store`] | [`Store`]: the one list of everything that can be asked of a database |
//! | [`read`] | the shapes of what is read |
//! | [`error`] | [`StoreError`] |
//! | `audit` | the walk along every account's chain, the same for every database |
//! | `postgres` | the Postgres variant, a file per concern |
//! | `sqlite` | the SQLite variant, a file per concern |

mod audit;
pub mod error;
mod postgres;
pub mod read;
mod sqlite;
pub mod store;

pub use error::StoreError;
pub use postgres::Postgres;
pub use read::{
    AccountProfile, ArchivePlan, EndpointUsage, GenerationPage, GenerationRow, ProviderUsage, Rotation, SweptOutputs,
    Usage,
};
pub use sqlite::Sqlite;
pub use store::{CONNECTIONS, OVERDUE_GRACE_MS, Store};
