//! Hints as they come out: the documented key and value with their time to live, in a real Redis and in the file.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "fixture/book.rs"]
mod book;
#[path = "fixture/redis.rs"]
mod redis_server;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use book::{Book, assert_golden};
use intelligence::lease::Lease;
use intelligence::publish::Publisher;
use intelligence::{Config, Policy, RankedModel, run_once, serve};
use intelligence_hints::{HEALTH_TTL_S, Health, HintsFile, RANKING_TTL_S, Ranking, Scores};
use ledger_contract::Timestamp;
use redis::Commands;
use redis_server::{RedisCluster, RedisServer};
use tokio_util::sync::CancellationToken;

const KEY: &str = "predictive:ranking:us:lab/model";

fn now() -> Timestamp {
    Timestamp(chrono::Utc::now().timestamp_millis())
}

fn config(folder: &Path, database_url: String, redis_url: Option<String>) -> Config {
    Config {
        database_url,
        redis_url,
        hints_file: folder.join("hints.json"),
        region: "us".into(),
        interval_s: 1,
        window_hours: 24,
        policy: Policy::Documented,
        health_interval_s: 1,
        attempts_folder: folder.join("attempts"),
        retention_days: 8,
        metrics_listen: None,
    }
}

async fn golden_book() -> Book {
    let mut book = Book::new().await;
    book.golden("lab/model", now().plus_ms(-60_000)).await;
    book
}

fn ranked(model: &str, at: Timestamp) -> RankedModel {
    let ranking = Ranking {
        providers_ranked: vec!["fal".into()],
        scores: Scores(vec![("fal".into(), 0.5)]),
        attempts_total: 1,
        window_hours: 24,
        computed_at: at,
    };
    RankedModel { model: model.into(), region: "us".into(), ranking, standings: Vec::new() }
}

