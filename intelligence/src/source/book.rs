//! All SQL of the observatory: three questions to the view `attempt_facts`. Opens the book anew for every reading, so that
//! it holds no lock and follows a replaced file; never writes. A second kind of database is a second variant here.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ledger_contract::{AttemptOutcome, Timestamp};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};

use super::SourceError;
use crate::archive::Kept;
use crate::frame::{Fact, latency_ms};

/// How long to wait for a writer that holds the whole file (a checkpoint, a migration).
const BUSY: Duration = Duration::from_secs(5);
/// Most rows of one question; about 300 bytes each.
pub const BATCH: usize = 100_000;

const COLUMNS: &str = "SELECT generation_id, attempt_order, model, provider, outcome, error_code, estimated_cost, \
     submitted_at, resolved_at, duration_s, resolution FROM attempt_facts";
const ENDED: &str = "WHERE resolved_at >= ?1 AND (resolved_at, generation_id, attempt_order) > (?1, ?2, ?3) \
     AND submitted_at >= ?4 ORDER BY resolved_at, generation_id, attempt_order LIMIT ?5";
const JUST_ENDED: &str = "WHERE resolved_at >= ?1 ORDER BY resolved_at DESC LIMIT ?2";
const IN_FLIGHT: &str = "WHERE outcome = 'pending' AND submitted_at >= ?1 ORDER BY submitted_at DESC LIMIT ?2";

/// Where attempts are written down.
#[derive(Clone, Debug)]
pub enum Book {
    /// A file.
    Sqlite(PathBuf),
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

impl Book {
    /// The book at `sqlite://PATH`. Opens nothing yet.
    pub fn new(database_url: &str) -> Result<Self, SourceError> {
        let path = database_url.strip_prefix("sqlite://").filter(|path| !path.is_empty());
        let path = path.ok_or_else(|| SourceError::UnknownDatabase(without_password(database_url)))?;
        Ok(Self::Sqlite(path.into()))
    }

    /// Attempts that ended after a place and were submitted at `start` or later, in the order they ended; at most
    /// [`BATCH`].
    pub async fn ended(&self, after: &Place, start: Timestamp, region: &str) -> Result<Batch, SourceError> {
        let mut book = self.open().await?;
        let text = format!("{COLUMNS} {ENDED}");
        let query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(after.resolved_at).bind(&after.generation_id);
        let rows = query.bind(after.attempt_order).bind(start.0).bind(limit()).fetch_all(&mut book).await;
        read(book, rows, region).await
    }

    /// Attempts that ended at `since` or later, the last ones first.
    pub async fn just_ended(&self, since: Timestamp, region: &str) -> Result<Batch, SourceError> {
        self.ask(JUST_ENDED, since, region).await
    }

    /// Attempts in flight that were submitted at `start` or later, the last ones first.
    pub async fn in_flight(&self, start: Timestamp, region: &str) -> Result<Batch, SourceError> {
        self.ask(IN_FLIGHT, start, region).await
    }

    async fn ask(&self, which: &str, since: Timestamp, region: &str) -> Result<Batch, SourceError> {
        let mut book = self.open().await?;
        let text = format!("{COLUMNS} {which}");
        let rows = sqlx::query(sqlx::AssertSqlSafe(text)).bind(since.0).bind(limit()).fetch_all(&mut book).await;
        read(book, rows, region).await
    }

    async fn open(&self) -> Result<SqliteConnection, SourceError> {
        let Self::Sqlite(path) = self;
        let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(BUSY);
        Ok(options.disable_statement_logging().connect().await?)
    }
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

async fn read(
    book: SqliteConnection,
    rows: Result<Vec<SqliteRow>, sqlx::Error>,
    region: &str,
) -> Result<Batch, SourceError> {
    // A reader's goodbye can't lose anything.
    let _ = book.close().await;
    let rows = rows?;
    let (mut names, region) = (HashSet::new(), Arc::from(region));
    let mut batch = Batch { full: rows.len() >= BATCH, ..Batch::default() };
    for row in &rows {
        let generation_id: String = row.try_get("generation_id")?;
        let attempt_order = row.try_get("attempt_order")?;
        let attempt = Kept::name(&generation_id, attempt_order);
        batch.attempts.extend(fact(row, &region, &mut names)?.map(|fact| Kept { attempt, fact }));
        let resolved_at = row.try_get::<Option<i64>, _>("resolved_at")?.unwrap_or_default();
        batch.last = Some(Place { resolved_at, generation_id, attempt_order });
    }
    Ok(batch)
}

fn fact(row: &SqliteRow, region: &Arc<str>, names: &mut HashSet<Arc<str>>) -> Result<Option<Fact>, SourceError> {
    let Ok(outcome) = row.try_get::<&str, _>("outcome")?.parse::<AttemptOutcome>() else { return Ok(None) };
    let submitted_at = Timestamp(row.try_get("submitted_at")?);
    let resolved_at = row.try_get::<Option<i64>, _>("resolved_at")?.map(Timestamp);
    let cost = row.try_get::<Option<i64>, _>("estimated_cost")?;
    Ok(Some(Fact {
        model: shared(names, row.try_get("model")?),
        region: Arc::clone(region),
        provider: shared(names, row.try_get("provider")?),
        outcome,
        latency_ms: resolved_at.map(|resolved_at| latency_ms(submitted_at, resolved_at)),
        submitted_at,
        resolved_at,
        error_code: row.try_get::<Option<&str>, _>("error_code")?.map(|code| shared(names, code)),
        estimated_cost: cost.and_then(|micro| i32::try_from(micro).ok()).map(|micro| f64::from(micro) / 1e6),
        duration_s: row.try_get("duration_s")?,
        resolution: row.try_get::<Option<&str>, _>("resolution")?.map(|name| shared(names, name)),
    }))
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
