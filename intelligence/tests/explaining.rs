//! Why an order is what it is, from the command line's side and from the running process; and health as it serves.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "fixture/book.rs"]
mod book;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use book::Book;
use intelligence::{Config, Policy, explain, run_once, serve};
use intelligence_hints::{Health, HintsFile};
use ledger_contract::Timestamp;
use tokio_util::sync::CancellationToken;

const MODEL: &str = "lab/model";

fn now() -> Timestamp {
    Timestamp(chrono::Utc::now().timestamp_millis())
}

fn config(book: &Book, metrics_listen: Option<SocketAddr>) -> Config {
    Config {
        database_url: book.url(),
        redis_url: None,
        hints_file: book.folder.path().join("hints.json"),
        region: "us".into(),
        interval_s: 1,
        window_hours: 24,
        policy: Policy::Ours,
        health_interval_s: 1,
        attempts_folder: book.attempts(),
        retention_days: 8,
        metrics_listen,
    }
}

async fn eventful_book() -> Book {
    let mut book = Book::new().await;
    for second in 1..=20 {
        let at = now().plus_ms(-second * 1_000 - 30_000);
        book.attempt(MODEL, "fal", "used", at, Some(2_000)).await;
        book.attempt(MODEL, "replicate", "failed", at, Some(500)).await;
    }
    book.attempt(MODEL, "bfl", "used", now().plus_ms(-60_000), Some(100)).await;
    book.attempt(MODEL, "fal", "pending", now().plus_ms(-500), None).await;
    book
}

#[tokio::test(flavor = "multi_thread")]
async fn an_explanation_has_numbers_evidence_and_the_hints_in_force() {
    let book = eventful_book().await;
    let config = config(&book, None);
    assert!(explain(&config, MODEL).await.unwrap().ranking.is_none(), "nothing is published yet");
    run_once(&config).await.unwrap();
    let found = explain(&config, MODEL).await.unwrap();
    assert_eq!(found.ranking.unwrap().providers_ranked, ["fal", "replicate", "bfl"]);
    assert_eq!(found.health.unwrap().degraded, ["replicate"]);
    let explained = found.now.unwrap();
    assert_eq!((explained.degraded, explained.policy), (vec!["replicate".to_owned()], Policy::Ours));
    let [fal, replicate, bfl] = &explained.providers[..] else { unreachable!("{:?}", explained.providers) };
    assert_eq!((fal.attempts, fal.in_flight, fal.may_lead), (20, 1, true));
    assert!(fal.uncertainty_ms > 0.0 && fal.expected_ms < replicate.expected_ms);
    assert_eq!((bfl.attempts, bfl.may_lead), (1, false));
    assert!(explain(&config, "lab/other").await.unwrap().now.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_serving_observatory_shows_its_reasons_and_publishes_health_by_itself() {
    let mut book = eventful_book().await;
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = config(&book, Some(address));
    let (registry, shutdown) = (prometheus::Registry::new(), CancellationToken::new());
    let running = serve(config.clone(), &registry, shutdown.clone()).await.unwrap();
    until("a ranking and a snapshot", || {
        let shown = get(address, "/explain?model=lab/model");
        shown.contains("\"degraded\":[\"replicate\"]") && shown.contains("\"uncertainty_ms\"")
    });
    assert!(get(address, "/explain?model=lab/other").contains("\"models\":[]"));
    for _ in 0..12 {
        book.attempt(MODEL, "replicate", "used", now().plus_ms(-2_000), Some(1_500)).await;
    }
    until("the recovered provider", || degraded(&config).is_some_and(|names| names.is_empty()));
    shutdown.cancel();
    running.await.unwrap().unwrap();
}

fn degraded(config: &Config) -> Option<Vec<String>> {
    let hints = HintsFile::parse(&std::fs::read_to_string(&config.hints_file).ok()?).ok()?;
    Health::parse(hints.get("predictive:health:us", now())?, now()).ok().map(|health| health.degraded)
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut answer = String::new();
    let Ok(mut stream) = TcpStream::connect(address) else { return answer };
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::yield_now();
    }
}
