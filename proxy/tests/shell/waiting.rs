//! Long polls and event streams on the wire.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use ledger_contract::{Plan, Scope};

use crate::harness::{Running, eventually};

const ONE: &str = "/v1/content/11111111-1111-4111-8111-111111111111";
const UNKNOWN: &str = "/v1/content/01111111-1111-4111-8111-111111111111";

fn started() -> (Running, String) {
    let proxy = Running::start();
    let key = proxy.ledger.add_key(Some(Plan::Pro), Scope::ALL, |_| {});
    (proxy, key)
}

fn finish_soon(proxy: &Running) {
    let status = proxy.ledger.status.clone();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        *status.lock().unwrap() = "succeeded";
    });
}

#[tokio::test]
async fn a_long_poll_answers_as_soon_as_the_generation_is_over() {
    let (proxy, key) = started();
    finish_soon(&proxy);
    let began = Instant::now();
    let got = proxy.get(&format!("{ONE}?wait=20"), &key).await;
    assert_eq!((got.status, got.json()["data"]["generation_status"].as_str()), (200, Some("succeeded")));
    assert!(began.elapsed() >= Duration::from_millis(300) && began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_long_poll_that_ends_before_answers_what_is_known() {
    let (proxy, key) = started();
    let began = Instant::now();
    let got = proxy.get(&format!("{ONE}?wait=1"), &key).await;
    assert_eq!(got.json()["data"]["generation_status"], "processing");
    assert!(began.elapsed() >= Duration::from_secs(1));
    let got = proxy.get(&format!("{ONE}?wait=26"), &key).await;
    assert_eq!((got.status, got.code().as_str()), (400, "BSE2001"));
    assert_eq!(got.json()["error"]["details"]["field"], "wait");
}

#[tokio::test]
async fn nobody_waits_for_what_is_not_there() {
    let (proxy, key) = started();
    let began = Instant::now();
    for path in [format!("{UNKNOWN}?wait=25"), format!("{UNKNOWN}/events"), "/v1/content/x/events".to_owned()] {
        let got = proxy.get(&path, &key).await;
        assert_eq!((got.status, got.code().as_str()), (404, "BSE3001"), "{path}");
    }
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_stream_says_every_change_and_ends_with_the_generation() {
    let (proxy, key) = started();
    finish_soon(&proxy);
    let got = proxy.get(&format!("{ONE}/events"), &key).await;
    assert_eq!(got.status, 200);
    assert_eq!(got.header("content-type"), Some("text/event-stream; charset=utf-8"));
    assert_eq!(got.header("cache-control"), Some("no-store"));
    assert!(got.header("x-ratelimit-limit").is_some() && got.header("x-request-id").is_some());
    let text = String::from_utf8(got.body).unwrap();
    let states: Vec<&str> = text.split("\n\n").filter(|event| !event.is_empty()).collect();
    assert_eq!(states.len(), 2, "{text}");
    assert!(states[0].starts_with("id: 1\nevent: generation\ndata: {\"generation_status\":\"processing\""), "{text}");
    assert!(states[1].starts_with("id: 2\nevent: generation\ndata: {\"generation_status\":\"succeeded\""), "{text}");
}

#[tokio::test]
async fn a_proxy_that_stops_keeps_nobody_waiting() {
    let (proxy, key) = started();
    let began = Instant::now();
    let (stop, reads) = (proxy.stop.clone(), proxy.ledger.reads.clone());
    std::thread::spawn(move || {
        // Once both are looked at, both wait.
        eventually("both requests wait", || reads.load(Ordering::SeqCst) >= 2);
        stop.gently();
    });
    let (path, stream) = (format!("{ONE}?wait=25"), format!("{ONE}/events"));
    let (polled, streamed) = tokio::join!(proxy.get(&path, &key), proxy.get(&stream, &key));
    assert_eq!((polled.status, streamed.status), (200, 200));
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_callback_about_no_job_of_ours_is_not_even_read() {
    let proxy = Running::start();
    let got = proxy.send("POST", "/callbacks/fal/abc", &[], "{}").await;
    assert_eq!((got.status, got.code().as_str()), (404, "BSE2017"));
    assert_eq!(proxy.send("GET", "/callbacks/fal/abc", &[], "").await.status, 405);
}
