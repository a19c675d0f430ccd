//! Nobody without the token gets anything, and every refusal has a body.

use serde_json::{Value, json};

use crate::stack::Stack;

/// Every route. A route that is missing here fails the test below by answering something else than it should.
const ROUTES: &[(&str, &str)] = &[
    ("POST", "/internal/commands"),
    ("POST", "/internal/keys/find"),
    ("POST", "/internal/replays/find"),
    ("POST", "/internal/leases/renew"),
    ("POST", "/internal/leases/take"),
    ("POST", "/internal/request-counts"),
    ("GET", "/internal/balances/x"),
    ("GET", "/internal/ready"),
    ("GET", "/internal/accounts"),
    ("POST", "/internal/accounts"),
    ("PUT", "/internal/accounts/x/plan"),
    ("GET", "/internal/keys"),
    ("POST", "/internal/keys"),
    ("PUT", "/internal/keys/x"),
    ("DELETE", "/internal/keys/x"),
    ("POST", "/internal/keys/x/rotate"),
    ("POST", "/internal/keys/x/revoke"),
    ("GET", "/internal/entries"),
    ("POST", "/internal/audit"),
    ("GET", "/v1/status"),
    ("GET", "/v1/usage"),
    ("GET", "/v1/user/account"),
    ("GET", "/v1/user/billing"),
    ("GET", "/v1/content/list"),
    ("GET", "/v1/content/x"),
    ("GET", "/nowhere"),
];

#[tokio::test]
async fn every_route_wants_the_token() {
    let stack = Stack::start().await;
    let http = reqwest::Client::new();
    for (method, path) in ROUTES {
        for token in [None, Some(""), Some("wrong"), Some("test-tokem")] {
            let mut request = http.request(method.parse().unwrap(), format!("{}{path}", stack.url)).json(&json!({}));
            if let Some(token) = token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 401, "{method} {path} {token:?}");
            assert!(answer.json::<Value>().await.unwrap()["error"].is_string());
        }
        let basic = http.request(method.parse().unwrap(), format!("{}{path}", stack.url));
        let answer = basic.header("authorization", "Basic test-token").send().await.unwrap();
        assert_eq!(answer.status(), 401, "{method} {path}");
    }
    stack.end().await;
}

#[tokio::test]
async fn what_is_not_there_says_so() {
    let stack = Stack::start().await;
    assert_eq!(stack.call("GET", "/nowhere", &json!({})).await, (404, json!({"error": "no such path"})));
    assert_eq!(stack.call("DELETE", "/internal/commands", &json!({})).await.0, 405);
    let unknown = uuid::Uuid::now_v7();
    for path in [format!("/internal/balances/{unknown}"), "/internal/balances/x".to_owned()] {
        assert_eq!(stack.call("GET", &path, &json!({})).await, (404, json!({"error": "no such account"})));
    }
    let plan = json!({"plan": "scale"});
    assert_eq!(stack.call("PUT", &format!("/internal/accounts/{unknown}/plan"), &plan).await.0, 404);
    assert_eq!(stack.call("PUT", &format!("/internal/accounts/{unknown}/plan"), &json!({"plan": "x"})).await.0, 400);
    assert_eq!(stack.call("GET", "/internal/entries", &json!({})).await.0, 400);
    assert_eq!(stack.call("GET", "/internal/keys?account_id=x", &json!({})).await.0, 400);
    stack.end().await;
}

#[tokio::test]
async fn a_read_without_an_identity_tells_a_customer_nothing() {
    let stack = Stack::start().await;
    let (status, body) = stack.call("GET", "/v1/status", &json!({})).await;
    assert_eq!((status, &body["error"]["code"]), (500, &json!("BSE5001")));
    assert!(!body.to_string().contains("header"), "{body}");
    stack.end().await;
}

#[tokio::test]
async fn a_ledger_without_a_token_or_with_a_taken_port_does_not_start() {
    use crate::stack::Bed;
    let registry = prometheus::Registry::new();
    let mut bed = Bed::new();
    bed.config.token = String::new();
    let error = ledger::serve(bed.config, &registry, tokio_util::sync::CancellationToken::new()).await.unwrap_err();
    assert!(error.to_string().contains("BABYSEA_LEDGER_TOKEN"), "{error}");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut bed = Bed::new();
    bed.config.listen = taken.local_addr().unwrap();
    let registry = prometheus::Registry::new();
    let error = ledger::serve(bed.config, &registry, tokio_util::sync::CancellationToken::new()).await.unwrap_err();
    assert!(error.to_string().contains("cannot listen on"), "{error}");
    assert!(!bed.folder.path().join("book.db").exists(), "nothing was touched");
}
