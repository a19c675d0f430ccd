//! The observatory's own copy of the attempts that ended: a folder of Parquet files, `region=…/day=…/hour=…` by the hour
//! of submission, with a note of how far the book has been read. Files are never changed: passes add small ones,
//! compaction replaces many by one, retention removes whole hours. One process writes at a time (the publishing lease).
//!
//! Nothing personal is in it: no account, prompt, key, URL, message, and of a generation's id only a hash.

mod layout;
mod table;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ledger_contract::Timestamp;
use polars::prelude::{
    DataFrame, IntoLazy, LazyFrame, PlRefPath, PolarsError, PolarsResult, SortMultipleOptions, col, concat, lit,
};
use serde::{Deserialize, Serialize};

use crate::apart::apart;
use crate::frame::{Fact, SUBMITTED_AT, Window};
pub use layout::Hour;
use layout::{Part, live, parts};
pub use table::{ATTEMPT, Kept, read_file};

/// How far before the newest resolution the book is read again: a resolution becomes visible when its transaction
/// commits, which is after the moment it carries.
pub const OVERLAP_MS: i64 = 300_000;
/// An hour with this many files becomes one file.
const COMPACT_AT: usize = 12;
/// The note of how far the book has been read.
const NOTE: &str = "read.json";

/// Why the archive can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A file or folder.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A Parquet file that can't be written or read.
    #[error("Parquet: {0}")]
    Parquet(#[from] PolarsError),
}

/// How far the book has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    /// The newest resolution seen, Unix milliseconds.
    pub newest_ms: i64,
    /// Attempts submitted from here on are complete, Unix milliseconds.
    pub covers_from_ms: i64,
}

/// The folder of one region.
#[derive(Debug)]
pub struct Archive {
    folder: PathBuf,
    read: Option<Read>,
    next: u64,
    /// Attempts near the end of what was read, by when they ended: those that will be met again.
    seen: HashMap<u64, i64>,
}

impl Archive {
    /// Opens or makes the folder of a region.
    pub fn open(root: &Path, region: &str) -> Result<Self, ArchiveError> {
        let folder = root.join(format!("region={region}"));
        fs::create_dir_all(&folder).map_err(|source| at(&folder, source))?;
        let mut archive = Self { folder, read: None, next: 1, seen: HashMap::new() };
        archive.read = archive.note()?;
        let hours = archive.hours()?;
        archive.next = hours.values().flatten().map(|part| part.to + 1).max().unwrap_or(1);
        if let Some(read) = archive.read {
            let files: Vec<PathBuf> = hours.into_values().flat_map(live).map(|part| part.path).collect();
            archive.seen = apart(|| table::ended_since(&files, read.newest_ms - OVERLAP_MS))
                .map_err(|source| at(&archive.folder, source))??;
        }
        Ok(archive)
    }

    /// How far the book has been read; `None` at first.
    pub fn read(&self) -> Option<Read> {
        self.read
    }

    /// Whether nobody else has written to it since we opened it.
    pub fn is_current(&self) -> Result<bool, ArchiveError> {
        Ok(self.note()? == self.read)
    }

    /// Forgets everything, to be read again.
    pub fn clear(&mut self) -> Result<(), ArchiveError> {
        self.read = None;
        self.seen.clear();
        remove(&self.folder.join(NOTE), |path| fs::remove_file(path))?;
        for hour in self.hours()?.into_keys() {
            self.remove_hour(hour)?;
        }
        Ok(())
    }

    /// Keeps the attempts that aren't kept yet, and notes how far the book has been read. Says how many were new.
    pub fn keep(&mut self, attempts: Vec<Kept>, read: Read) -> Result<u64, ArchiveError> {
        let mut hours: BTreeMap<Hour, Vec<Kept>> = BTreeMap::new();
        let mut new = 0;
        for kept in attempts {
            let ended = kept.fact.resolved_at.unwrap_or(kept.fact.submitted_at).0;
            if self.seen.insert(kept.attempt, ended).is_none() {
                hours.entry(Hour::of(kept.fact.submitted_at)).or_default().push(kept);
                new += 1;
            }
        }
        for (hour, mut attempts) in hours {
            // Alike beside alike compresses to a third.
            attempts.sort_by(|a, b| {
                (&a.fact.model, &a.fact.provider, a.fact.submitted_at).cmp(&(
                    &b.fact.model,
                    &b.fact.provider,
                    b.fact.submitted_at,
                ))
            });
            self.write(hour, self.next, self.next, || table::frame(&attempts))?;
            self.next += 1;
        }
        self.seen.retain(|_, ended| *ended >= read.newest_ms - OVERLAP_MS);
        self.set_note(read)?;
        self.read = Some(read);
        Ok(new)
    }

