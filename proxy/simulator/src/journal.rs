//! An append-only file of JSON lines from which a list is rebuilt after a restart.
//!
//! Lines are written before anything is answered and are not synced: they survive the process, not the machine, which
//! is what a simulator needs. A line torn by a kill is skipped.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The open file.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    lines: usize,
}

impl Journal {
    /// Hands every readable line to `each`, oldest first, and opens the file for appending.
    pub fn open<T: DeserializeOwned>(path: &Path, mut each: impl FnMut(T)) -> std::io::Result<Self> {
        let file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        let mut lines = 0;
        for line in BufReader::new(&file).split(b'\n') {
            lines += 1;
            match serde_json::from_slice(&line?) {
                Ok(entry) => each(entry),
                Err(error) => tracing::warn!(path = %path.display(), %error, "skipped an unreadable line"),
            }
        }
        Ok(Self { path: path.to_owned(), file, lines })
    }

    /// Appends one line with a single write.
    pub fn append(&mut self, entry: &impl Serialize) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.lines += 1;
        Ok(())
    }

    /// True when most lines no longer matter for a list of `live` entries.
    pub fn is_overgrown(&self, live: usize) -> bool {
        self.lines > 3 * live + 1_000
    }

    /// Replaces the whole file: written beside it, then renamed.
    pub fn rewrite<'a, T: Serialize + 'a>(&mut self, entries: impl Iterator<Item = &'a T>) -> std::io::Result<()> {
        let beside = self.path.with_extension("new");
        let mut writer = BufWriter::new(File::create(&beside)?);
        let mut lines = 0;
        for entry in entries {
            serde_json::to_writer(&mut writer, entry)?;
            writer.write_all(b"\n")?;
            lines += 1;
        }
        writer.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        std::fs::rename(&beside, &self.path)?;
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        self.lines = lines;
        Ok(())
    }
}
