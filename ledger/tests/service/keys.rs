//! Accounts and keys: made exactly as asked, found by prefix, rotated with grace, stopped at once.

use ledger_contract::{
    Credits, Plan, Scope,
    access::{Account, ApiKey, KeyState},
    wire::{self, CreatedKey, FindKeys, FoundKeys, KeyName, NewKey, RotateKey},
};
use serde_json::{Value, json};

use crate::stack::{Bed, Stack, eventually, new_key, now};

async fn find(stack: &Stack, key: &CreatedKey) -> Vec<ledger_contract::access::KeyCandidate> {
    let prefix = key.api_key[..9].to_owned();
    stack.post::<FoundKeys>(wire::KEYS_FIND, &FindKeys { prefix, region: None }).await.candidates
}

async fn rotate(stack: &Stack, key: &CreatedKey, grace_hours: u32) -> (u16, Value) {
    let path = format!("/internal/keys/{}/rotate", key.key.apikey_id);
    stack.call("POST", &path, &serde_json::to_value(RotateKey { grace_hours }).unwrap()).await
}

#[tokio::test]
async fn an_account_gets_exactly_the_credits_that_were_asked() {
    let stack = Stack::start().await;
    let poor = stack.account(Credits::ZERO).await;
    let rich = stack.account(Credits::MAX).await;
    assert_eq!((poor.balance, rich.balance), (Credits::ZERO, Credits::MAX));
    assert_eq!(stack.balance(rich.account_id).await, Credits::MAX);
    let all: Vec<Account> = stack.get(wire::ACCOUNTS).await;
    assert_eq!(all, [poor.clone(), rich]);
    let path = format!("/internal/accounts/{}/plan", poor.account_id);
    let (status, moved) = stack.call("PUT", &path, &json!({"plan": "scale"})).await;
    assert_eq!((status, serde_json::from_value::<Account>(moved).unwrap().plan), (200, Plan::Scale));
    for wrong in [
        json!({"name": "", "plan": "free", "credits": 0}),
        json!({"name": "x".repeat(101), "plan": "free", "credits": 0}),
        json!({"name": "a\nb", "plan": "free", "credits": 0}),
        json!({"name": "x", "plan": "gold", "credits": 0}),
        json!({"name": "x", "plan": "free", "credits": -1}),
        json!({"name": "x", "plan": "free", "credits": Credits::MAX.0 + 1}),
    ] {
        assert_eq!(stack.call("POST", wire::ACCOUNTS, &wrong).await.0, 400, "{wrong}");
    }
    stack.end().await;
}

#[tokio::test]
async fn a_new_key_is_found_by_its_prefix_and_verifies() {
    let stack = Stack::start().await;
    let account = stack.account(Credits::ZERO).await.account_id;
    let wish = NewKey {
        scopes: vec![Scope::LibraryRead, Scope::GenerationRead, Scope::LibraryRead],
        allow_ips: vec!["10.0.0.0/8".to_owned(), "::ffff:192.0.2.1".to_owned()],
        expires_at: Some(now().plus_ms(60_000)),
        ..new_key(account)
    };
    let made: CreatedKey = stack.post(wire::KEYS, &wish).await;
    assert_eq!(made.api_key.len(), 42);
    assert_eq!(made.key.scopes, [Scope::GenerationRead, Scope::LibraryRead]);
    assert_eq!(made.key.allow_ips, ["10.0.0.0/8", "192.0.2.1"]);
    let found = find(&stack, &made).await;
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0].key, found[0].plan), (&made.key, Some(Plan::Pro)));
    assert!(bcrypt::verify(&made.api_key, &found[0].hash).unwrap());
    let unknown = FindKeys { prefix: "bye_zzzzz".to_owned(), region: None };
    assert_eq!(stack.post::<FoundKeys>(wire::KEYS_FIND, &unknown).await.candidates, []);
    let listed: Vec<ApiKey> = stack.get(&format!("{}?account_id={account}", wire::KEYS)).await;
    assert_eq!(listed, [made.key]);
    stack.end().await;
}

