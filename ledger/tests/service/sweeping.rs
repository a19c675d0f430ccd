//! Expired files go; living ones stay.

use std::time::Duration;

use bytes::Bytes;
use ledger_artifacts::{Artifacts, Meta};
use ledger_contract::{
    Credits, Timestamp,
    command::{Answer, Command, ReserveAnswer},
};

use crate::stack::{Bed, accept, charge, eventually, now, reserve};

async fn put(artifacts: &Artifacts, key: &str, expires_at: Timestamp) {
    let meta = Meta { content_type: "image/png".to_owned(), expires_at };
    artifacts.put(key, &meta, Bytes::from_static(b"png")).await.unwrap();
}

#[tokio::test]
async fn expired_output_files_are_removed_and_living_ones_stay() {
    let mut bed = Bed::new();
    bed.config.timing.sweep_interval = Duration::from_millis(20);
    let (store, artifacts) = (bed.store().await, bed.artifacts());
    let stack = bed.start().await;
    let tenant = stack.tenant(Credits(10_000)).await;
    let (old, young) = (reserve(tenant.caller, Credits(1)), reserve(tenant.caller, Credits(1)));
    let (old_id, young_id) = (old.generation_id, young.generation_id);
    put(&artifacts, "ab/old.png", now()).await;
    put(&artifacts, "ab/young.png", now().plus_ms(3_600_000)).await;
    let then = now().plus_ms(-25 * 3_600_000);
    store.apply(&[Command::Reserve(old), accept(old_id), charge(old_id, "ab/old.png")], then).await.unwrap();
    stack.commit(vec![Command::Reserve(young), accept(young_id), charge(young_id, "ab/young.png")]).await;
    eventually("the file goes", async || artifacts.head("ab/old.png").await.unwrap().is_none()).await;
    assert!(artifacts.head("ab/young.png").await.unwrap().is_some());
    eventually("its row is marked", async || store.expired_outputs(now(), 10).await.unwrap().is_empty()).await;
    stack.end().await;
}

#[tokio::test]
async fn expired_idempotency_keys_are_free_again() {
    let mut bed = Bed::new();
    bed.config.timing.sweep_interval = Duration::from_millis(20);
    let store = bed.store().await;
    let stack = bed.start().await;
    let tenant = stack.tenant(Credits(10_000)).await;
    let claim = ledger_contract::command::Claim { key: "once".to_owned(), fingerprint: "f".to_owned() };
    let first = ledger_contract::command::Reserve { claim: Some(claim.clone()), ..reserve(tenant.caller, Credits(1)) };
    store.apply(&[Command::Reserve(first)], now().plus_ms(-25 * 3_600_000)).await.unwrap();
    let second = ledger_contract::command::Reserve { claim: Some(claim), ..reserve(tenant.caller, Credits(1)) };
    let answers = stack.commit(vec![Command::Reserve(second)]).await;
    assert!(matches!(answers[..], [Answer::Reserve(ReserveAnswer::Reserved { .. })]), "{answers:?}");
    stack.end().await;
}
