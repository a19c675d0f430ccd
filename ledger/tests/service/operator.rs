//! What operators see on the address of their own.

use ledger_contract::Credits;

use crate::stack::Bed;

#[tokio::test]
async fn metrics_health_and_readiness_need_no_token() {
    // Free a moment ago; the ledger takes it at once.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut bed = Bed::new();
    bed.config.metrics_listen = Some(address);
    let stack = bed.start().await;
    stack.account(Credits(5)).await;
    let get = async |path: &str| {
        let answer = reqwest::get(format!("http://{address}{path}")).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(get("/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(get("/readyz").await, (200, "ready\n".to_owned()));
    let (status, metrics) = get("/metrics").await;
    assert_eq!(status, 200);
    for line in [
        "babysea_ledger_commands_total{command=\"Add\",result=\"added\"} 1",
        "babysea_ledger_batches_total{result=\"committed\"} 1",
        "babysea_ledger_batch_commands_count 1",
        "babysea_ledger_commit_seconds_count 1",
        "babysea_ledger_queue_depth 0",
        "babysea_ledger_open_generations 0",
        "babysea_ledger_database_up 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
    stack.end().await;
}

#[tokio::test]
async fn readiness_is_told_to_houses_too() {
    let stack = Bed::new().start().await;
    let ready: serde_json::Value = stack.get(ledger_contract::wire::READY).await;
    assert_eq!(ready, serde_json::json!({"status": "ok"}));
    stack.end().await;
}
