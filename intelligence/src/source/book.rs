//! All SQL of the observatory: three questions to the view `attempt_facts`. Opens the book anew for every reading, so that
//! it holds no lock and follows a replaced file; never writes. `SQLite` counts milliseconds, Postgres has times of their own
//! type; everything else is one text for both.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use ledger_contract::{AttemptOutcome, Timestamp};
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, SqliteConnection};

use super::SourceError;
use crate::archive::Kept;
use crate::frame::{Fact, latency_ms};

/// How long to wait for a writer that holds the whole file (a checkpoint, a migration).
const BUSY: Duration = Duration::from_secs(5);
/// Most rows of one question; about 300 bytes each.
pub const BATCH: usize = 100_000;

const COLUMNS: &str = "SELECT generation_id, attempt_order, model, provider, outcome, error_code, estimated_cost, \
     submitted_at, resolved_at, duration_s, resolution FROM attempt_facts";
const COLUMNS_IN_POSTGRES: &str = "SELECT generation_id::text, attempt_order, model, provider, outcome, error_code, \
     estimated_cost, floor(extract(epoch FROM submitted_at) * 1000)::bigint, \
     floor(extract(epoch FROM resolved_at) * 1000)::bigint, duration_s, resolution FROM attempt_facts AS f";
const ENDED: &str = "WHERE resolved_at >= $1 AND (resolved_at, generation_id, attempt_order) > ($1, $2, $3) \
     AND submitted_at >= $4 ORDER BY resolved_at, generation_id, attempt_order LIMIT $5";
const ENDED_IN_POSTGRES: &str = "WHERE resolved_at >= to_timestamp($1::bigint / 1000.0) \
     AND (resolved_at, f.generation_id::text, attempt_order) > (to_timestamp($1::bigint / 1000.0), $2::text, $3::bigint) \
     AND submitted_at >= to_timestamp($4::bigint / 1000.0) \
     ORDER BY resolved_at, f.generation_id, attempt_order LIMIT $5";

/// A question about everything since a moment.
#[derive(Clone, Copy, Debug)]
enum Since {
    JustEnded,
    InFlight,
}

/// One row of either database.
type Columns =
    (String, i64, String, String, String, Option<String>, Option<i64>, i64, Option<i64>, Option<f64>, Option<String>);

/// Where attempts are written down.
#[derive(Clone, Debug)]
pub enum Book {
    /// A file.
    Sqlite(PathBuf),
    /// A server.
    Postgres(Box<PgConnectOptions>),
}

/// Up to where a reading came: the last row's place in the order of resolution.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Unix milliseconds.
    pub resolved_at: i64,
    generation_id: String,
    attempt_order: i64,
}

impl Place {
    /// Before everything that was resolved at this moment or later.
    pub fn before(moment: Timestamp) -> Self {
        Self { resolved_at: moment.0, ..Self::default() }
    }
}

impl Since {
    fn in_sqlite(self) -> String {
        let which = match self {
            Self::JustEnded => "WHERE resolved_at >= $1 ORDER BY resolved_at DESC LIMIT $2",
            Self::InFlight => "WHERE outcome = 'pending' AND submitted_at >= $1 ORDER BY submitted_at DESC LIMIT $2",
        };
        format!("{COLUMNS} {which}")
    }

    fn in_postgres(self) -> String {
        let which = match self {
            Self::JustEnded => {
                "WHERE resolved_at >= to_timestamp($1::bigint / 1000.0) ORDER BY f.resolved_at DESC LIMIT $2"
            }
            Self::InFlight => {
                "WHERE outcome = 'pending' AND submitted_at >= to_timestamp($1::bigint / 1000.0) \
                 ORDER BY f.submitted_at DESC LIMIT $2"
            }
        };
        format!("{COLUMNS_IN_POSTGRES} {which}")
    }
}

impl Book {
    /// The book at `sqlite://PATH` or `postgres://…`. Opens nothing yet.
    pub fn new(database_url: &str) -> Result<Self, SourceError> {
        Self::at(database_url).ok_or_else(|| SourceError::UnknownDatabase(without_password(database_url)))
    }

    /// `None` where there can be none.
    fn at(url: &str) -> Option<Self> {
        if let Some(path) = url.strip_prefix("sqlite://").filter(|path| !path.is_empty()) {
            return Some(Self::Sqlite(path.into()));
        }
        let is_server = url.starts_with("postgres://") || url.starts_with("postgresql://");
        let options = is_server.then(|| PgConnectOptions::from_str(url).ok()).flatten()?;
        // It only reads, whatever its role may do.
        let read_only = [("default_transaction_read_only", "on"), ("application_name", "babysea-intelligence")];
        Some(Self::Postgres(Box::new(options.options(read_only))))
    }

