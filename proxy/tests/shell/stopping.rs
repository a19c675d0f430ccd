//! Starting where one can't, and stopping in order.

use std::time::{Duration, Instant};

use ledger_contract::{Plan, Scope};
use proxy::Stop;

use crate::harness::{Running, config, eventually, free_address};

#[tokio::test]
async fn a_running_request_ends_and_a_new_one_is_refused_while_draining() {
    let mut proxy = Running::start();
    let key = proxy.ledger.add_key(Some(Plan::Free), Scope::ALL, |_| {});
    let (running, ()) = tokio::join!(proxy.get("/v1/user/account", &key), async {
        let keeps_going = async {
            tokio::task::yield_now().await;
            loop {
                let metrics = reqwest_text(&format!("http://{}/metrics", proxy.metrics)).await;
                if metrics.contains("babysea_proxy_requests_in_flight 1") {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), keeps_going).await.unwrap();
        proxy.stop.gently();
        let refused = loop {
            let got = proxy.get("/v1/status", &key).await;
            if got.status == 503 {
                break got;
            }
        };
        assert_eq!((refused.code().as_str(), refused.header("connection")), ("BSE5003", Some("close")));
        assert_eq!(refused.header("retry-after"), None);
        proxy.ledger.gate.add_permits(1);
    });
    assert_eq!(running.status, 200);
    let thread = proxy.thread.take().unwrap();
    eventually("the proxy ends", || thread.is_finished());
    assert!(thread.join().unwrap().is_ok());
    let reported: u64 =
        proxy.ledger.counts.lock().unwrap().iter().flat_map(|report| &report.rows).map(|row| row.requests).sum();
    assert!(reported >= 1, "what was counted is reported before the end");
}

#[test]
fn an_idle_proxy_ends_within_two_seconds() {
    let mut proxy = Running::start();
    let idle_connection = std::net::TcpStream::connect(proxy.address).unwrap();
    let asked_at = Instant::now();
    proxy.stop.gently();
    let thread = proxy.thread.take().unwrap();
    eventually("the proxy ends", || thread.is_finished());
    assert!(asked_at.elapsed() < Duration::from_secs(2), "{:?}", asked_at.elapsed());
    drop(idle_connection);
}

#[tokio::test]
async fn a_second_stop_does_not_wait_for_anybody() {
    let mut proxy = Running::start();
    let key = proxy.ledger.add_key(Some(Plan::Free), Scope::ALL, |_| {});
    let url = format!("http://{}/v1/user/account", proxy.address);
    let stuck = tokio::spawn(async move { reqwest::Client::new().get(url).bearer_auth(key).send().await.is_ok() });
    let metrics = format!("http://{}/metrics", proxy.metrics);
    while !reqwest_text(&metrics).await.contains("babysea_proxy_requests_in_flight 1") {}
    proxy.stop.gently();
    proxy.stop.at_once();
    let thread = proxy.thread.take().unwrap();
    tokio::task::spawn_blocking(move || eventually("the proxy ends", || thread.is_finished())).await.unwrap();
    assert!(!stuck.await.unwrap());
}

#[test]
fn an_address_in_use_is_an_error_and_not_a_silent_proxy() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(free_address(), folder.path());
    config.listen = taken.local_addr().unwrap();
    let error = proxy::run(config, prometheus::Registry::new(), Stop::new()).unwrap_err();
    assert!(error.to_string().contains("cannot listen"), "{error}");
}

#[tokio::test]
async fn operators_have_an_endpoint_of_their_own() {
    let proxy = Running::start();
    let base = format!("http://{}", proxy.metrics);
    assert_eq!(reqwest_text(&format!("{base}/healthz")).await, "ok\n");
    assert_eq!(reqwest_text(&format!("{base}/readyz")).await, "ready\n");
    proxy.ledger.away.store(true, std::sync::atomic::Ordering::SeqCst);
    assert!(reqwest_text(&format!("{base}/readyz")).await.contains("not reachable"));
    assert_eq!(proxy.send("GET", "/metrics", &[], "").await.code(), "BSE2017", "not on the customers' address");
}

async fn reqwest_text(url: &str) -> String {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::get(url).await.unwrap().text().await.unwrap()
}