#[tokio::test]
async fn keys_that_break_a_rule_are_not_made() {
    let stack = Stack::start().await;
    let account = stack.account(Credits::ZERO).await.account_id;
    let wish = || new_key(account);
    let ips = |entries: &[&str]| entries.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>();
    for wrong in [
        NewKey { name: String::new(), ..wish() },
        NewKey { name: " ".to_owned(), ..wish() },
        NewKey { name: "x".repeat(101), ..wish() },
        NewKey { scopes: vec![], ..wish() },
        NewKey { expires_at: Some(now()), ..wish() },
        NewKey { allow_ips: ips(&["host"]), ..wish() },
        NewKey { allow_ips: ips(&["10.0.0.1/8"]), ..wish() },
        NewKey { allow_ips: ips(&["10.0.0.1", "10.0.0.1/32"]), ..wish() },
        NewKey { allow_ips: vec!["::1".to_owned(); 51], ..wish() },
    ] {
        let (status, body) = stack.call("POST", wire::KEYS, &serde_json::to_value(&wrong).unwrap()).await;
        assert_eq!(status, 400, "{wrong:?}: {body}");
    }
    let nobody = new_key(ledger_contract::AccountId(uuid::Uuid::now_v7()));
    assert_eq!(stack.call("POST", wire::KEYS, &serde_json::to_value(nobody).unwrap()).await.0, 404);
    assert_eq!(stack.get::<Vec<ApiKey>>(&format!("{}?account_id={account}", wire::KEYS)).await, []);
    stack.end().await;
}

#[tokio::test]
async fn a_rotated_key_has_its_grace_and_cannot_be_rotated_again() {
    let stack = Stack::start().await;
    let account = stack.account(Credits::ZERO).await.account_id;
    let wish = NewKey { allow_ips: vec!["::1".to_owned()], ..new_key(account) };
    let old: CreatedKey = stack.post(wire::KEYS, &wish).await;
    let (status, body) = rotate(&stack, &old, 24).await;
    assert_eq!(status, 200, "{body}");
    let new: CreatedKey = serde_json::from_value(body).unwrap();
    assert_ne!(new.api_key, old.api_key);
    assert_eq!(
        (&new.key.name, &new.key.scopes, &new.key.allow_ips, new.key.state),
        (&old.key.name, &old.key.scopes, &old.key.allow_ips, KeyState::Active)
    );
    let before = find(&stack, &old).await;
    let grace_ms = before[0].key.expires_at.unwrap().since_ms(now());
    assert_eq!(before[0].key.state, KeyState::Rotated);
    assert!((86_390_000..=86_400_000).contains(&grace_ms), "{grace_ms}");
    assert!(before[0].key.is_usable(now()) && !before[0].key.is_usable(now().plus_ms(86_400_001)));
    assert_eq!(rotate(&stack, &old, 24).await.0, 409);
    for wrong in [0, 2, 169] {
        assert_eq!(rotate(&stack, &new, wrong).await.0, 400);
    }
    stack.end().await;
}

#[tokio::test]
async fn a_grace_never_outlives_the_expiry_of_the_key() {
    let stack = Stack::start().await;
    let account = stack.account(Credits::ZERO).await.account_id;
    let end = now().plus_ms(60_000);
    let old: CreatedKey = stack.post(wire::KEYS, &NewKey { expires_at: Some(end), ..new_key(account) }).await;
    assert_eq!(rotate(&stack, &old, 168).await.0, 200);
    assert_eq!(find(&stack, &old).await[0].key.expires_at, Some(end));
    stack.end().await;
}

#[tokio::test]
async fn revoking_stops_a_key_renaming_keeps_it_and_deleting_removes_it() {
    let stack = Stack::start().await;
    let account = stack.account(Credits::ZERO).await.account_id;
    let made: CreatedKey = stack.post(wire::KEYS, &new_key(account)).await;
    let path = format!("/internal/keys/{}", made.key.apikey_id);
    let name = serde_json::to_value(KeyName { name: "other".to_owned() }).unwrap();
    assert_eq!(stack.call("PUT", &path, &name).await.1["name"], "other");
    assert_eq!(stack.call("PUT", &path, &json!({"name": ""})).await.0, 400);
    let (_, revoked) = stack.call("POST", &format!("{path}/revoke"), &json!({})).await;
    assert_eq!(revoked["state"], "revoked");
    assert!(!find(&stack, &made).await[0].key.is_usable(now()));
    assert_eq!(rotate(&stack, &made, 24).await.0, 409, "a revoked key stays revoked");
    assert_eq!(stack.call("DELETE", &path, &json!({})).await.0, 200);
    assert_eq!(stack.call("DELETE", &path, &json!({})).await.0, 404);
    assert_eq!(find(&stack, &made).await, []);
    stack.end().await;
}

#[tokio::test]
async fn the_last_use_of_a_key_is_written_off_the_path() {
    let mut bed = Bed::new();
    bed.config.timing.touch_interval = std::time::Duration::from_millis(10);
    let stack = bed.start().await;
    let tenant = stack.tenant(Credits::ZERO).await;
    assert_eq!(stack.data(tenant.caller, "/v1/status").await["apikey_last_used_at"], Value::Null);
    eventually("the use is written", async || {
        find(&stack, &tenant.key).await[0].key.last_used_at.is_some_and(|at| now().since_ms(at) < 60_000)
    })
    .await;
    stack.end().await;
}
