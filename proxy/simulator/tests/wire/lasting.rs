//! What outlives a process, and how it ends.

use std::time::Duration;

use proxy_simulator::serve;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::rig::{Rig, config};

#[tokio::test]
async fn jobs_ports_and_submissions_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start_in(folder.path()).await;
    let bases = rig.running.providers.clone();
    rig.turn("replicate", json!({"run_latency_ms": 1500})).await;
    let prediction: Value = rig.submission("replicate").send().await.unwrap().json().await.unwrap();
    rig.turn("fal", json!({"behavior": "never_finish"})).await;
    let ticket: Value = rig.submission("fal").send().await.unwrap().json().await.unwrap();
    let cancel = ticket["cancel_url"].as_str().unwrap();
    Rig::authorised("fal", rig.client.put(cancel)).send().await.unwrap();
    rig.stop().await;

    let rig = Rig::start_in(folder.path()).await;
    assert_eq!(rig.running.providers, bases);
    let done = rig
        .until("replicate", prediction["urls"]["get"].as_str().unwrap(), |body| body["completed_at"].is_string())
        .await;
    assert_eq!((&done["status"], &done["id"]), (&json!("succeeded"), &prediction["id"]));
    assert_eq!(rig.image(done["output"][0].as_str().unwrap()).await, ("image/webp".to_owned(), 1024, 1024));
    let status: Value = rig.get("fal", ticket["status_url"].as_str().unwrap()).await.json().await.unwrap();
    assert_eq!(status["error_type"], "client_cancelled");
    let kept = rig.submissions("").await;
    assert_eq!(kept.len(), 2);
    assert_eq!((&kept[0]["prediction_id"], &kept[1]["cancelled"]), (&prediction["id"], &json!(true)));
}

#[tokio::test]
async fn a_line_torn_by_a_kill_costs_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start_in(folder.path()).await;
    let prediction: Value = rig.submission("replicate").send().await.unwrap().json().await.unwrap();
    rig.stop().await;
    let path = folder.path().join("jobs.ndjson");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend_from_within(..bytes.len() / 2);
    std::fs::write(path, bytes).unwrap();

    for _ in 0..2 {
        let rig = Rig::start_in(folder.path()).await;
        let url = prediction["urls"]["get"].as_str().unwrap();
        assert_eq!(rig.get("replicate", url).await.status(), 200);
        let next: Value = rig.submission("replicate").send().await.unwrap().json().await.unwrap();
        assert_ne!(next["id"], prediction["id"]);
        rig.stop().await;
    }
}

#[tokio::test]
async fn hung_requests_and_closed_listeners_do_not_hold_up_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start_in(folder.path()).await;
    rig.turn("fal", json!({"behavior": "hang_submit"})).await;
    rig.turn("bfl", json!({"behavior": "refuse_connection"})).await;
    let hung = tokio::spawn(rig.submission("fal").send());
    rig.until("fal", &rig.control("/_sim/submissions"), |list| list[0].is_object()).await;
    rig.stop().await;
    assert!(hung.await.unwrap().is_err());
}

#[tokio::test]
async fn a_taken_port_is_exchanged_and_the_exchange_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start_in(folder.path()).await;
    let before = rig.running.providers.clone();
    rig.stop().await;
    let port: u16 = before["fal"].rsplit(':').next().unwrap().parse().unwrap();
    let taker = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let rig = Rig::start_in(folder.path()).await;
    let after = rig.running.providers.clone();
    assert_ne!(after["fal"], before["fal"]);
    assert_eq!(after["bfl"], before["bfl"]);
    rig.stop().await;
    drop(taker);
    assert_eq!(Rig::start_in(folder.path()).await.running.providers, after);
}

#[tokio::test]
async fn a_second_simulator_in_the_folder_or_at_the_address_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start_in(folder.path()).await;
    let second = serve(config(folder.path()), CancellationToken::new()).await.unwrap_err();
    assert!(second.to_string().contains("another simulator"), "{second}");
    let elsewhere = tempfile::tempdir().unwrap();
    let mut taken = config(elsewhere.path());
    taken.listen = rig.running.address;
    let second = serve(taken, CancellationToken::new()).await.unwrap_err();
    assert!(second.to_string().contains("is taken"), "{second}");
}

#[tokio::test]
async fn realistic_paces_are_slower() {
    let folder = tempfile::tempdir().unwrap();
    let mut slow = config(folder.path());
    slow.realistic = true;
    let shutdown = CancellationToken::new();
    let running = serve(slow, shutdown.clone()).await.unwrap();
    let url = format!("http://{}/_sim/providers", running.address);
    let listed: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    assert_eq!(listed["fal"]["submit_latency_ms"], 250);
    shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(2), running.done).await.unwrap().unwrap().unwrap();
}
