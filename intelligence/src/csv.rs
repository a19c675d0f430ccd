//! Attempt facts from a CSV file: eight named columns, three optional ones, any others ignored. Every cell is checked, and a mistake names its row
//! and column; nothing is guessed and no row is dropped for being wrong.

use std::collections::HashSet;
use std::fmt::Display;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use intelligence_hints::region_label;
use ledger_contract::{AttemptOutcome, Timestamp};
use polars::prelude::{CsvReadOptions, DataFrame, PolarsError, SerReader, StringChunked};

use crate::apart::apart;
use crate::frame::{Fact, latency_ms};

/// Columns the file must have.
const COLUMNS: [&str; 8] =
    ["model", "region", "provider", "outcome", "latency_ms", "estimated_cost", "submitted_at", "resolved_at"];

/// Columns it may have.
const OPTIONAL: [&str; 3] = ["error_code", "duration_s", "resolution"];

/// Largest file that is read: it is held in memory.
const MAX_BYTES: u64 = 1 << 31;

/// Why a file of attempts can't be read.
#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    /// The file itself.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// More than we hold in memory.
    #[error("{0}: larger than {MAX_BYTES} bytes")]
    TooLarge(String),
    /// Not rows and columns.
    #[error("not a CSV file with a header: {0}")]
    NotCsv(#[from] PolarsError),
    /// A row with more cells than the header; row 1 is the header.
    #[error("row {row}: more cells than the header's {expected}")]
    TooWide {
        /// Which row.
        row: usize,
        /// How many columns the header names.
        expected: usize,
    },
    /// The header lacks a column.
    #[error("column `{0}` is missing")]
    MissingColumn(&'static str),
    /// A cell that says nothing we understand; row 1 is the header.
    #[error("row {row}, column `{column}`: {problem}")]
    Cell {
        /// Which row.
        row: usize,
        /// Which column.
        column: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

/// Reads the facts of a CSV file, in its order.
pub fn read_file(path: &Path) -> Result<Vec<Fact>, CsvError> {
    let file_error = |source| CsvError::File { path: path.display().to_string(), source };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(file_error)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(file_error)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_BYTES {
        return Err(CsvError::TooLarge(path.display().to_string()));
    }
    read(&bytes)
}

/// Reads the facts of a CSV text.
pub fn read(bytes: &[u8]) -> Result<Vec<Fact>, CsvError> {
    let options = CsvReadOptions::default().with_has_header(true).with_infer_schema_length(Some(0));
    let table = apart(|| options.into_reader_with_file_handle(std::io::Cursor::new(bytes)).finish());
    let table = table.map_err(PolarsError::from).flatten();
    let table = table.map_err(|error| too_wide(bytes).unwrap_or(CsvError::NotCsv(error)))?;
    let cells = Cells::of(&table)?;
    let mut names = HashSet::new();
    (0..table.height()).map(|row| cells.fact(row, &mut names)).collect()
}

/// One text column per name of [`COLUMNS`], and of [`OPTIONAL`] where there is one, in those orders.
struct Cells<'a>([&'a StringChunked; 8], [Option<&'a StringChunked>; 3]);

impl<'a> Cells<'a> {
    fn of(table: &'a DataFrame) -> Result<Self, CsvError> {
        let mut columns = Vec::with_capacity(COLUMNS.len());
        for name in COLUMNS {
            columns.push(table.column(name).map_err(|_| CsvError::MissingColumn(name))?.str()?);
        }
        let columns = columns.try_into().map_err(|_| CsvError::MissingColumn(COLUMNS[0]))?;
        let optional = OPTIONAL.map(|name| table.column(name).ok().and_then(|column| column.str().ok()));
        Ok(Self(columns, optional))
    }

    fn fact(&self, row: usize, names: &mut HashSet<Arc<str>>) -> Result<Fact, CsvError> {
        let at =
            |index: usize| Cell { row: row + 2, column: COLUMNS[index], text: self.0[index].get(row).unwrap_or("") };
        let region = at(1).name()?;
        let (submitted_at, resolved_at) = (at(6).needed(time)?, at(7).optional(time)?);
        let derived = resolved_at.map(|resolved| latency_ms(submitted_at, resolved));
        let extra = |index: usize| {
            let text = self.1[index].and_then(|column| column.get(row)).unwrap_or("");
            Cell { row: row + 2, column: OPTIONAL[index], text }
        };
        let mut name = |index| Some(extra(index).text).filter(|text| !text.is_empty()).map(|text| shared(names, text));
        let (error_code, resolution) = (name(0), name(2));
        Ok(Fact {
            model: shared(names, at(0).name()?),
            region: shared(names, region_label(region).unwrap_or(region)),
            provider: shared(names, at(2).name()?),
            outcome: at(3).needed(|text| text.parse::<AttemptOutcome>().map_err(|error| error.to_string()))?,
            latency_ms: at(4).optional(number)?.or(derived),
            submitted_at,
            resolved_at,
            error_code,
            estimated_cost: at(5).optional(cost)?,
            duration_s: extra(1).optional(number)?,
            resolution,
        })
    }
}

struct Cell<'a> {
    row: usize,
    column: &'static str,
    text: &'a str,
}

impl<'a> Cell<'a> {
    fn name(self) -> Result<&'a str, CsvError> {
        if self.text.trim().is_empty() { Err(self.wrong("empty")) } else { Ok(self.text) }
    }

    fn needed<T>(self, parse: impl Fn(&str) -> Result<T, String>) -> Result<T, CsvError> {
        if self.text.is_empty() {
            return Err(self.wrong("empty"));
        }
        parse(self.text).map_err(|problem| self.wrong(problem))
    }

    fn optional<T>(self, parse: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, CsvError> {
        if self.text.is_empty() { Ok(None) } else { self.needed(parse).map(Some) }
    }

    fn wrong(&self, problem: impl Display) -> CsvError {
        CsvError::Cell { row: self.row, column: self.column, problem: problem.to_string() }
    }
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| format!("`{text}` is not an RFC 3339 time with a zone"))
}

fn number(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| format!("`{text}` is not a number"))
}

