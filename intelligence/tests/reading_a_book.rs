//! Incremental reading: nothing is missed, nothing counts twice, nothing old is kept.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "fixture/book.rs"]
mod book;

use book::{Book, ranked};
use intelligence::frame::Window;
use intelligence::source::{Source, SourceError};
use ledger_contract::Timestamp;
use sqlx::Connection;

const HOUR_MS: i64 = 3_600_000;
const NOW: Timestamp = Timestamp(1_779_874_860_000);

fn window_at(now: Timestamp) -> Window {
    Window { now, hours: 24 }
}

async fn total(source: &mut Source, now: Timestamp) -> u64 {
    source.refresh(window_at(now)).await.unwrap();
    let memory = source.take();
    let all = ranked(memory.facts(), window_at(now));
    source.restore(memory);
    all.first().map_or(0, |model| model.ranking.attempts_total)
}

#[tokio::test]
async fn a_second_reading_reads_only_what_is_new_and_the_overlap() {
    let mut book = Book::new().await;
    for hour in 1..=20 {
        book.attempt("m/m", "fal", "used", NOW.plus_ms(-hour * HOUR_MS), Some(1_000)).await;
    }
    let mut source = Source::new(&book.url(), "us").unwrap();
    assert_eq!(source.refresh(window_at(NOW)).await.unwrap(), 20);
    book.attempt("m/m", "fal", "used", NOW, Some(1_000)).await;
    let later = NOW.plus_ms(60_000);
    assert_eq!(source.refresh(window_at(later)).await.unwrap(), 2, "the new one and the newest old one");
    assert_eq!(total(&mut source, later).await, 21);
}

#[tokio::test]
async fn a_resolution_that_becomes_visible_late_is_not_missed() {
    let mut book = Book::new().await;
    book.attempt("m/m", "fal", "used", NOW.plus_ms(-60_000), Some(59_000)).await;
    let mut source = Source::new(&book.url(), "us").unwrap();
    assert_eq!(total(&mut source, NOW).await, 1);
    book.attempt("m/m", "fal", "used", NOW.plus_ms(-120_000), Some(1_000)).await;
    assert_eq!(total(&mut source, NOW.plus_ms(1_000)).await, 2);
}

#[tokio::test]
async fn an_attempt_counts_once_however_often_it_is_read() {
    let mut book = Book::new().await;
    book.golden("m/m", NOW.plus_ms(-60_000)).await;
    let mut source = Source::new(&book.url(), "us").unwrap();
    for _ in 0..3 {
        assert_eq!(total(&mut source, NOW).await, 9);
    }
}

#[tokio::test]
async fn a_pending_attempt_counts_when_it_is_resolved() {
    let mut book = Book::new().await;
    book.attempt("m/m", "fal", "pending", NOW.plus_ms(-HOUR_MS), None).await;
    book.attempt("m/m", "bfl", "used", NOW.plus_ms(-1_000), Some(900)).await;
    let mut source = Source::new(&book.url(), "us").unwrap();
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
    let mut source = Source::new(&book.url(), "us").unwrap();
    assert_eq!(total(&mut source, NOW).await, 2);
    assert_eq!(total(&mut source, NOW.plus_ms(2 * HOUR_MS)).await, 1);
    assert_eq!(source.take().facts().count(), 1);
}

#[tokio::test]
async fn lost_memory_is_read_again() {
    let mut book = Book::new().await;
    book.golden("m/m", NOW.plus_ms(-HOUR_MS)).await;
    let mut source = Source::new(&book.url(), "us").unwrap();
    assert_eq!(total(&mut source, NOW).await, 9);
    drop(source.take());
    assert_eq!(total(&mut source, NOW).await, 9);
}

#[tokio::test]
async fn a_book_is_read_while_its_writer_writes_and_after_it_left() {
    let mut book = Book::new().await;
    book.golden("m/m", NOW.plus_ms(-HOUR_MS)).await;
    let mut source = Source::new(&book.url(), "us").unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE; DELETE FROM attempts;").execute(&mut book.writer).await.unwrap();
    assert_eq!(total(&mut source, NOW).await, 9, "an open transaction isn't seen and doesn't block");
    sqlx::raw_sql("ROLLBACK").execute(&mut book.writer).await.unwrap();
    let Book { folder, writer, .. } = book;
    writer.close().await.unwrap();
    drop(source.take());
    assert_eq!(total(&mut source, NOW).await, 9);
    drop(folder);
    assert!(matches!(source.refresh(window_at(NOW)).await, Err(SourceError::Unavailable(_))));
}

#[tokio::test]
async fn reading_never_makes_a_book() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.db");
    let mut source = Source::new(&format!("sqlite://{}", path.display()), "us").unwrap();
    assert!(source.refresh(window_at(NOW)).await.is_err());
    assert!(!path.exists());
}

#[test]
fn another_database_is_refused_without_showing_its_password() {
    let told = Source::new("mysql://user:secret@host/db", "us").unwrap_err().to_string();
    assert!(told.contains("mysql://") && !told.contains("secret"), "{told}");
    assert!(Source::new("sqlite://", "us").is_err());
}
