//! Who may come in: a matrix made from the route table, and the rules around it.

use std::sync::atomic::Ordering;

use ledger_contract::{Plan, Scope, access::KeyState};
use proxy::routes::ROUTES;

use crate::harness::Running;

fn path_of(template: &str) -> String {
    template.replace("{model_identifier}", "bfl/flux-schnell").replace("{generation_id}", "x")
}

fn unknown_key() -> String {
    format!("bye_{}", "z".repeat(38))
}

#[tokio::test]
async fn every_route_asks_who_is_there_and_what_they_may_do() {
    for route in ROUTES {
        let proxy = Running::start();
        let path = path_of(route.template);
        let ask = |key: String| {
            let bearer = format!("Bearer {key}");
            let (proxy, path) = (&proxy, &path);
            async move { proxy.send(route.method, path, &[("authorization", &bearer)], "").await }
        };
        let nobody = proxy.send(route.method, &path, &[], "").await;
        assert_eq!((nobody.status, nobody.code().as_str()), (401, "BSE1001"), "{path}");
        assert_eq!(nobody.header("x-ratelimit-limit"), None);
        let stranger = ask(unknown_key()).await;
        assert_eq!((stranger.status, stranger.code().as_str()), (401, "BSE1002"), "{path}");

        let others: Vec<Scope> = Scope::ALL.iter().copied().filter(|scope| *scope != route.scope).collect();
        let lacking = ask(proxy.ledger.add_key(Some(Plan::Free), &others, |_| {})).await;
        assert_eq!((lacking.status, lacking.code().as_str()), (403, "BSE1003"), "{path}");
        assert_eq!(lacking.json()["error"]["details"]["required_scope"], route.scope.as_str());
        let limit = lacking.header("x-ratelimit-limit").unwrap().to_owned();
        assert_eq!(lacking.header("x-ratelimit-remaining"), Some(limit.as_str()), "a refused scope draws nothing");

        let able = ask(proxy.ledger.add_key(Some(Plan::Free), &[route.scope], |_| {})).await;
        assert!(!able.code().starts_with("BSE1"), "{path}: {}", able.code());
        let left: u32 = able.header("x-ratelimit-remaining").unwrap().parse().unwrap();
        assert_eq!(left + 1, limit.parse::<u32>().unwrap(), "{path}");
    }
}

#[tokio::test]
async fn what_a_key_must_be_is_checked_on_every_request() {
    let proxy = Running::start();
    let code = async |key: &str| proxy.get("/v1/health/cache", key).await.code();
    let all = Scope::ALL;
    let elsewhere = proxy.ledger.add_key(Some(Plan::Free), all, |key| key.allow_ips = vec!["10.0.0.0/8".to_owned()]);
    assert_eq!(code(&elsewhere).await, "BSE1007");
    let orphan = proxy.ledger.add_key(None, all, |_| {});
    let gone = proxy.get("/v1/health/cache", &orphan).await;
    assert_eq!((gone.code().as_str(), gone.header("x-ratelimit-limit")), ("BSE1008", None));
    let expired =
        proxy.ledger.add_key(Some(Plan::Free), all, |key| key.expires_at = Some(ledger_contract::Timestamp(1)));
    assert_eq!(code(&expired).await, "BSE1002");
    let good = proxy.ledger.add_key(Some(Plan::Free), all, |_| {});
    assert_eq!(code(&good).await, "");
    proxy.ledger.keys.lock().unwrap().iter_mut().for_each(|key| key.key.state = KeyState::Revoked);
    assert_eq!(code(&good).await, "BSE1002");
}

#[tokio::test]
async fn an_allowlist_sees_the_address_behind_a_trusted_proxy() {
    let proxy = Running::start();
    let inside = |key: &mut ledger_contract::access::ApiKey| key.allow_ips = vec!["10.0.0.0/8".to_owned()];
    let key = proxy.ledger.add_key(Some(Plan::Free), Scope::ALL, inside);
    let from = async |forwarded: &str| {
        let headers = [("authorization", format!("Bearer {key}")), ("x-forwarded-for", forwarded.to_owned())];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        proxy.send("GET", "/v1/health/cache", &headers, "").await.code()
    };
    assert_eq!(from("10.1.2.3").await, "");
    assert_eq!(from("::ffff:10.1.2.3").await, "");
    assert_eq!(from("10.1.2.3, 192.0.2.1").await, "BSE1007");
}

#[tokio::test]
async fn the_rate_limit_counts_down_refuses_and_says_how_long() {
    let proxy = Running::start();
    let key = proxy.ledger.add_key(Some(Plan::Free), Scope::ALL, |_| {});
    for left in (0..30).rev() {
        let got = proxy.get("/v1/health/cache", &key).await;
        assert_eq!((got.status, got.header("x-ratelimit-limit")), (200, Some("30")));
        // A steady trickle of time may have earned one back.
        assert!(got.header("x-ratelimit-remaining").unwrap().parse::<u32>().unwrap() >= left);
    }
    let mut refused = proxy.get("/v1/health/cache", &key).await;
    // A slow machine earns a request every two seconds, and sends more than that.
    for _ in 0..60 {
        if refused.status == 200 {
            refused = proxy.get("/v1/health/cache", &key).await;
        }
    }
    assert_eq!((refused.status, refused.code().as_str()), (429, "BSE1005"));
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=2).contains(&wait));
    assert_eq!(refused.json()["error"]["details"]["retry_after_seconds"], wait);
    assert_eq!(refused.json()["error"]["retryable"], true);
}

