//! The public face of answers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

const RATE: RateHeaders = RateHeaders { limit: 60, remaining: 3, reset_at_s: 1_800_000_000 };

fn letterhead(rate: Option<RateHeaders>) -> Letterhead<'static> {
    Letterhead { request_id: "req_0", timestamp: Timestamp(0), rate }
}

fn header<'a>(written: &'a Written, name: &str) -> Option<&'a str> {
    written.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_ref())
}

#[test]
fn success_carries_the_envelope() {
    let written = write(&Reply::success("Hello", serde_json::json!({"a": 1})), &letterhead(Some(RATE)));
    assert_eq!(
        std::str::from_utf8(&written.body).unwrap(),
        r#"{"status":"success","request_id":"req_0","message":"Hello","timestamp":"1970-01-01T00:00:00.000Z","data":{"a":1}}"#
    );
    assert_eq!(written.status, 200);
    assert_eq!(header(&written, "x-request-id"), Some("req_0"));
    assert_eq!(header(&written, "x-ratelimit-limit"), Some("60"));
    assert_eq!(header(&written, "cache-control"), Some("no-store"));
    assert_eq!(header(&written, "idempotency-replayed"), None);
}

#[test]
fn every_code_keeps_its_status_and_all_required_fields() {
    for &code in ErrorCode::ALL {
        let written = write(&Reply::refuse(code, "text"), &letterhead(Some(RATE)));
        assert_eq!(written.status, code.http_status());
        let body: Value = serde_json::from_slice(&written.body).unwrap();
        assert_eq!(body["error"]["code"], code.code());
        assert_eq!(body["error"]["type"], code.kind());
        assert!(body["error"]["retryable"].is_boolean());
        // Every 429 states its wait, and no wait is ever zero.
        assert!(code.http_status() != 429 || header(&written, "retry-after").unwrap().parse::<u32>().unwrap() >= 1);
    }
}

#[test]
fn retry_after_is_never_sent_without_the_limit() {
    let reply = Reply::ledger_unavailable();
    assert_eq!(header(&write(&reply, &letterhead(None)), "retry-after"), None);
    assert_eq!(header(&write(&reply, &letterhead(Some(RATE))), "retry-after"), Some("1"));
    let own = Reply::refuse(ErrorCode::RateLimitExceeded, "slow down").retry_after(7);
    assert_eq!(header(&write(&own, &letterhead(Some(RATE))), "retry-after"), Some("7"));
}

#[test]
fn a_wrong_method_names_the_right_ones_in_the_allow_header() {
    let error = PublicError::new(ErrorCode::MethodNotAllowed, "no").with_detail("allowed", vec!["GET", "DELETE"]);
    assert_eq!(header(&write(&Reply::failure(error), &letterhead(None)), "allow"), Some("GET, DELETE"));
}

#[test]
fn replays_are_marked_in_a_header_and_never_in_the_body() {
    let stored = StoredAnswer::Canceled { generation_id: uuid::Uuid::nil().into() };
    let first = write(&Reply::stored(stored.clone()), &letterhead(None));
    let again = write(&Reply::replay(stored), &letterhead(None));
    assert_eq!(header(&again, "idempotency-replayed"), Some("true"));
    assert_eq!(header(&first, "idempotency-replayed"), None);
    assert_eq!(first.body, again.body);
}

#[test]
fn a_draining_proxy_closes_the_connection() {
    assert!(write(&Reply::refuse(ErrorCode::ShuttingDown, "bye"), &letterhead(None)).close);
    assert!(!write(&Reply::ledger_unavailable(), &letterhead(None)).close);
}
