//! Incremental reading: nothing is missed, nothing counts twice, nothing old is kept.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "fixture/book.rs"]
mod book;

use std::path::{Path, PathBuf};

use book::{Book, ranked_in};
use intelligence::frame::Window;
use intelligence::source::{Source, SourceError};
use ledger_contract::Timestamp;
use polars::prelude::{ParquetReader, SerReader};
use sqlx::Connection;

const HOUR_MS: i64 = 3_600_000;
const NOW: Timestamp = Timestamp(1_779_874_860_000);

fn window_at(now: Timestamp) -> Window {
    Window { now, hours: 24 }
}

fn source(book: &Book) -> Source {
    Source::new(&book.url(), "us", &book.attempts(), 24).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return vec![folder.to_owned()] };
    let mut all: Vec<PathBuf> = entries.flat_map(|entry| files(&entry.unwrap().path())).collect();
    all.sort();
    all
}

fn parquet(book: &Book) -> Vec<PathBuf> {
    let is_parquet = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "parquet");
    files(&book.attempts()).into_iter().filter(is_parquet).collect()
}

async fn total(source: &mut Source, now: Timestamp) -> u64 {
    source.refresh(window_at(now)).await.unwrap();
    let archive = source.take().unwrap();
    let all = ranked_in(&archive, window_at(now));
    source.restore(archive);
    all.first().map_or(0, |model| model.ranking.attempts_total)
}

#[tokio::test]
async fn a_second_reading_reads_only_what_is_new() {
    let mut book = Book::new().await;
    for hour in 1..=20 {
        book.attempt("m/m", "fal", "used", NOW.plus_ms(-hour * HOUR_MS), Some(1_000)).await;
    }
    let mut source = source(&book);
    assert_eq!(source.refresh(window_at(NOW)).await.unwrap(), 20);
    let before = parquet(&book);
    assert_eq!(before.len(), 20, "a file per hour of submission");
    book.attempt("m/m", "fal", "used", NOW, Some(1_000)).await;
    let later = NOW.plus_ms(60_000);
    assert_eq!(source.refresh(window_at(later)).await.unwrap(), 1);
    assert_eq!(source.refresh(window_at(later)).await.unwrap(), 0);
    let after = parquet(&book);
    assert_eq!(after.len(), 21, "an addition to its hour");
    assert!(before.iter().all(|path| after.contains(path)), "what was written stays");
    assert_eq!(total(&mut source, later).await, 21);
}

#[tokio::test]
async fn many_small_files_become_one_and_nothing_is_lost_or_doubled() {
    let mut book = Book::new().await;
    let mut source = source(&book);
    for second in 0..30 {
        book.attempt("m/m", "fal", "used", NOW.plus_ms(second * 1_000), Some(500)).await;
        assert_eq!(source.refresh(window_at(NOW.plus_ms(second * 1_000 + 600))).await.unwrap(), 1);
    }
    assert!(parquet(&book).len() < 14, "{:?}", parquet(&book));
    let later = NOW.plus_ms(60_000);
    assert_eq!(total(&mut source, later).await, 30);
    // A crash between writing the whole and removing its parts leaves both: the whole counts.
    let whole = parquet(&book)[0].clone();
    std::fs::copy(&whole, whole.with_file_name("000000000002-000000000003.parquet")).unwrap();
    assert_eq!(total(&mut source, later).await, 30);
    assert!(!whole.with_file_name("000000000002-000000000003.parquet").exists(), "and the parts go");
}

#[tokio::test]
async fn another_process_goes_on_where_this_one_stopped() {
    let mut book = Book::new().await;
    book.golden("m/m", NOW.plus_ms(-60_000)).await;
    let (mut one, mut other) = (source(&book), source(&book));
    assert_eq!(one.refresh(window_at(NOW)).await.unwrap(), 9);
    assert_eq!(other.refresh(window_at(NOW)).await.unwrap(), 0, "all of it is in the folder");
    book.golden("m/m", NOW.plus_ms(-30_000)).await;
    assert_eq!(other.refresh(window_at(NOW)).await.unwrap(), 9);
    assert_eq!(total(&mut one, NOW).await, 18, "and this one sees what the other wrote");
}

#[tokio::test]
async fn hours_beyond_retention_are_removed() {
    let mut book = Book::new().await;
    book.attempt("m/m", "fal", "used", NOW.plus_ms(-20 * HOUR_MS), Some(1_000)).await;
    let mut source = source(&book);
    assert_eq!(total(&mut source, NOW).await, 1);
    assert_eq!(total(&mut source, NOW.plus_ms(10 * HOUR_MS)).await, 0);
    assert!(parquet(&book).is_empty());
    assert_eq!(std::fs::read_dir(book.attempts().join("region=us")).unwrap().count(), 1, "only the note is left");
}

#[tokio::test]
async fn a_longer_window_than_was_kept_is_read_anew() {
    let mut book = Book::new().await;
    book.attempt("m/m", "fal", "used", NOW.plus_ms(-40 * HOUR_MS), Some(1_000)).await;
    book.attempt("m/m", "fal", "used", NOW.plus_ms(-HOUR_MS), Some(1_000)).await;
    let mut source = source(&book);
    assert_eq!(source.refresh(window_at(NOW)).await.unwrap(), 1);
    assert_eq!(source.refresh(Window { now: NOW, hours: 48 }).await.unwrap(), 2);
}