fn read_hints(path: &Path) -> HintsFile {
    HintsFile::parse(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ranking_lands_in_redis_with_its_time_to_live_and_nothing_else_is_touched() {
    let (book, redis) = (golden_book().await, RedisServer::start());
    let mut client = redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    let () = client.set("someone:else", "stays").unwrap();
    let () = client.set_ex("predictive:ranking:us:gone/model", "old", 500).unwrap();
    let published = run_once(&config(book.folder.path(), book.url(), Some(redis.url()))).await.unwrap();
    assert_golden(&published[0]);
    let value: String = client.get(KEY).unwrap();
    assert_eq!(value, published[0].ranking.to_json().unwrap());
    assert_eq!(Ranking::parse(&value, now()).unwrap().providers_ranked, ["provider_b", "provider_c", "provider_a"]);
    let ttl: i64 = client.ttl(KEY).unwrap();
    assert!((RANKING_TTL_S - 5..=RANKING_TTL_S).contains(&ttl), "{ttl}");
    let old: i64 = client.ttl("predictive:ranking:us:gone/model").unwrap();
    assert!((400..=500).contains(&old), "a model without attempts keeps its time: {old}");
    let mut keys: Vec<String> = client.keys("*").unwrap();
    keys.sort();
    assert_eq!(
        keys,
        ["predictive:health:us", "predictive:ranking:us:gone/model", KEY, "someone:else"],
        "the lease is given back"
    );
    let snapshot: String = client.get("predictive:health:us").unwrap();
    assert!(Health::parse(&snapshot, now()).unwrap().degraded.is_empty());
    let ttl: i64 = client.ttl("predictive:health:us").unwrap();
    assert!((HEALTH_TTL_S - 5..=HEALTH_TTL_S).contains(&ttl), "{ttl}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ranking_lands_in_the_file_and_other_models_keep_theirs() {
    let book = golden_book().await;
    let config = config(book.folder.path(), book.url(), None);
    let publisher = Publisher::new(&config).unwrap();
    let before = now().plus_ms(-1_000);
    publisher.publish(&[ranked("gone/model", before)], before).await.unwrap();
    let old = now().plus_ms(-(RANKING_TTL_S + 1) * 1000);
    publisher.publish(&[ranked("expired/model", old)], old).await.unwrap();
    let all = run_once(&config).await.unwrap();
    let hints = read_hints(&config.hints_file);
    assert_eq!(hints.get(KEY, now()), Some(all[0].ranking.to_json().unwrap().as_str()));
    assert_eq!(hints.expires_at(KEY), Some(all[0].ranking.computed_at.plus_ms(RANKING_TTL_S * 1000)));
    assert_eq!(hints.expires_at("predictive:ranking:us:gone/model"), Some(before.plus_ms(RANKING_TTL_S * 1000)));
    assert_eq!(hints.expires_at("predictive:ranking:us:expired/model"), None, "what has expired is dropped");
    assert!(std::fs::read_dir(book.folder.path()).unwrap().all(|entry| {
        let name = entry.unwrap().file_name();
        !name.to_string_lossy().contains("tmp")
    }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_the_file_sees_the_old_or_the_new_one_and_never_a_part() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), "sqlite://unused".into(), None);
    let publisher = Publisher::new(&config).unwrap();
    let many = |at: Timestamp| (0..300).map(|n| ranked(&format!("lab/m{n}"), at)).collect::<Vec<_>>();
    publisher.publish(&many(now()), now()).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let reader = std::thread::spawn({
        let (stop, path) = (Arc::clone(&stop), config.hints_file.clone());
        move || {
            let mut readings = 0;
            while !stop.load(Ordering::Relaxed) {
                let hints = read_hints(&path);
                let moments: std::collections::BTreeSet<_> = hints.keys().map(|key| hints.expires_at(key)).collect();
                assert_eq!((hints.keys().count(), moments.len()), (300, 1), "one whole ranking");
                readings += 1;
            }
            readings
        }
    });
    for step in 1..=40 {
        let at = now().plus_ms(step);
        publisher.publish(&many(at), at).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    assert!(reader.join().unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_hints_file_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), "sqlite://unused".into(), None);
    for broken in [&b"{not-json"[..], b"\xff\xff"] {
        std::fs::write(&config.hints_file, broken).unwrap();
        Publisher::new(&config).unwrap().publish(&[ranked("lab/model", now())], now()).await.unwrap();
        assert!(read_hints(&config.hints_file).get(KEY, now()).is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_job_at_a_time_publishes() {
    let (folder, redis) = (tempfile::tempdir().unwrap(), RedisServer::start());
    for url in [None, Some(redis.url())] {
        let publisher = Publisher::new(&config(folder.path(), "sqlite://unused".into(), url)).unwrap();
        let soon = Duration::from_millis(1);
        let held = Lease::acquire(&publisher, "us", soon).await.unwrap();
        assert!(Lease::acquire(&publisher, "us", soon).await.is_err());
        let waiting = tokio::spawn({
            let publisher = publisher.clone();
            async move { Lease::acquire(&publisher, "us", Duration::from_secs(10)).await }
        });
        held.release().await;
        waiting.await.unwrap().unwrap().release().await;
    }
}

#[tokio::test]
async fn a_redis_that_is_away_or_not_ours_is_an_error_and_not_a_hang() {
    let folder = tempfile::tempdir().unwrap();
    let with = |url: &str| config(folder.path(), "sqlite://unused".into(), Some(url.into()));
    let away = with("redis://127.0.0.1:1");
    assert!(Publisher::new(&away).unwrap().publish(&[ranked("lab/model", now())], now()).await.is_err());
    let cluster = with("redis://127.0.0.1:1,redis://127.0.0.1:2");
    assert!(Publisher::new(&cluster).unwrap().publish(&[ranked("lab/model", now())], now()).await.is_err());
    assert!(Publisher::new(&with("redis://a:1,http://b:1")).is_err());
    assert!(Publisher::new(&with("http://127.0.0.1")).is_err());
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < limit, "never: {what}");
        tokio::task::yield_now().await;
    }
}

fn metric(registry: &prometheus::Registry, line: &str) -> Option<f64> {
    let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    text.lines().find_map(|found| found.strip_prefix(line)?.trim().parse().ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_serving_observatory_survives_failures_and_publishes_when_the_book_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("babysea.db");
    let config = config(folder.path(), format!("sqlite://{}", missing.display()), None);
    let (registry, shutdown) = (prometheus::Registry::new(), CancellationToken::new());
    let running = serve(config.clone(), &registry, shutdown.clone()).await.unwrap();
    let failures = "babysea_intelligence_failures_total{step=\"read\"}";
    until("a failure is counted", || metric(&registry, failures).is_some_and(|count| count >= 1.0)).await;
    let book = golden_book().await;
    std::fs::rename(book.path(), folder.path().join("staged.db")).unwrap();
    for end in ["-wal", "-shm"] {
        let from = book.folder.path().join(format!("babysea.db{end}"));
        std::fs::rename(from, folder.path().join(format!("babysea.db{end}"))).unwrap();
    }
    std::fs::rename(folder.path().join("staged.db"), &missing).unwrap();
    until("a ranking is published", || {
        config.hints_file.exists() && read_hints(&config.hints_file).get(KEY, now()).is_some()
    })
    .await;
    let success = "babysea_intelligence_last_success_timestamp_seconds";
    until("success is told", || metric(&registry, success).is_some_and(|at| at > 1e9)).await;
    assert_eq!(metric(&registry, "babysea_intelligence_models_ranked"), Some(1.0));
    shutdown.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_address_answers_metrics_and_health() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let book = golden_book().await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut config = config(book.folder.path(), book.url(), None);
    config.metrics_listen = Some(port);
    let shutdown = CancellationToken::new();
    let running = serve(config.clone(), &prometheus::Registry::new(), shutdown.clone()).await.unwrap();
    until("a ranking is published", || config.hints_file.exists()).await;
    for (path, expected) in [("/healthz", "200 OK"), ("/metrics", "babysea_intelligence_pass_seconds"), ("/x", "404")] {
        let mut stream = tokio::net::TcpStream::connect(port).await.unwrap();
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.contains(expected), "{path}: {answer}");
    }
    assert!(serve(config, &prometheus::Registry::new(), shutdown.clone()).await.is_err(), "the address is in use");
    shutdown.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_of_three_nodes_takes_every_ranking_wherever_its_key_lives() {
    let (mut book, cluster) = (golden_book().await, RedisCluster::start());
    let models: Vec<String> = (0..12).map(|n| format!("lab/model-{n}")).collect();
    for model in &models {
        book.golden(model, now().plus_ms(-60_000)).await;
    }
    let config = config(book.folder.path(), book.url(), Some(cluster.url()));
    let published = run_once(&config).await.unwrap();
    assert_eq!(published.len(), 13);
    let mut connection = redis::cluster::ClusterClient::new(cluster.nodes()).unwrap().get_connection().unwrap();
    for model in &published {
        let value: String = connection.get(format!("predictive:ranking:us:{}", model.model)).unwrap();
        assert_eq!(value, model.ranking.to_json().unwrap());
    }
    let counts = cluster.keys_by_node();
    assert!(counts.iter().all(|count| *count > 0), "the keys are spread: {counts:?}");
    assert_eq!(counts.iter().sum::<usize>(), 14, "13 rankings and the health snapshot; the lease is given back");
    // The second turn is given too: the lease was released on its own node.
    assert_eq!(run_once(&config).await.unwrap().len(), 13);
}
