//! Names in the archive: `day=2026-05-06/hour=13/000000000007-000000000012.parquet`. A file's name says which additions it
//! holds, so a file whose range lies in another's has been replaced by it, even if a crash kept it from being removed.

use std::io;
use std::path::{Path, PathBuf};

use ledger_contract::Timestamp;

const HOUR_MS: i64 = 3_600_000;

/// An hour of submission, counted from 1970 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(i64);

impl Hour {
    /// The hour a moment lies in.
    pub fn of(moment: Timestamp) -> Self {
        Self(moment.0.div_euclid(HOUR_MS))
    }

    /// Its first moment.
    pub fn start(self) -> Timestamp {
        Timestamp(self.0.saturating_mul(HOUR_MS))
    }

    /// The first moment after it.
    pub fn end(self) -> Timestamp {
        Timestamp(self.0.saturating_add(1).saturating_mul(HOUR_MS))
    }

    pub(super) fn path(self) -> String {
        let text = self.start().to_string();
        format!("day={}/hour={}", text.get(..10).unwrap_or_default(), text.get(11..13).unwrap_or_default())
    }

    fn parse(day: &str, hour: &str) -> Option<Self> {
        let text = format!("{}T{}:00:00Z", day.strip_prefix("day=")?, hour.strip_prefix("hour=")?);
        Timestamp::parse(&text).map(Self::of)
    }
}

/// One file and the additions it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub from: u64,
    pub to: u64,
    pub path: PathBuf,
}

impl Part {
    pub fn name(from: u64, to: u64) -> String {
        format!("{from:012}-{to:012}.parquet")
    }

    fn parse(path: PathBuf) -> Option<Self> {
        let (from, to) = path.file_name()?.to_str()?.strip_suffix(".parquet")?.split_once('-')?;
        Some(Self { from: from.parse().ok()?, to: to.parse().ok()?, path })
    }
}

/// Hours that have a folder, in order. Anything else in there is left alone.
pub(super) fn hours(folder: &Path) -> io::Result<Vec<Hour>> {
    let mut hours = Vec::new();
    for day in names(folder)? {
        if day.starts_with("day=") {
            hours.extend(names(&folder.join(&day))?.iter().filter_map(|hour| Hour::parse(&day, hour)));
        }
    }
    hours.sort_unstable();
    Ok(hours)
}

/// Files of an hour, in order; replaced ones included.
pub(super) fn parts(folder: &Path) -> io::Result<Vec<Part>> {
    let mut parts: Vec<Part> = names(folder)?.iter().filter_map(|name| Part::parse(folder.join(name))).collect();
    parts.sort_by_key(|part| (part.from, std::cmp::Reverse(part.to)));
    Ok(parts)
}

/// Those that hold what no other holds; parts come as [`parts`] sorts them.
pub(super) fn live(parts: Vec<Part>) -> Vec<Part> {
    let mut live: Vec<Part> = Vec::with_capacity(parts.len());
    for part in parts {
        if live.last().is_none_or(|wider| part.to > wider.to) {
            live.push(part);
        }
    }
    live
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_hour_reads_back_from_its_folder() {
        let hour = Hour::of(Timestamp::parse("2026-05-06T13:59:59.999Z").unwrap());
        assert_eq!(hour.path(), "day=2026-05-06/hour=13");
        assert_eq!(Hour::parse("day=2026-05-06", "hour=13"), Some(hour));
        assert_eq!((Hour::parse("day=x", "hour=13"), Hour::parse("2026-05-06", "13")), (None, None));
    }

    #[test]
    fn a_file_within_anothers_range_was_replaced_by_it() {
        let part = |from, to| Part::parse(Path::new("x").join(Part::name(from, to))).unwrap();
        let all = vec![part(1, 9), part(1, 1), part(4, 7), part(9, 9), part(10, 10)];
        let mut sorted = all.clone();
        sorted.sort_by_key(|part| (part.from, std::cmp::Reverse(part.to)));
        assert_eq!(live(sorted), [part(1, 9), part(10, 10)]);
    }
}
