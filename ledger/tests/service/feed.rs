//! The key feed over HTTP: every change of a key or a plan reaches a following proxy before it is answered.

use std::time::{Duration, Instant};

use ledger_contract::{
    Credits, HolderId,
    feed::{FEED_LEASE_MS, FeedPosition, FollowKeys, KEYS_FEED, KeyChange, KeyNews},
    wire::{self, FindKeys, FoundKeys},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stack::Stack;

async fn ask(stack: &Stack, holder: HolderId, after: Option<FeedPosition>) -> KeyNews {
    stack.post(KEYS_FEED, &FollowKeys { holder, after }).await
}

/// Makes a change while a proxy follows; what the proxy heard before the change was answered.
async fn heard(stack: &Stack, method: &str, path: &str, body: &Value) -> Vec<KeyChange> {
    let holder = HolderId(Uuid::now_v7());
    let start = ask(stack, holder, None).await.position;
    let changing = stack.call(method, path, body);
    let following = async {
        let mut news = ask(stack, holder, Some(start)).await;
        while news.changes.is_empty() {
            news = ask(stack, holder, Some(news.position)).await;
        }
        let heard = news.changes.clone();
        // The acknowledgement.
        ask(stack, holder, Some(news.position)).await;
        heard
    };
    let ((status, answer), heard) = tokio::join!(changing, following);
    assert_eq!(status, 200, "{method} {path}: {answer}");
    heard
}

#[tokio::test]
async fn every_change_of_a_key_or_a_plan_is_announced() {
    let stack = Stack::start().await;
    let tenant = stack.tenant(Credits::ZERO).await;
    let key = format!("/internal/keys/{}", tenant.key.key.apikey_id);
    let prefix = KeyChange::Prefix(tenant.key.key.prefix.clone());
    let account = KeyChange::Account(tenant.caller.account_id);
    let plan = format!("/internal/accounts/{}/plan", tenant.caller.account_id);
    assert_eq!(heard(&stack, "PUT", &plan, &json!({"plan": "scale"})).await, [account]);
    for (method, path, body) in [
        ("PUT", key.clone(), json!({"name": "other"})),
        ("POST", format!("{key}/rotate"), json!({"grace_hours": 24})),
        ("POST", format!("{key}/revoke"), json!({})),
        ("DELETE", key, json!({})),
    ] {
        assert_eq!(heard(&stack, method, &path, &body).await, std::slice::from_ref(&prefix), "{method} {path}");
    }
    stack.end().await;
}

#[tokio::test]
async fn a_change_that_fails_is_not_announced_and_a_silent_proxy_delays_one_by_its_lease_only() {
    let stack = Stack::start().await;
    let tenant = stack.tenant(Credits::ZERO).await;
    let holder = HolderId(Uuid::now_v7());
    let start = ask(&stack, holder, None).await.position;
    let nobody = format!("/internal/keys/{}/revoke", Uuid::now_v7());
    assert_eq!(stack.call("POST", &nobody, &json!({})).await.0, 404);
    assert_eq!(ask(&stack, holder, Some(start)).await.changes, []);
    let asked = Instant::now();
    let revoke = format!("/internal/keys/{}/revoke", tenant.key.key.apikey_id);
    assert_eq!(stack.call("POST", &revoke, &json!({})).await.0, 200);
    assert!(asked.elapsed() < Duration::from_millis(FEED_LEASE_MS + 1_000), "{:?}", asked.elapsed());
    stack.end().await;
}

#[tokio::test]
async fn a_key_is_nobodys_for_the_proxy_of_another_region() {
    let stack = Stack::start().await;
    let tenant = stack.tenant(Credits::ZERO).await;
    for (region, known) in [(None, 1), (Some("us"), 1), (Some("eu"), 0)] {
        let find = FindKeys { prefix: tenant.key.key.prefix.clone(), region: region.map(str::to_owned) };
        let found: FoundKeys = stack.post(wire::KEYS_FIND, &find).await;
        assert_eq!(found.candidates.len(), known, "{region:?}");
    }
    stack.end().await;
}