    /// Attempts that ended after a place and were submitted at `start` or later, in the order they ended; at most
    /// [`BATCH`].
    pub async fn ended(&self, after: &Place, start: Timestamp, region: &str) -> Result<Batch, SourceError> {
        let Place { resolved_at, generation_id, attempt_order } = after;
        // A reader's goodbye can't lose anything.
        let rows = match self {
            Self::Sqlite(path) => {
                let mut book = open_file(path).await?;
                let query = sqlx::query_as(AssertSqlSafe(format!("{COLUMNS} {ENDED}"))).bind(resolved_at);
                let query = query.bind(generation_id).bind(attempt_order).bind(start.0).bind(limit());
                let rows = query.fetch_all(&mut book).await;
                let _ = book.close().await;
                rows
            }
            Self::Postgres(options) => {
                let mut book = connect(options).await?;
                let text = format!("{COLUMNS_IN_POSTGRES} {ENDED_IN_POSTGRES}");
                let query = sqlx::query_as(AssertSqlSafe(text)).bind(resolved_at);
                let query = query.bind(generation_id).bind(attempt_order).bind(start.0).bind(limit());
                let rows = query.fetch_all(&mut book).await;
                let _ = book.close().await;
                rows
            }
        };
        Ok(Batch::of(rows?, region))
    }

    /// Attempts that ended at `since` or later, the last ones first.
    pub async fn just_ended(&self, since: Timestamp, region: &str) -> Result<Batch, SourceError> {
        self.ask(Since::JustEnded, since, region).await
    }

    /// Attempts in flight that were submitted at `start` or later, the last ones first.
    pub async fn in_flight(&self, start: Timestamp, region: &str) -> Result<Batch, SourceError> {
        self.ask(Since::InFlight, start, region).await
    }

    async fn ask(&self, which: Since, since: Timestamp, region: &str) -> Result<Batch, SourceError> {
        let rows = match self {
            Self::Sqlite(path) => {
                let mut book = open_file(path).await?;
                let query = sqlx::query_as(AssertSqlSafe(which.in_sqlite())).bind(since.0).bind(limit());
                let rows = query.fetch_all(&mut book).await;
                let _ = book.close().await;
                rows
            }
            Self::Postgres(options) => {
                let mut book = connect(options).await?;
                let query = sqlx::query_as(AssertSqlSafe(which.in_postgres())).bind(since.0).bind(limit());
                let rows = query.fetch_all(&mut book).await;
                let _ = book.close().await;
                rows
            }
        };
        Ok(Batch::of(rows?, region))
    }
}

async fn open_file(path: &Path) -> Result<SqliteConnection, SourceError> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(BUSY);
    Ok(options.disable_statement_logging().connect().await?)
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, SourceError> {
    Ok(options.clone().disable_statement_logging().connect().await?)
}

/// What one question brought.
#[derive(Debug, Default)]
pub struct Batch {
    /// The attempts, without those whose outcome this version doesn't know: evidence it can't weigh.
    pub attempts: Vec<Kept>,
    /// Where the last row stands.
    pub last: Option<Place>,
    /// Whether there may be more.
    pub full: bool,
}

impl Batch {
    fn of(rows: Vec<Columns>, region: &str) -> Self {
        let (mut names, region) = (HashSet::new(), Arc::from(region));
        let mut batch = Self { full: rows.len() >= BATCH, ..Self::default() };
        for row in rows {
            let attempt = Kept::name(&row.0, row.1);
            batch.attempts.extend(fact(&row, &region, &mut names).map(|fact| Kept { attempt, fact }));
            let resolved_at = row.8.unwrap_or_default();
            batch.last = Some(Place { resolved_at, generation_id: row.0, attempt_order: row.1 });
        }
        batch
    }
}

/// `None`: an outcome that this version doesn't know.
fn fact(row: &Columns, region: &Arc<str>, names: &mut HashSet<Arc<str>>) -> Option<Fact> {
    let (_, _, model, provider, outcome, error_code, cost, submitted_at, resolved_at, duration_s, resolution) = row;
    let outcome = outcome.parse::<AttemptOutcome>().ok()?;
    let (submitted_at, resolved_at) = (Timestamp(*submitted_at), resolved_at.map(Timestamp));
    Some(Fact {
        model: shared(names, model),
        region: Arc::clone(region),
        provider: shared(names, provider),
        outcome,
        latency_ms: resolved_at.map(|resolved_at| latency_ms(submitted_at, resolved_at)),
        submitted_at,
        resolved_at,
        error_code: error_code.as_deref().map(|code| shared(names, code)),
        estimated_cost: cost.and_then(|micro| i32::try_from(micro).ok()).map(|micro| f64::from(micro) / 1e6),
        duration_s: *duration_s,
        resolution: resolution.as_deref().map(|name| shared(names, name)),
    })
}

fn shared(names: &mut HashSet<Arc<str>>, name: &str) -> Arc<str> {
    if let Some(known) = names.get(name) {
        return Arc::clone(known);
    }
    let name: Arc<str> = name.into();
    names.insert(Arc::clone(&name));
    name
}

fn limit() -> i64 {
    i64::try_from(BATCH).unwrap_or(i64::MAX)
}

/// A database URL may carry credentials; an error message may not.
fn without_password(url: &str) -> String {
    url.split_once("://").map_or_else(|| "the database URL".to_owned(), |(scheme, _)| format!("{scheme}://…"))
}
