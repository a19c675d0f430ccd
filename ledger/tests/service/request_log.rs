//! The request log over HTTP: kept without addresses, paged, and gone with its key. Reported uses of keys are noted.

use ledger_contract::{
    Credits, Timestamp,
    request_log::{LoggedRequest, LoggedRequests, MAX_LOGGED, REQUEST_LOG, RequestPage},
    wire::{self, RequestCounts},
};
use serde_json::{Value, json};

use crate::stack::{Bed, Stack, Tenant, eventually, now};

fn row(tenant: &Tenant, n: u64) -> LoggedRequest {
    LoggedRequest {
        request_id: format!("req_{n:032x}"),
        account_id: tenant.caller.account_id,
        apikey_id: tenant.caller.apikey_id,
        key_name: "main".to_owned(),
        key_prefix: tenant.key.key.prefix.clone(),
        method: "GET".into(),
        endpoint: "/v1/status".into(),
        query: String::new(),
        status: 200,
        error_code: None,
        replayed: false,
        client: "192.0.2.77".parse().unwrap(),
        user_agent: "test/1".to_owned(),
        duration_ms: 3,
        at: Timestamp(now().0 - 1_000 + i64::try_from(n).unwrap()),
    }
}

async fn page(stack: &Stack, tenant: &Tenant, rest: &str) -> RequestPage {
    stack.get(&format!("{REQUEST_LOG}?account_id={}{rest}", tenant.caller.account_id)).await
}

#[tokio::test]
async fn rows_are_paged_newest_first_hold_no_address_and_go_with_their_key() {
    let stack = Stack::start().await;
    let tenant = stack.tenant(Credits::ZERO).await;
    let rows: Vec<_> = (0..5).map(|n| row(&tenant, n)).collect();
    for _ in 0..2 {
        assert_eq!(stack.post::<Value>(REQUEST_LOG, &LoggedRequests { rows: rows.clone() }).await, json!({}));
    }
    let first = page(&stack, &tenant, "&limit=3").await;
    assert_eq!(first.rows.iter().map(|row| row.at).collect::<Vec<_>>(), [rows[4].at, rows[3].at, rows[2].at]);
    let rest = page(&stack, &tenant, &format!("&limit=3&before={}", first.next.unwrap())).await;
    assert_eq!((rest.rows.len(), rest.next), (2, None));
    assert!(first.rows.iter().all(|row| row.ip_hash.len() == 64));
    let dump = std::fs::read(stack.folder.path().join("book.db")).unwrap();
    let wal = std::fs::read(stack.folder.path().join("book.db-wal")).unwrap_or_default();
    for file in [dump, wal] {
        assert!(!file.windows(10).any(|window| window == b"192.0.2.77"), "an address is in the database");
    }
    let key = format!("/internal/keys/{}", tenant.caller.apikey_id);
    assert_eq!(stack.call("DELETE", &key, &json!({})).await.0, 200);
    assert_eq!(page(&stack, &tenant, "").await.rows, []);
    stack.end().await;
}

#[tokio::test]
async fn a_report_that_is_too_long_or_a_page_that_never_was_is_refused() {
    let stack = Stack::start().await;
    let tenant = stack.tenant(Credits::ZERO).await;
    let rows: Vec<_> = (0..=MAX_LOGGED as u64).map(|n| row(&tenant, n)).collect();
    let report = serde_json::to_value(LoggedRequests { rows }).unwrap();
    assert_eq!(stack.call("POST", REQUEST_LOG, &report).await.0, 400);
    let path = format!("{REQUEST_LOG}?account_id={}&before=x", tenant.caller.account_id);
    assert_eq!(stack.call("GET", &path, &json!({})).await.0, 400);
    stack.end().await;
}

#[tokio::test]
async fn a_reported_use_of_a_key_is_noted_but_never_in_the_future() {
    let mut bed = Bed::new();
    bed.config.timing.touch_interval = std::time::Duration::from_millis(10);
    let stack = bed.start().await;
    let tenant = stack.tenant(Credits::ZERO).await;
    let uses = vec![(tenant.caller.apikey_id, now().plus_ms(3_600_000))];
    let report = RequestCounts { report_id: uuid::Uuid::now_v7(), rows: Vec::new(), uses };
    stack.post::<Value>(wire::REQUEST_COUNTS, &report).await;
    let path = format!("{}?account_id={}", wire::KEYS, tenant.caller.account_id);
    eventually("the use is written", async || {
        let keys: Vec<ledger_contract::access::ApiKey> = stack.get(&path).await;
        keys[0].last_used_at.is_some_and(|at| at <= now())
    })
    .await;
    stack.end().await;
}
