//! The columns of an archive file: those of a frame, and a hash that tells attempts apart.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use polars::prelude::{
    Column, DataFrame, HiveOptions, LazyFrame, NamedFrom, ParquetWriter, PolarsResult, ScanArgsParquet, Series, col,
    lit,
};

use super::{ArchiveError, at, polars_path};
use crate::frame::{Fact, MODEL, PROVIDER, RESOLVED_AT, SUBMITTED_AT};
use crate::policy::sums::with_missing;

/// Tells attempts apart; says nothing else about them.
pub const ATTEMPT: &str = "attempt";
/// How rows of a file are sorted.
pub const ORDER: [&str; 3] = [MODEL, PROVIDER, SUBMITTED_AT];

/// An attempt to keep.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// From [`Kept::name`].
    pub attempt: u64,
    /// What is known of it.
    pub fact: Fact,
}

impl Kept {
    /// FNV-1a of the generation's id and the attempt's number, mixed: two of ten million collide once in 400,000 years of
    /// days.
    pub fn name(generation_id: &str, attempt_order: i64) -> u64 {
        let bytes = generation_id.bytes().chain(attempt_order.to_le_bytes());
        let hash = bytes
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        mixed ^ (mixed >> 33)
    }
}

/// Attempts as rows.
pub fn frame(attempts: &[Kept]) -> PolarsResult<DataFrame> {
    let mut rows = crate::frame::frame(attempts.iter().map(|kept| &kept.fact))?;
    let names: Vec<u64> = attempts.iter().map(|kept| kept.attempt).collect();
    rows.with_column(Column::from(Series::new(ATTEMPT.into(), names)))?;
    Ok(rows)
}

/// Writes and syncs a file.
pub fn write(rows: &mut DataFrame, path: &Path) -> Result<(), ArchiveError> {
    let file = File::create(path).map_err(|source| at(path, source))?;
    ParquetWriter::new(&file).finish(rows)?;
    file.sync_all().map_err(|source| at(path, source))
}

/// Files as one frame.
pub fn scan(files: &[PathBuf]) -> PolarsResult<LazyFrame> {
    let paths = files.iter().map(|path| polars_path(path)).collect::<PolarsResult<Vec<_>>>()?;
    LazyFrame::scan_parquet_files(
        paths.into(),
        ScanArgsParquet { glob: false, hive_options: HiveOptions::new_disabled(), ..ScanArgsParquet::default() },
    )
}

/// Any Parquet file of attempts, ours or another's, with all columns a policy looks at.
pub fn read_file(path: &Path) -> PolarsResult<LazyFrame> {
    let mut facts = scan(&[path.to_owned()])?;
    let schema = facts.collect_schema()?;
    Ok(with_missing(facts, |name| schema.contains(name)))
}

/// Attempts that ended at `since_ms` or later, and when.
pub fn ended_since(files: &[PathBuf], since_ms: i64) -> PolarsResult<HashMap<u64, i64>> {
    if files.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = scan(files)?.filter(col(RESOLVED_AT).gt_eq(lit(since_ms))).select([col(ATTEMPT), col(RESOLVED_AT)]);
    let rows = rows.collect()?;
    let (names, ends) = (rows.column(ATTEMPT)?.u64()?.clone(), rows.column(RESOLVED_AT)?.i64()?.clone());
    Ok(names.iter().zip(ends.iter()).filter_map(|(name, end)| Some((name?, end?))).collect())
}
