//! The one view query. Reads resolved attempts from `attempt_facts` as they come, and remembers those of the window; it
//! never writes, and it opens the book anew for every reading, so that it holds no lock and follows a replaced file.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use ledger_contract::{AttemptOutcome, Timestamp};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};

use crate::frame::{Fact, Window, latency_ms};

/// How far before the newest resolution we have seen we read again: a resolution becomes visible when its transaction
/// commits, which is after the moment it carries.
const OVERLAP_MS: i64 = 300_000;
/// Most attempts remembered; about 200 bytes each. Beyond it the oldest are forgotten and the window is shorter than asked.
const MAX_FACTS: usize = 1_000_000;
/// How long to wait for a writer that holds the whole file (a checkpoint, a migration).
const BUSY: Duration = Duration::from_secs(5);

const FACTS: &str = "SELECT generation_id, attempt_order, model, provider, outcome, submitted_at, resolved_at \
     FROM attempt_facts WHERE resolved_at >= ?1 AND submitted_at >= ?2 ORDER BY resolved_at DESC LIMIT ?3";

/// Why facts can't be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Not a URL of a database we can read.
    #[error("`{0}`: not supported in this build; use sqlite://PATH")]
    UnknownDatabase(String),
    /// Missing, locked, broken, or not a book.
    #[error("the book can't be read: {0}")]
    Unavailable(#[from] sqlx::Error),
}

/// Where facts come from, and what is remembered of them.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    region: Arc<str>,
    memory: Memory,
}

/// Facts of the window by attempt. Lost memory is read again.
#[derive(Debug, Default)]
pub struct Memory {
    facts: HashMap<(Box<str>, i64), Fact>,
    names: HashSet<Arc<str>>,
    newest: Option<Timestamp>,
    covers_from: Option<Timestamp>,
}

impl Source {
    /// A source that reads `sqlite://PATH` and labels its facts with a region. Opens nothing yet.
    pub fn new(database_url: &str, region: &str) -> Result<Self, SourceError> {
        let path = database_url.strip_prefix("sqlite://").filter(|path| !path.is_empty());
        let path = path.ok_or_else(|| SourceError::UnknownDatabase(without_password(database_url)))?;
        Ok(Self { path: path.into(), region: region.into(), memory: Memory::default() })
    }

    /// Reads what is new since the last time, forgets what has left the window; says how many rows were read.
    pub async fn refresh(&mut self, window: Window) -> Result<u64, SourceError> {
        let start = window.start();
        let read_from = self.memory.read_from(window);
        // Newest rows come first: a reading that breaks off has covered nothing.
        self.memory.covers_from = None;
        let options = SqliteConnectOptions::new().filename(&self.path).read_only(true).busy_timeout(BUSY);
        let mut book = options.disable_statement_logging().connect().await?;
        let rows = self.read(&mut book, read_from, start).await;
        // A reader's goodbye can't lose anything.
        let _ = book.close().await;
        let rows = rows?;
        self.memory.forget_before(start);
        self.memory.covers_from = Some(start);
        Ok(rows)
    }

    async fn read(
        &mut self,
        book: &mut SqliteConnection,
        from: Timestamp,
        start: Timestamp,
    ) -> Result<u64, SourceError> {
        let limit = i64::try_from(MAX_FACTS).unwrap_or(i64::MAX);
        let mut stream = sqlx::query(FACTS).bind(from.0).bind(start.0).bind(limit).fetch(book);
        let mut rows = 0;
        while let Some(row) = stream.try_next().await? {
            self.memory.keep(&row, &self.region)?;
            rows += 1;
        }
        Ok(rows)
    }

    /// Takes the memory away, to look at it elsewhere; give it back with [`Source::restore`].
    #[must_use = "what is not restored is read again from the book"]
    pub fn take(&mut self) -> Memory {
        std::mem::take(&mut self.memory)
    }

    /// Gives the memory back.
    pub fn restore(&mut self, memory: Memory) {
        self.memory = memory;
    }
}

impl Memory {
    /// The remembered facts, in no order.
    pub fn facts(&self) -> impl Iterator<Item = &Fact> + Clone {
        self.facts.values()
    }

    /// From which resolution on to read. A clock that was ahead doesn't make us skip, and a window that reaches further
    /// back than what we remember is read whole.
    fn read_from(&self, window: Window) -> Timestamp {
        let start = window.start();
        match (self.newest, self.covers_from) {
            (Some(newest), Some(covered)) if covered <= start => newest.min(window.now).plus_ms(-OVERLAP_MS).max(start),
            _ => start,
        }
    }

    fn keep(&mut self, row: &SqliteRow, region: &Arc<str>) -> Result<(), SourceError> {
        let outcome: &str = row.try_get("outcome")?;
        // An outcome that this version doesn't know is evidence it can't weigh.
        let Ok(outcome) = outcome.parse::<AttemptOutcome>() else { return Ok(()) };
        let (submitted_at, resolved_at) =
            (Timestamp(row.try_get("submitted_at")?), Timestamp(row.try_get("resolved_at")?));
        let fact = Fact {
            model: self.shared(row.try_get("model")?),
            region: Arc::clone(region),
            provider: self.shared(row.try_get("provider")?),
            outcome,
            latency_ms: Some(latency_ms(submitted_at, resolved_at)),
            submitted_at,
            resolved_at: Some(resolved_at),
            error_code: None,
            estimated_cost: None,
            duration_s: None,
            resolution: None,
        };
        let attempt = (row.try_get::<String, _>("generation_id")?.into_boxed_str(), row.try_get("attempt_order")?);
        self.facts.insert(attempt, fact);
        self.newest = self.newest.max(Some(resolved_at));
        Ok(())
    }

    fn forget_before(&mut self, start: Timestamp) {
        self.facts.retain(|_, fact| fact.submitted_at >= start);
        if self.facts.len() > MAX_FACTS {
            let mut times: Vec<i64> = self.facts.values().map(|fact| fact.submitted_at.0).collect();
            let surplus = times.len() - MAX_FACTS;
            let (_, oldest_kept, _) = times.select_nth_unstable(surplus);
            let oldest_kept = Timestamp(*oldest_kept);
            self.facts.retain(|_, fact| fact.submitted_at >= oldest_kept);
            tracing::warn!(forgotten = surplus, "more attempts in the window than fit: the oldest are left out");
        }
        self.names.retain(|name| Arc::strong_count(name) > 1);
    }

    fn shared(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return Arc::clone(known);
        }
        let name: Arc<str> = name.into();
        self.names.insert(Arc::clone(&name));
        name
    }
}

/// A database URL may carry credentials; an error message may not.
fn without_password(url: &str) -> String {
    url.split_once("://").map_or_else(|| "the database URL".to_owned(), |(scheme, _)| format!("{scheme}://…"))
}
