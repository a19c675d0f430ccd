//! Attempts as they come: from the book, incrementally, into the archive. After the first reading only what ended since
//! the last one is read, and a little before it, since a resolution becomes visible later than it happened.

mod book;

use std::path::{Path, PathBuf};

use ledger_contract::Timestamp;

pub use book::Book;
use book::Place;

use crate::archive::{Archive, ArchiveError, Kept, OVERLAP_MS, Read};
use crate::frame::{Fact, Window};

/// Most batches of one reading: what doesn't fit is read by the next.
const MAX_BATCHES: usize = 1_000;

/// Why attempts can't be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Not a URL of a database we can read.
    #[error("`{0}`: not supported in this build; use sqlite://PATH")]
    UnknownDatabase(String),
    /// Missing, locked, broken, or not a book.
    #[error("the book can't be read: {0}")]
    Unavailable(#[from] sqlx::Error),
    /// Our own copy.
    #[error("the archive: {0}")]
    Archive(#[from] ArchiveError),
    /// The task that wrote it is gone.
    #[error("the archive was interrupted")]
    Interrupted,
}

/// Where attempts come from and where they are kept.
#[derive(Debug)]
pub struct Source {
    book: Book,
    region: String,
    root: PathBuf,
    retention_hours: u32,
    archive: Option<Archive>,
}

impl Source {
    /// Reads `sqlite://PATH`, labels its attempts with a region and keeps them under `root`, for `retention_hours` at
    /// least. Opens nothing yet.
    pub fn new(database_url: &str, region: &str, root: &Path, retention_hours: u32) -> Result<Self, SourceError> {
        let (region, root) = (region.to_owned(), root.to_owned());
        Ok(Self { book: Book::new(database_url)?, region, root, retention_hours, archive: None })
    }

    /// Reads what is new since the last time into the archive; says how many attempts were new.
    pub async fn refresh(&mut self, window: Window) -> Result<u64, SourceError> {
        let oldest = Window { hours: self.retention_hours.max(window.hours), ..window }.start();
        let mut archive = self.open().await?;
        let covers = archive.read().filter(|read| read.covers_from_ms <= window.start().0);
        if covers.is_none() {
            archive = blocking(move || archive.clear().map(|()| archive)).await?;
        }
        let from = covers.map_or(oldest.0, |read| read.newest_ms.min(window.now.0) - OVERLAP_MS).max(oldest.0);
        let mut read = covers.unwrap_or(Read { newest_ms: i64::MIN, covers_from_ms: oldest.0 });
        read.covers_from_ms = read.covers_from_ms.max(oldest.0);
        let (mut place, mut new) = (Place::before(Timestamp(from)), 0);
        for _ in 0..MAX_BATCHES {
            let batch = self.book.ended(&place, oldest, &self.region).await?;
            // A clock that was ahead doesn't make us skip.
            let newest = batch.last.as_ref().map_or(from, |last| last.resolved_at.min(window.now.0));
            read.newest_ms = read.newest_ms.min(window.now.0).max(newest);
            let attempts = batch.attempts;
            let kept;
            (archive, kept) = blocking(move || archive.keep(attempts, read).map(|kept| (archive, kept))).await?;
            new += kept;
            match batch.last {
                Some(last) if batch.full => place = last,
                _ => break,
            }
        }
        self.archive = Some(blocking(move || archive.tidy(oldest).map(|()| archive)).await?);
        Ok(new)
    }

    /// Attempts in flight, if they were submitted in the window.
    pub async fn in_flight(&self, window: Window) -> Result<Vec<Fact>, SourceError> {
        Ok(facts(self.book.in_flight(window.start(), &self.region).await?.attempts))
    }

    /// Attempts that ended at `since` or later, straight from the book.
    pub async fn just_ended(&self, since: Timestamp) -> Result<Vec<Fact>, SourceError> {
        Ok(facts(self.book.just_ended(since, &self.region).await?.attempts))
    }

    /// Takes the archive away, to look at it elsewhere; give it back with [`Source::restore`]. One that isn't is opened
    /// again.
    pub fn take(&mut self) -> Option<Archive> {
        self.archive.take()
    }

    /// Gives the archive back.
    pub fn restore(&mut self, archive: Archive) {
        self.archive = Some(archive);
    }

    /// The archive, opened again if another job has written to it.
    pub async fn open(&mut self) -> Result<Archive, SourceError> {
        let (known, root, region) = (self.archive.take(), self.root.clone(), self.region.clone());
        blocking(move || match known {
            Some(archive) if archive.is_current()? => Ok(archive),
            _ => Archive::open(&root, &region),
        })
        .await
    }
}

fn facts(kept: Vec<Kept>) -> Vec<Fact> {
    kept.into_iter().map(|kept| kept.fact).collect()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ArchiveError> + Send + 'static,
) -> Result<T, SourceError> {
    Ok(tokio::task::spawn_blocking(work).await.map_err(|_| SourceError::Interrupted)??)
}
