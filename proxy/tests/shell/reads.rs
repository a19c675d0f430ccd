//! Reads through to the ledger: what goes on, what comes back, what is counted.

use ledger_contract::{Plan, Scope};

use crate::harness::{Running, eventually};

#[tokio::test]
async fn a_read_carries_our_identity_and_nothing_of_the_callers_headers() {
    let proxy = Running::start();
    let key = proxy.ledger.add_key(Some(Plan::Pro), Scope::ALL, |_| {});
    let bearer = format!("Bearer {key}");
    let forged = [
        ("authorization", bearer.as_str()),
        ("x-babysea-account-id", "00000000-0000-0000-0000-000000000000"),
        ("x-babysea-public-url", "https://evil.example"),
        ("cookie", "a=b"),
    ];
    let got = proxy.send("GET", "/v1/usage/?days=7&x=%2F", &forged, "").await;
    assert_eq!(got.status, 200);
    let data = &got.json()["data"];
    assert_eq!(data["path"], "/v1/usage?days=7&x=%2F");
    let account = proxy.ledger.keys.lock().unwrap()[0].key.account_id.to_string();
    assert_eq!(data["headers"]["x-babysea-account-id"], account);
    assert_eq!(data["headers"]["x-babysea-public-url"], format!("http://{}", proxy.address));
    assert_eq!(data["headers"]["x-babysea-request-id"], got.header("x-request-id").unwrap());
    assert_eq!(data["headers"]["cookie"], serde_json::Value::Null);
    assert!(!String::from_utf8_lossy(&got.body).contains(&key), "the key never leaves the proxy");
}

#[tokio::test]
async fn only_our_own_headers_come_back() {
    let proxy = Running::start();
    let key = proxy.ledger.add_key(Some(Plan::Pro), Scope::ALL, |_| {});
    let got = proxy.get("/v1/status", &key).await;
    for absent in ["x-internal", "set-cookie", "server"] {
        assert_eq!(got.header(absent), None, "{absent}");
    }
    assert_eq!(got.header("x-ratelimit-limit"), Some("150"));
    assert_eq!(got.header("cache-control"), Some("no-store"));
    assert_eq!(got.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(got.header("x-request-id"), got.json()["request_id"].as_str());
    let id = got.header("x-request-id").unwrap().strip_prefix("req_").unwrap().to_owned();
    assert_eq!((id.len(), id.as_bytes()[12]), (32, b'7'), "a UUIDv7 in hex");
}

#[tokio::test]
async fn an_id_that_is_not_one_is_as_unknown_as_any_other() {
    let proxy = Running::start();
    let key = proxy.ledger.add_key(Some(Plan::Pro), Scope::ALL, |_| {});
    let not_an_id = proxy.get("/v1/content/whatever", &key).await;
    let unknown = proxy.get("/v1/content/00000000-0000-0000-0000-000000000000", &key).await;
    assert_eq!((not_an_id.status, not_an_id.code().as_str()), (404, "BSE3001"));
    assert_eq!((unknown.status, unknown.code().as_str()), (404, "BSE3001"));
    let known = proxy.get("/v1/content/list?limit=3", &key).await;
    assert_eq!(known.json()["data"]["path"], "/v1/content/list?limit=3");
}

#[tokio::test]
async fn a_body_that_nobody_asked_for_changes_nothing() {
    let proxy = Running::start();
    let key = proxy.ledger.add_key(Some(Plan::Pro), Scope::ALL, |_| {});
    let bearer = format!("Bearer {key}");
    let got = proxy.send("GET", "/v1/status", &[("authorization", &bearer)], vec![b'x'; 200_000]).await;
    assert_eq!(got.status, 200);
    let got = proxy.send("GET", "/v1/library/models", &[("authorization", &bearer)], vec![b'x'; 200_000]).await;
    assert_eq!(got.status, 200);
}

#[tokio::test]
async fn answered_requests_are_reported_with_their_endpoint_status_and_code() {
    let proxy = Running::start();
    let key = proxy.ledger.add_key(Some(Plan::Pro), Scope::ALL, |_| {});
    proxy.get("/v1/status", &key).await;
    proxy.get("/v1/content/00000000-0000-0000-0000-000000000000", &key).await;
    proxy.get("/v1/status", "nonsense").await;
    let rows = || -> Vec<(String, u16, Option<String>, u64)> {
        let reports = proxy.ledger.counts.lock().unwrap();
        let rows = reports.iter().flat_map(|report| report.rows.iter());
        rows.map(|row| (row.endpoint.clone(), row.status, row.error_code.clone(), row.requests)).collect()
    };
    eventually("both requests are reported", || rows().len() == 2);
    let mut rows = rows();
    rows.sort();
    let not_found = Some("BSE3001".to_owned());
    assert_eq!(rows[0], ("GET /v1/content/{generation_id}".to_owned(), 404, not_found, 1));
    assert_eq!(rows[1], ("GET /v1/status".to_owned(), 200, None, 1));
}

#[tokio::test]
async fn http_2_without_tls_is_spoken_too() {
    let proxy = Running::start();
    let key = proxy.ledger.add_key(Some(Plan::Pro), Scope::ALL, |_| {});
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    for path in ["/v1/status", "/v1/library/models"] {
        let url = format!("http://{}{path}", proxy.address);
        let got = client.get(url).bearer_auth(&key).send().await.unwrap();
        assert_eq!((got.version(), got.status().as_u16()), (reqwest::Version::HTTP_2, 200), "{path}");
        assert!(got.headers().contains_key("x-ratelimit-limit"));
        assert_eq!(got.json::<serde_json::Value>().await.unwrap()["status"], "success");
    }
}
