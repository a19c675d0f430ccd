//! The file form of an account's chain (`ledger/TAMPER_EVIDENCE.md`): an opening line, a line per entry, a closing line.
//! Exports and archives have it alike. It needs no ledger and no database: what it says can be checked anywhere.

use std::io::{self, BufRead, Read, Write};

use ledger_book::chain::{self, FORM, follow};
use ledger_contract::wire::{ChainPlace, ChainRow};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Longest line that is read; ours have about 500 bytes.
const MAX_LINE_BYTES: u64 = 64 * 1024;
/// Lines in a verdict.
const MOST_PROBLEMS: usize = 100;

/// The first line.
#[derive(Serialize, Deserialize)]
struct Opening {
    form: String,
    #[serde(flatten)]
    place: ChainPlace,
}

/// The last line: without it, entries missing at the end would not be noticed.
#[derive(Serialize, Deserialize)]
struct Closing {
    entries: u64,
    #[serde(flatten)]
    place: ChainPlace,
}

/// Writes a chain, and refuses to write one that is broken.
pub struct ChainWriter<W> {
    out: W,
    place: ChainPlace,
    entries: u64,
}

impl<W: Write> ChainWriter<W> {
    /// Begins after `opening`.
    pub fn new(mut out: W, opening: ChainPlace) -> io::Result<Self> {
        line(&mut out, &Opening { form: FORM.to_owned(), place: opening })?;
        Ok(Self { out, place: opening, entries: 0 })
    }

    /// The next entry.
    pub fn push(&mut self, row: &ChainRow) -> io::Result<()> {
        let (next, broken) = follow(&self.place, row);
        if let Some(broken) = broken.first() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, broken.to_string()));
        }
        self.place = next;
        self.entries += 1;
        line(&mut self.out, row)
    }

    /// Where the last entry left it.
    pub fn place(&self) -> ChainPlace {
        self.place
    }

    /// Ends the file; how many entries it holds.
    pub fn finish(mut self) -> io::Result<(W, u64)> {
        line(&mut self.out, &Closing { entries: self.entries, place: self.place })?;
        self.out.flush()?;
        Ok((self.out, self.entries))
    }
}

fn line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

/// What a file holds and whether it is what was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChainVerdict {
    /// Where it begins; `None` if that can't be read.
    pub opening: Option<ChainPlace>,
    /// Where it ends.
    pub closing: Option<ChainPlace>,
    /// Entries read.
    pub entries: u64,
    /// Everything wrong with it, a line each; empty: intact.
    pub problems: Vec<String>,
}

/// Reads a whole file in bounded memory. An error is one of reading, never of content.
pub fn verify(mut file: impl BufRead) -> io::Result<ChainVerdict> {
    let mut verdict = ChainVerdict { opening: None, closing: None, entries: 0, problems: Vec::new() };
    let Some(first) = next_line(&mut file)? else {
        verdict.problems.push("the file is empty".to_owned());
        return Ok(verdict);
    };
    let Some(opening) = opening_of(&first, &mut verdict) else { return Ok(verdict) };
    let mut place = opening;
    let mut number = 1_u64;
    while let Some(text) = next_line(&mut file)? {
        number += 1;
        if verdict.problems.len() >= MOST_PROBLEMS {
            verdict.problems.push("and more".to_owned());
            return Ok(verdict);
        }
        if verdict.closing.is_some() {
            verdict.problems.push(format!("line {number}: stands after the closing line"));
        } else if let Some(closing) = read::<Closing>(&text) {
            close(&mut verdict, &place, &closing);
        } else if let Some(row) = read::<ChainRow>(&text) {
            let (next, broken) = follow(&place, &row);
            verdict.problems.extend(broken.iter().map(|broken| format!("line {number}: {broken}")));
            verdict.entries += 1;
            place = next;
        } else {
            verdict.problems.push(format!("line {number}: not an entry"));
        }
    }
    if verdict.closing.is_none() {
        verdict.problems.push(format!("the closing line is missing; the last entry is {}", place.seq));
    }
    Ok(verdict)
}

fn opening_of(text: &[u8], verdict: &mut ChainVerdict) -> Option<ChainPlace> {
    let Some(Opening { form, place }) = read(text) else {
        verdict.problems.push("line 1: not an opening line".to_owned());
        return None;
    };
    if form != FORM {
        verdict.problems.push(format!("line 1: the form is {form}, this reads {FORM}"));
        return None;
    }
    // What a checkpoint says is taken from it: the file before this one ends there.
    if place.seq == 0 && place != chain::start(place.account_id) {
        verdict.problems.push("line 1: not the beginning of this account".to_owned());
    }
    verdict.opening = Some(place);
    Some(place)
}

fn close(verdict: &mut ChainVerdict, place: &ChainPlace, closing: &Closing) {
    if closing.place != *place || closing.entries != verdict.entries {
        verdict.problems.push(format!(
            "the closing line names entry {} with {} and {} entries, but the last one is {} with {} of {}",
            closing.place.seq, closing.place.hash, closing.entries, place.seq, place.hash, verdict.entries
        ));
    }
    verdict.closing = Some(closing.place);
}

fn read<T: DeserializeOwned>(text: &[u8]) -> Option<T> {
    serde_json::from_slice(text).ok()
}

/// The next line; one that is too long is cut, and so is no entry.
fn next_line(file: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut text = Vec::new();
    let read = file.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut text)?;
    Ok((read > 0).then_some(text))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
