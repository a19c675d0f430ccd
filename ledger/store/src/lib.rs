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
//! | `sqlite` | the SQLite variant, a file per concern |

mod audit;
pub mod error;
pub mod read;
mod sqlite;
pub mod store;

pub use error::StoreError;
pub use read::{
    AccountProfile, ArchivePlan, EndpointUsage, GenerationPage, GenerationRow, ProviderUsage, Rotation, SweptOutputs,
    Usage,
};
pub use sqlite::Sqlite;
pub use store::{OVERDUE_GRACE_MS, Store};