    /// Makes one file of the files of every hour that has many, and removes hours before `oldest`.
    pub fn tidy(&self, oldest: Timestamp) -> Result<(), ArchiveError> {
        for (hour, parts) in self.hours()? {
            if hour < Hour::of(oldest) {
                self.remove_hour(hour)?;
                continue;
            }
            let kept = live(parts.clone());
            if kept.len() >= COMPACT_AT {
                let (from, to) = (kept.first().map_or(0, |part| part.from), kept.last().map_or(0, |part| part.to));
                let files: Vec<PathBuf> = kept.into_iter().map(|part| part.path).collect();
                self.write(hour, from, to, || {
                    table::scan(&files)?.sort(table::ORDER, SortMultipleOptions::default()).collect()
                })?;
            }
            let kept: Vec<PathBuf> = live(self.parts(hour)?).into_iter().map(|part| part.path).collect();
            for replaced in self.parts(hour)?.into_iter().filter(|part| !kept.contains(&part.path)) {
                remove(&replaced.path, |path| fs::remove_file(path))?;
            }
        }
        Ok(())
    }

    /// Files with attempts submitted in the window, and the hour each is of.
    pub fn files(&self, window: Window) -> Result<Vec<(Hour, PathBuf)>, ArchiveError> {
        let (first, last) = (Hour::of(window.start()), Hour::of(window.now));
        let hours = self.hours()?.into_iter().filter(|(hour, _)| (first..=last).contains(hour));
        Ok(hours.flat_map(|(hour, parts)| live(parts).into_iter().map(move |part| (hour, part.path))).collect())
    }

    /// The attempts of the window: the kept ones, and `open` ones in flight.
    pub fn facts(&self, window: Window, open: &[Fact]) -> Result<LazyFrame, ArchiveError> {
        let files: Vec<PathBuf> = self.files(window)?.into_iter().map(|(_, path)| path).collect();
        let open = crate::frame::frame(open.iter())?.lazy();
        if files.is_empty() {
            return Ok(open);
        }
        let kept = table::scan(&files)?.drop(polars::prelude::by_name([ATTEMPT], true, false));
        let kept = kept.filter(col(SUBMITTED_AT).gt_eq(lit(window.start().0)));
        Ok(concat([kept, open], polars::prelude::UnionArgs::default())?)
    }

    fn write(
        &self,
        hour: Hour,
        from: u64,
        to: u64,
        rows: impl FnOnce() -> PolarsResult<DataFrame> + Send,
    ) -> Result<(), ArchiveError> {
        let folder = self.folder.join(hour.path());
        fs::create_dir_all(&folder).map_err(|source| at(&folder, source))?;
        let path = folder.join(Part::name(from, to));
        let beside = path.with_extension("tmp");
        let written = apart(|| -> Result<(), ArchiveError> { table::write(&mut rows()?, &beside) });
        written.map_err(|source| at(&path, source))??;
        fs::rename(&beside, &path).map_err(|source| at(&path, source))
    }

    fn hours(&self) -> Result<BTreeMap<Hour, Vec<Part>>, ArchiveError> {
        let mut hours = BTreeMap::new();
        for hour in layout::hours(&self.folder).map_err(|source| at(&self.folder, source))? {
            hours.insert(hour, self.parts(hour)?);
        }
        Ok(hours)
    }

    fn parts(&self, hour: Hour) -> Result<Vec<Part>, ArchiveError> {
        let folder = self.folder.join(hour.path());
        parts(&folder).map_err(|source| at(&folder, source))
    }

    fn remove_hour(&self, hour: Hour) -> Result<(), ArchiveError> {
        let folder = self.folder.join(hour.path());
        remove(&folder, |path| fs::remove_dir_all(path))?;
        // Only the day's last hour leaves an empty day.
        let _ = folder.parent().map(fs::remove_dir);
        Ok(())
    }

    /// A broken note is a folder that nothing is known of: read again from the start.
    fn note(&self) -> Result<Option<Read>, ArchiveError> {
        let path = self.folder.join(NOTE);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(serde_json::from_str(&text).ok()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(at(&path, source)),
        }
    }

    fn set_note(&self, read: Read) -> Result<(), ArchiveError> {
        let (path, beside) = (self.folder.join(NOTE), self.folder.join("read.json.tmp"));
        let text = serde_json::to_string(&read).unwrap_or_default();
        fs::write(&beside, text).and_then(|()| fs::rename(&beside, &path)).map_err(|source| at(&path, source))
    }
}

fn at(path: &Path, source: std::io::Error) -> ArchiveError {
    ArchiveError::File { path: path.display().to_string(), source }
}

/// What is gone already is removed.
fn remove(path: &Path, how: impl FnOnce(&Path) -> std::io::Result<()>) -> Result<(), ArchiveError> {
    match how(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(at(path, source)),
        _ => Ok(()),
    }
}

/// A path as Polars wants it.
fn polars_path(path: &Path) -> PolarsResult<PlRefPath> {
    PlRefPath::try_from_path(path)
}
