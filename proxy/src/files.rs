//! Output files under `/files/`: unguessable names, no key, ranges, until their plan's retention ends.
//!
//! The file's own metadata says what it is and until when; the ledger is not asked, so files outlive it.

mod range;

use std::ops::Range;

use futures::StreamExt;
use ledger_artifacts::{Artifacts, Meta};
use ledger_contract::Timestamp;
use pingora::{Error, ErrorType, Result, http::ResponseHeader, proxy::Session};

use crate::{
    answer::{self, Reply},
    clock,
};
use range::{Part, read_range};

/// What came of a request for a file.
pub enum Served {
    /// Head and body were written.
    Written,
    /// Nothing was written; say this instead.
    Instead(Reply),
}

/// Answers GET or HEAD for `key`.
pub async fn serve(artifacts: &Artifacts, session: &mut Session, key: &str, request_id: &str) -> Result<Served> {
    let now = clock::now();
    let (meta, size) = match artifacts.head(key).await {
        Ok(Some((meta, size))) if now < meta.expires_at => (meta, size),
        // A key that cannot be one is an error of the store: to a customer it is unknown like any other.
        Ok(_) | Err(_) if ledger_artifacts::check_key(key).is_err() => return Ok(Served::Instead(not_found())),
        Ok(_) => return Ok(Served::Instead(not_found())),
        Err(error) => {
            tracing::error!(request_id, %error, "an output file could not be looked up");
            return Ok(Served::Instead(Reply::internal_error()));
        }
    };
    let part = wanted(session, key, size);
    let head = head(&meta, size, &part, key, now, request_id)?;
    let bytes = match part {
        Part::Whole => 0..size,
        Part::Range(range) => range,
        Part::Unsatisfiable => 0..0,
    };
    if session.req_header().method == http::Method::HEAD || bytes.is_empty() {
        session.write_response_header(Box::new(head), true).await?;
        return Ok(Served::Written);
    }
    send(artifacts, session, key, head, bytes).await?;
    Ok(Served::Written)
}

fn not_found() -> Reply {
    Reply::generation_not_found()
}

/// A range asked for under another version's tag means the whole file.
fn wanted(session: &Session, key: &str, size: u64) -> Part {
    let headers = &session.req_header().headers;
    let same = headers.get("if-range").is_none_or(|tag| tag.as_bytes() == etag(key).as_bytes());
    let asked = headers.get("range").filter(|_| same);
    read_range(asked.map(http::HeaderValue::as_bytes), size)
}

/// A name is never used for other bytes, so it is its own version.
fn etag(key: &str) -> String {
    format!("\"{}\"", key.replace('/', "-"))
}

fn head(meta: &Meta, size: u64, part: &Part, key: &str, now: Timestamp, request_id: &str) -> Result<ResponseHeader> {
    let (status, length) = match part {
        Part::Whole => (200, size),
        Part::Range(range) => (206, range.end - range.start),
        Part::Unsatisfiable => (416, 0),
    };
    let mut head = ResponseHeader::build(status, Some(12))?;
    match part {
        Part::Whole => {}
        Part::Range(range) => {
            head.insert_header("content-range", format!("bytes {}-{}/{size}", range.start, range.end - 1))?;
        }
        Part::Unsatisfiable => head.insert_header("content-range", format!("bytes */{size}"))?,
    }
    if *part != Part::Unsatisfiable {
        head.insert_header("content-type", &meta.content_type)?;
        let life_s = meta.expires_at.since_ms(now).max(0) / 1_000;
        head.insert_header("cache-control", format!("private, max-age={life_s}, immutable"))?;
        head.insert_header("etag", etag(key))?;
    }
    head.insert_header("content-length", length)?;
    head.insert_header("accept-ranges", "bytes")?;
    head.insert_header("x-content-type-options", "nosniff")?;
    head.insert_header("x-request-id", request_id)?;
    for (name, value) in answer::cors_headers() {
        head.insert_header(name, value)?;
    }
    Ok(head)
}

/// Opens the file before the head is written: what cannot be read is never announced.
async fn send(
    artifacts: &Artifacts,
    session: &mut Session,
    key: &str,
    head: ResponseHeader,
    bytes: Range<u64>,
) -> Result<()> {
    let broken = |error| Error::because(ErrorType::ReadError, "reading an output file", error).into_in();
    let mut pieces = artifacts.get_range(key, bytes).await.map_err(broken)?;
    session.write_response_header(Box::new(head), false).await?;
    while let Some(piece) = pieces.next().await {
        session.write_response_body(Some(piece.map_err(broken)?), false).await?;
    }
    session.write_response_body(None, true).await
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn written(part: &Part) -> ResponseHeader {
        let meta = Meta { content_type: "image/png".to_owned(), expires_at: Timestamp(61_500) };
        head(&meta, 100, part, "ab/c.png", Timestamp(1_000), "req_0").unwrap()
    }

    #[test]
    fn a_whole_file_may_be_kept_until_it_expires() {
        let head = written(&Part::Whole);
        assert_eq!(head.status, 200);
        assert_eq!(head.headers["content-length"], "100");
        assert_eq!(head.headers["cache-control"], "private, max-age=60, immutable");
        assert_eq!(head.headers["x-content-type-options"], "nosniff");
        assert_eq!(head.headers["access-control-allow-origin"], "*");
    }

    #[test]
    fn a_part_says_which_and_an_impossible_one_says_how_long_the_file_is() {
        let head = written(&Part::Range(10..20));
        assert_eq!((head.status.as_u16(), &head.headers["content-range"]), (206, &"bytes 10-19/100".parse().unwrap()));
        assert_eq!(head.headers["content-length"], "10");
        let head = written(&Part::Unsatisfiable);
        assert_eq!((head.status.as_u16(), &head.headers["content-range"]), (416, &"bytes */100".parse().unwrap()));
    }
}
