//! The request log: each row once, newest first, gone with its time or its key. And what a deployment draws once.

use ledger_contract::{
    ApiKeyId, Plan, Timestamp,
    request_log::{LoggedRequest, RequestRow},
};

use crate::{
    commands::{NOW, account},
    database::Database,
    keys::key,
};

fn row(n: u32, apikey: u32) -> (LoggedRequest, String) {
    let key = key(apikey);
    let row = LoggedRequest {
        request_id: format!("req_{n:032x}"),
        account_id: account(1),
        apikey_id: key.apikey_id,
        key_name: key.name,
        key_prefix: key.prefix,
        method: "GET".into(),
        endpoint: "/v1/status".into(),
        query: "days=7".to_owned(),
        status: 429,
        error_code: (n % 2 == 1).then(|| "BSE1005".into()),
        replayed: n % 2 == 1,
        client: "192.0.2.1".parse().unwrap(),
        user_agent: "test/1".to_owned(),
        duration_ms: 12,
        at: NOW.plus_ms(i64::from(n)),
    };
    (row, "0".repeat(64))
}

/// Keys 1 and 2 with rows 1–3 and 4.
async fn logged() -> Database {
    let database = Database::new().await;
    for n in [1, 2] {
        database.store.insert_key(&key(n), "hash").await.unwrap();
    }
    database.store.log_requests(&[row(1, 1), row(2, 1), row(3, 1), row(4, 2)]).await.unwrap();
    database
}

async fn ids(database: &Database) -> Vec<u32> {
    let rows = page(database, (Timestamp(i64::MAX), ""), 100).await;
    rows.iter().map(|row| u32::from_str_radix(&row.request_id[4..], 16).unwrap()).collect()
}

async fn page(database: &Database, before: (Timestamp, &str), limit: u32) -> Vec<RequestRow> {
    database.store.logged_requests(account(1), before, limit).await.unwrap()
}

#[tokio::test]
async fn a_row_is_read_as_it_was_kept_and_a_row_said_twice_is_kept_once() {
    let database = logged().await;
    database.store.log_requests(&[row(4, 2), row(1, 1)]).await.unwrap();
    assert_eq!(ids(&database).await, [4, 3, 2, 1]);
    let kept = page(&database, (Timestamp(i64::MAX), ""), 1).await.remove(0);
    let (said, ip_hash) = row(4, 2);
    let expected = RequestRow {
        request_id: said.request_id,
        apikey_id: said.apikey_id,
        key_name: said.key_name,
        key_prefix: said.key_prefix,
        method: said.method.into_owned(),
        endpoint: said.endpoint.into_owned(),
        query: said.query,
        status: said.status,
        error_code: None,
        replayed: false,
        ip_hash,
        user_agent: said.user_agent,
        duration_ms: said.duration_ms,
        at: said.at,
    };
    assert_eq!(kept, expected);
    let failed = page(&database, (NOW.plus_ms(2), ""), 1).await.remove(0);
    assert_eq!((failed.error_code.as_deref(), failed.replayed), (Some("BSE1005"), true));
}

#[tokio::test]
async fn pages_follow_each_other_without_gaps_and_belong_to_one_account() {
    let database = logged().await;
    let first = page(&database, (Timestamp(i64::MAX), ""), 3).await;
    let last = first.last().unwrap();
    let rest = page(&database, (last.at, &last.request_id), 3).await;
    assert_eq!((first.len(), rest.len(), rest[0].at), (3, 1, NOW.plus_ms(1)));
    let foreign = database.store.logged_requests(account(2), (Timestamp(i64::MAX), ""), 10).await.unwrap();
    assert_eq!(foreign, []);
}

#[tokio::test]
async fn rows_go_with_their_time_by_the_plan_their_account_has_now() {
    let database = logged().await;
    let until = NOW.plus_ms(2);
    database.store.sweep_request_log(Plan::Pro, until).await.unwrap();
    assert_eq!(ids(&database).await.len(), 4, "the account is on another plan");
    assert!(!database.store.sweep_request_log(Plan::Starter, until).await.unwrap());
    assert_eq!(ids(&database).await, [4, 3]);
}

#[tokio::test]
async fn rows_go_with_their_key_and_none_come_after_it() {
    let database = logged().await;
    let gone: ApiKeyId = key(1).apikey_id;
    database.store.delete_key(gone).await.unwrap();
    assert_eq!(database.store.keyless_requests(10).await.unwrap(), [gone]);
    assert!(!database.store.forget_requests_of_key(gone).await.unwrap());
    assert_eq!(database.store.keyless_requests(10).await.unwrap(), []);
    database.store.log_requests(&[row(5, 1), row(6, 2)]).await.unwrap();
    assert_eq!(ids(&database).await, [6, 4]);
}

#[tokio::test]
async fn a_deployment_draws_a_value_once() {
    let database = Database::new().await;
    assert_eq!(database.store.deployment_value("secret", "first").await.unwrap(), "first");
    assert_eq!(database.store.deployment_value("secret", "second").await.unwrap(), "first");
    assert_eq!(database.reopened().await.deployment_value("secret", "third").await.unwrap(), "first");
}