fn cost(text: &str) -> Result<f64, String> {
    number(text).and_then(|cost| if cost < 0.0 { Err(format!("`{text}` is below zero")) } else { Ok(cost) })
}

fn shared(names: &mut HashSet<Arc<str>>, name: &str) -> Arc<str> {
    if let Some(known) = names.get(name) {
        return Arc::clone(known);
    }
    let name: Arc<str> = name.into();
    names.insert(Arc::clone(&name));
    name
}

/// Polars doesn't say which row has too many cells; this does, quoted cells included.
fn too_wide(bytes: &[u8]) -> Option<CsvError> {
    let (mut row, mut cells, mut expected, mut quoted) = (1, 1, None, false);
    for byte in bytes.iter().chain(b"\n") {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => cells += 1,
            b'\n' if !quoted => {
                let expected = *expected.get_or_insert(cells);
                if cells > expected {
                    return Some(CsvError::TooWide { row, expected });
                }
                (row, cells) = (row + 1, 1);
            }
            _ => {}
        }
    }
    None
}

/// Whether each row is the first attempt of its generation: says the column `attempt_order`, or all are.
pub fn first_attempts(path: &Path, rows: usize) -> Result<Vec<bool>, CsvError> {
    let options = CsvReadOptions::default().with_has_header(true).with_infer_schema_length(Some(0));
    let table = apart(|| options.try_into_reader_with_file_path(Some(path.to_owned()))?.finish());
    let table = table.map_err(PolarsError::from).flatten()?;
    let Ok(orders) = table.column("attempt_order") else { return Ok(vec![true; rows]) };
    Ok(orders.str()?.iter().map(|order| order.is_none_or(|order| order.trim() == "1")).collect())
}