#[tokio::test]
async fn no_column_of_the_archive_is_personal() {
    let mut book = Book::new().await;
    book.golden("m/m", NOW.plus_ms(-HOUR_MS)).await;
    let secrets = "UPDATE attempts SET account_id = 'acct-secret', prediction_id = 'secret-id', handle = '{\"url\":\"https://secret\"}', \
         error = 'a secret prompt of someone@example.com'";
    sqlx::raw_sql(secrets).execute(&mut book.writer).await.unwrap();
    source(&book).refresh(window_at(NOW)).await.unwrap();
    let known = [
        "attempt",
        "duration_s",
        "error_code",
        "estimated_cost",
        "latency_ms",
        "model",
        "outcome",
        "provider",
        "region",
        "resolution",
        "resolved_at",
        "submitted_at",
    ];
    for path in parquet(&book) {
        let rows = std::thread::spawn(move || ParquetReader::new(std::fs::File::open(path).unwrap()).finish().unwrap());
        let rows = rows.join().unwrap();
        let mut names: Vec<String> = rows.get_column_names().iter().map(ToString::to_string).collect();
        names.sort();
        assert_eq!(names, known, "a new column is looked at here before it is kept");
        for column in rows.columns() {
            let text = format!("{column:?}");
            for personal in ["secret", "@", "http", "generation-", "acct"] {
                assert!(!text.contains(personal), "{personal} in {text}");
            }
        }
    }
}

#[tokio::test]
async fn a_resolution_that_becomes_visible_late_is_not_missed() {
    let mut book = Book::new().await;
    book.attempt("m/m", "fal", "used", NOW.plus_ms(-60_000), Some(59_000)).await;
    let mut source = source(&book);
    assert_eq!(total(&mut source, NOW).await, 1);
    book.attempt("m/m", "fal", "used", NOW.plus_ms(-120_000), Some(1_000)).await;
    assert_eq!(total(&mut source, NOW.plus_ms(1_000)).await, 2);
}

#[tokio::test]
async fn an_attempt_counts_once_however_often_it_is_read() {
    let mut book = Book::new().await;
    book.golden("m/m", NOW.plus_ms(-60_000)).await;
    let mut source = source(&book);
    for _ in 0..3 {
        assert_eq!(total(&mut source, NOW).await, 9);
    }
}

#[tokio::test]
async fn a_pending_attempt_counts_when_it_is_resolved() {
    let mut book = Book::new().await;
    book.attempt("m/m", "fal", "pending", NOW.plus_ms(-HOUR_MS), None).await;
    book.attempt("m/m", "bfl", "used", NOW.plus_ms(-1_000), Some(900)).await;
    let mut source = source(&book);
    assert_eq!(total(&mut source, NOW).await, 1);
    sqlx::query("UPDATE attempts SET outcome = 'failed', resolved_at = ? WHERE outcome = 'pending'")
        .bind(NOW.0 + 500)
        .execute(&mut book.writer)
        .await
        .unwrap();
    assert_eq!(total(&mut source, NOW.plus_ms(1_000)).await, 2);
}

#[tokio::test]
async fn attempts_leave_with_the_window() {
    let mut book = Book::new().await;
    book.attempt("m/m", "fal", "used", NOW.plus_ms(-23 * HOUR_MS), Some(1_000)).await;
    book.attempt("m/m", "fal", "used", NOW, Some(1_000)).await;
    let mut source = source(&book);
    assert_eq!(total(&mut source, NOW).await, 2);
    assert_eq!(total(&mut source, NOW.plus_ms(2 * HOUR_MS)).await, 1);
    assert!(parquet(&book).len() <= 2);
}

#[tokio::test]
async fn a_lost_archive_is_read_again() {
    let mut book = Book::new().await;
    book.golden("m/m", NOW.plus_ms(-HOUR_MS)).await;
    let mut source = source(&book);
    assert_eq!(total(&mut source, NOW).await, 9);
    std::fs::remove_dir_all(book.attempts()).unwrap();
    assert_eq!(total(&mut source, NOW).await, 9);
}

#[tokio::test]
async fn a_book_is_read_while_its_writer_writes_and_after_it_left() {
    let mut book = Book::new().await;
    book.golden("m/m", NOW.plus_ms(-HOUR_MS)).await;
    let mut source = source(&book);
    sqlx::raw_sql("BEGIN IMMEDIATE; DELETE FROM attempts;").execute(&mut book.writer).await.unwrap();
    assert_eq!(total(&mut source, NOW).await, 9, "an open transaction isn't seen and doesn't block");
    sqlx::raw_sql("ROLLBACK").execute(&mut book.writer).await.unwrap();
    let Book { folder, writer, .. } = book;
    writer.close().await.unwrap();
    assert_eq!(total(&mut source, NOW).await, 9);
    drop(folder);
    assert!(matches!(source.refresh(window_at(NOW)).await, Err(SourceError::Unavailable(_))));
}

#[tokio::test]
async fn reading_never_makes_a_book() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.db");
    let url = format!("sqlite://{}", path.display());
    let mut source = Source::new(&url, "us", folder.path(), 24).unwrap();
    assert!(source.refresh(window_at(NOW)).await.is_err());
    assert!(!path.exists());
}

#[test]
fn another_database_is_refused_without_showing_its_password() {
    let told = Source::new("mysql://user:secret@host/db", "us", Path::new("x"), 24).unwrap_err().to_string();
    assert!(told.contains("mysql://") && !told.contains("secret"), "{told}");
    assert!(Source::new("sqlite://", "us", Path::new("x"), 24).is_err());
}
