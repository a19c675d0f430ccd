//! What callers may ask for.
#![allow(clippy::unwrap_used)]

use super::*;
use serde_json::json;

#[test]
fn a_long_poll_waits_0_to_25_seconds() {
    let seconds = |query: &str| read_query(Some(query)).map(|wait| wait.map(|wait| wait.as_secs()));
    assert_eq!(seconds(""), Ok(None));
    assert_eq!(seconds("x=1"), Ok(None));
    assert_eq!(seconds("wait=0"), Ok(Some(0)));
    assert_eq!(seconds("a=b&wait=25"), Ok(Some(25)));
    for wrong in ["wait=26", "wait=-1", "wait=", "wait=%2B5", "wait=5s", "wait=1.5", "wait=1&wait=2"] {
        assert_eq!(seconds(wrong).unwrap_err().error_code(), Some(ledger_contract::ErrorCode::InvalidInput), "{wrong}");
    }
}

#[test]
fn a_preference_is_taken_when_it_can_be_read_and_cut_to_25_seconds() {
    let seconds = |values: &[&str]| read_prefer(values.iter().map(|value| value.as_bytes())).map(|wait| wait.as_secs());
    assert_eq!(seconds(&["wait=10"]), Some(10));
    assert_eq!(seconds(&["respond-async, Wait = \"7\"; x=1"]), Some(7));
    assert_eq!(seconds(&["respond-async", "wait=600"]), Some(25));
    for none in [&[][..], &["wait"], &["wait=x"], &["wait=-1"], &["handling=lenient"]] {
        assert_eq!(seconds(none), None);
    }
}

#[test]
fn only_the_three_final_states_are_terminal() {
    let is = |status: &str| is_terminal(&json!({ "generation_status": status }));
    assert_eq!(["pending", "processing", "succeeded", "failed", "canceled"].map(is), [false, false, true, true, true]);
    assert!(!is_terminal(&json!({})));
}

#[test]
fn an_event_is_one_line_of_json() {
    let said = event(3, &json!({ "generation_prompt": "a\nb" }));
    assert_eq!(said, "id: 3\nevent: generation\ndata: {\"generation_prompt\":\"a\\nb\"}\n\n");
}
