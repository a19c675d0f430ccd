//! `babysea-intelligence` as a process, set up by variables alone.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "fixture/book.rs"]
mod book;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use book::Book;
use intelligence_hints::HintsFile;
use ledger_contract::Timestamp;

fn now() -> Timestamp {
    Timestamp(chrono::Utc::now().timestamp_millis())
}

/// No variable and no file of the machine it runs on reaches the program.
fn program(book: &Book) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_babysea-intelligence"));
    command.env_clear().current_dir(book.folder.path()).stderr(Stdio::null());
    command.env("BABYSEA_DATA_DIR", book.folder.path()).env("BABYSEA_METRICS_LISTEN", "off");
    command.env("BABYSEA_REGION", "jp").env("BABYSEA_HINTS_FILE", book.folder.path().join("named.json"));
    command
}

fn has_ranking(folder: &Path) -> bool {
    let Ok(text) = std::fs::read_to_string(folder.join("named.json")) else { return false };
    HintsFile::parse(&text).unwrap().get("predictive:ranking:apac:lab/model", now()).is_some()
}

fn ends(mut child: Child) -> bool {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.success();
        }
        if Instant::now() > until {
            child.kill().unwrap();
            child.wait().unwrap();
            return false;
        }
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn once_publishes_and_ends() {
    let mut book = Book::new().await;
    book.golden("lab/model", now().plus_ms(-60_000)).await;
    assert!(ends(program(&book).arg("--once").spawn().unwrap()));
    assert!(has_ranking(book.folder.path()));
    let elsewhere = program(&book).arg("--once").env("BABYSEA_LEDGER_DATABASE_URL", "sqlite:///nowhere.db").spawn();
    assert!(!ends(elsewhere.unwrap()), "nothing to read is a failure");
    let mistaken = program(&book).env("BABYSEA_INTELLIGENCE_INTERVAL_S", "often").spawn();
    assert!(!ends(mistaken.unwrap()), "a mistake is told before anything starts");
}

#[tokio::test]
async fn it_serves_until_it_is_asked_to_stop() {
    let mut book = Book::new().await;
    book.golden("lab/model", now().plus_ms(-60_000)).await;
    let child = program(&book).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while !has_ranking(book.folder.path()) && Instant::now() < until {
        std::thread::yield_now();
    }
    // Stopped first and judged afterwards, so that a failure leaves no process behind.
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(told.success() && ends(child));
    assert!(has_ranking(book.folder.path()));
}
