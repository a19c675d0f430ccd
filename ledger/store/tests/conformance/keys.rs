//! API keys: found by prefix, rotated once, stopped at once.

use ledger_contract::{
    Plan, Scope, Timestamp,
    access::{ApiKey, KeyState},
};
use ledger_store::Rotation;

use crate::{
    commands::{NOW, account},
    database::Database,
};

const HOUR_MS: i64 = 3_600_000;

pub fn key(n: u32) -> ApiKey {
    ApiKey {
        apikey_id: format!("bbbbbbbb-0000-4000-8000-{n:012}").parse().unwrap(),
        account_id: account(1),
        name: format!("Key {n}"),
        prefix: "bye_abcde".into(),
        scopes: vec![Scope::GenerationWrite, Scope::AccountRead],
        allow_ips: vec!["10.0.0.0/8".into()],
        state: KeyState::Active,
        expires_at: None,
        created_at: NOW.plus_ms(i64::from(n)),
        last_used_at: None,
    }
}

async fn with_key(key: &ApiKey) -> Database {
    let database = Database::new().await;
    database.store.insert_key(key, "hash").await.unwrap();
    database
}

#[tokio::test]
async fn every_key_with_a_prefix_is_a_candidate_with_its_accounts_plan() {
    let database = with_key(&key(1)).await;
    database.store.insert_key(&key(2), "hash 2").await.unwrap();
    let mut found = database.store.find_keys("bye_abcde").await.unwrap();
    found.sort_by_key(|candidate| candidate.key.created_at);
    assert_eq!(found.len(), 2);
    assert_eq!((&found[0].key, found[0].hash.as_str(), found[0].plan), (&key(1), "hash", Some(Plan::Starter)));
    assert_eq!(database.store.find_keys("bye_other").await.unwrap(), []);
    assert_eq!(database.store.keys(account(1)).await.unwrap(), [key(1), key(2)]);
    assert_eq!(database.store.keys(account(2)).await.unwrap(), []);
}

#[tokio::test]
async fn a_key_is_renamed_revoked_and_deleted_by_id() {
    let database = with_key(&key(1)).await;
    let (store, id) = (&database.store, key(1).apikey_id);
    assert_eq!(store.rename_key(id, "New").await.unwrap().unwrap().name, "New");
    assert_eq!(store.revoke_key(id).await.unwrap().unwrap().state, KeyState::Revoked);
    assert_eq!(store.key(id).await.unwrap().unwrap().state, KeyState::Revoked);
    assert!(store.delete_key(id).await.unwrap().is_some());
    assert_eq!(store.key(id).await.unwrap(), None);
    assert_eq!(store.rename_key(id, "Newer").await.unwrap(), None);
    assert_eq!(store.revoke_key(id).await.unwrap(), None);
    assert_eq!(store.delete_key(id).await.unwrap(), None);
}

#[tokio::test]
async fn a_rotation_gives_the_old_key_its_grace_and_happens_once() {
    let database = with_key(&key(1)).await;
    let ends = NOW.plus_ms(24 * HOUR_MS);
    let rotated = database.store.rotate_key(key(1).apikey_id, ends, &key(2), "hash 2").await.unwrap();
    assert_eq!(rotated, Rotation::Rotated);
    let old = database.store.key(key(1).apikey_id).await.unwrap().unwrap();
    assert_eq!((old.state, old.expires_at), (KeyState::Rotated, Some(ends)));
    assert!(database.store.key(key(2).apikey_id).await.unwrap().is_some());
    let again = database.store.rotate_key(key(1).apikey_id, ends, &key(3), "hash 3").await.unwrap();
    assert_eq!(again, Rotation::NotActive);
    let missing = database.store.rotate_key(key(9).apikey_id, ends, &key(3), "hash 3").await.unwrap();
    assert_eq!(missing, Rotation::Missing);
    assert_eq!(database.store.key(key(3).apikey_id).await.unwrap(), None);
}

#[tokio::test]
async fn a_grace_never_outlives_the_keys_own_expiry_and_an_expired_key_is_not_rotated() {
    let expires = NOW.plus_ms(HOUR_MS);
    let database = with_key(&ApiKey { expires_at: Some(expires), ..key(1) }).await;
    let late = ApiKey { created_at: expires, ..key(2) };
    let ends = NOW.plus_ms(24 * HOUR_MS);
    let rotate = |new: ApiKey| {
        let store = database.store.clone();
        async move { store.rotate_key(key(1).apikey_id, ends, &new, "hash 2").await.unwrap() }
    };
    assert_eq!(rotate(late).await, Rotation::NotActive);
    assert_eq!(rotate(key(2)).await, Rotation::Rotated);
    let old = database.store.key(key(1).apikey_id).await.unwrap().unwrap();
    assert_eq!(old.expires_at, Some(expires));
}

#[tokio::test]
async fn a_use_is_noted_and_never_moved_back() {
    let database = with_key(&key(1)).await;
    let id = key(1).apikey_id;
    let used = |at: i64| (id, Timestamp(at));
    database.store.touch_keys(&[]).await.unwrap();
    database.store.touch_keys(&[used(2_000), used(3_000), used(1_000)]).await.unwrap();
    database.store.touch_keys(&[used(2_500)]).await.unwrap();
    let key = database.store.key(id).await.unwrap().unwrap();
    assert_eq!(key.last_used_at, Some(Timestamp(3_000)));
}