#[tokio::test]
async fn an_address_that_guesses_keys_is_stopped_and_a_good_key_behind_it_is_not() {
    let proxy = Running::start();
    let key = proxy.ledger.add_key(Some(Plan::Enterprise), Scope::ALL, |_| {});
    assert_eq!(proxy.get("/v1/health/cache", &key).await.status, 200);
    for _ in 0..30 {
        assert_eq!(proxy.get("/v1/health/cache", "nonsense").await.code(), "BSE1002");
    }
    let mut stopped = proxy.get("/v1/health/cache", "nonsense").await;
    // A slow machine is forgiven a failure every two seconds, and makes more than that.
    for _ in 0..60 {
        if stopped.status == 401 {
            stopped = proxy.get("/v1/health/cache", "nonsense").await;
        }
    }
    assert_eq!((stopped.status, stopped.code().as_str()), (429, "BSE1006"));
    assert_eq!(stopped.header("x-ratelimit-limit"), Some("30"));
    assert!(stopped.header("retry-after").is_some());
    assert_eq!(proxy.get("/v1/health/cache", &key).await.status, 200);
}

#[tokio::test]
async fn without_the_ledger_a_known_key_still_opens_what_needs_no_ledger() {
    let proxy = Running::start();
    let key = proxy.ledger.add_key(Some(Plan::Free), Scope::ALL, |_| {});
    assert_eq!(proxy.get("/v1/status", &key).await.status, 200);
    proxy.ledger.away.store(true, Ordering::SeqCst);
    for path in ["/v1/library/models", "/v1/library/providers", "/v1/health/inference/providers", "/v1/health/storage"]
    {
        assert_eq!(proxy.get(path, &key).await.status, 200, "{path}");
    }
    let estimate = proxy.get("/v1/estimate/bfl/flux-schnell", &key).await;
    assert_eq!((estimate.status, &estimate.json()["data"]["credit_balance"]), (200, &serde_json::Value::Null));
    let read = proxy.get("/v1/status", &key).await;
    assert_eq!((read.status, read.code().as_str(), read.header("retry-after")), (503, "BSE5002", Some("1")));
    let stranger = proxy.get("/v1/status", &unknown_key()).await;
    assert_eq!((stranger.status, stranger.code().as_str()), (503, "BSE5002"), "never a 401 while nobody can be asked");
    assert_eq!(stranger.header("retry-after"), None);
}

#[tokio::test]
async fn paths_and_methods_are_checked_before_keys_and_every_answer_has_the_envelope() {
    let proxy = Running::start();
    for (method, path, code, allow) in [
        ("GET", "/", "BSE2017", None),
        ("GET", "/v1/nothing", "BSE2017", None),
        ("GET", "/V1/status", "BSE2017", None),
        ("GET", "/v1/generate/image", "BSE2017", None),
        ("GET", "/v1/generate/image/a/b", "BSE2018", Some("POST")),
        ("PUT", "/v1/content/x", "BSE2018", Some("GET, DELETE")),
        ("DELETE", "/v1/content/list", "BSE2018", Some("GET")),
        ("OPTIONS", "/v1/status", "BSE2018", Some("GET")),
        ("POST", "/files/a", "BSE2018", Some("GET, HEAD")),
    ] {
        let got = proxy.send(method, path, &[], "").await;
        assert_eq!((got.code().as_str(), got.header("allow")), (code, allow), "{method} {path}");
        assert_eq!(got.header("access-control-allow-origin"), Some("*"));
        assert_eq!(got.header("content-type"), Some("application/json; charset=utf-8"));
        assert_eq!(got.header("x-request-id"), got.json()["request_id"].as_str());
    }
    let head = proxy.send("HEAD", "/v1/status", &[], "").await;
    assert_eq!((head.status, head.header("allow")), (405, Some("GET")));
}

#[tokio::test]
async fn a_preflight_is_answered_on_any_path_without_a_key() {
    let proxy = Running::start();
    let headers = [("origin", "https://app.example"), ("access-control-request-method", "POST")];
    let got = proxy.send("OPTIONS", "/anything/at/all", &headers, "").await;
    assert_eq!((got.status, got.body.len()), (204, 0));
    assert_eq!(got.header("access-control-allow-methods"), Some("GET, POST, DELETE, OPTIONS"));
    assert!(got.header("access-control-allow-headers").unwrap().contains("Idempotency-Key"));
    assert_eq!(got.header("access-control-max-age"), Some("86400"));
    assert_eq!(got.header("access-control-allow-credentials"), None);
}
