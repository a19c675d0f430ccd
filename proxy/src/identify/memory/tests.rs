//! When a remembered record may be used, and when it must be forgotten.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use ledger_contract::{access::KeyState, feed::FeedPosition};

const KEY: [u8; 32] = [7; 32];
const NOW: Timestamp = Timestamp(1_000_000);

fn record(prefix: &str, expires_at: Option<Timestamp>) -> Arc<KeyRecord> {
    let key = ApiKey {
        apikey_id: uuid::Uuid::from_u128(1).into(),
        account_id: uuid::Uuid::from_u128(2).into(),
        name: "test".to_owned(),
        prefix: prefix.to_owned(),
        scopes: Vec::new(),
        allow_ips: Vec::new(),
        state: KeyState::Active,
        expires_at,
        created_at: Timestamp(0),
        last_used_at: None,
    };
    Arc::new(KeyRecord::new(KeyCandidate { key, hash: String::new(), plan: Some(Plan::Free) }))
}

fn news(forget_all: bool, changes: &[KeyChange]) -> KeyNews {
    KeyNews { position: FeedPosition { epoch: uuid::Uuid::nil(), changes: 1 }, forget_all, changes: changes.to_vec() }
}

/// A memory with one record, and a feed that was heard at `NOW`.
fn memory() -> (Memory, Instant) {
    let memory = Memory::default();
    let heard = Instant::now();
    memory.apply(&news(true, &[]), heard, NOW);
    memory.keep(KEY, record("bye_aaaaa", None), NOW, NOW, memory.mark());
    (memory, heard)
}

#[test]
fn a_record_is_used_without_asking_only_while_the_feed_is_live() {
    let (memory, heard) = memory();
    assert!(memory.current(&KEY, NOW).is_some());
    assert!(memory.is_live(heard + Duration::from_millis(990)));
    assert!(!memory.is_live(heard + Duration::from_millis(1_010)));
    let silent = Memory::default();
    silent.keep(KEY, record("bye_aaaaa", None), NOW, NOW, silent.mark());
    assert_eq!(silent.current(&KEY, NOW), None);
    assert!(silent.lately(&KEY, NOW).is_some());
}

#[test]
fn a_change_forgets_the_keys_it_is_about_and_no_others() {
    for (change, stays) in [
        (KeyChange::Prefix("bye_aaaaa".to_owned()), false),
        (KeyChange::Prefix("bye_bbbbb".to_owned()), true),
        (KeyChange::Account(uuid::Uuid::from_u128(2).into()), false),
        (KeyChange::Account(uuid::Uuid::from_u128(3).into()), true),
    ] {
        let (memory, heard) = memory();
        memory.apply(&news(false, std::slice::from_ref(&change)), heard, NOW);
        assert_eq!(memory.current(&KEY, NOW).is_some(), stays, "{change:?}");
    }
    let (memory, heard) = memory();
    memory.apply(&news(true, &[]), heard, NOW);
    assert_eq!(memory.lately(&KEY, NOW), None);
}

#[test]
fn an_answer_from_before_a_change_is_not_kept() {
    let (memory, heard) = memory();
    let mark = memory.mark();
    memory.apply(&news(false, &[KeyChange::Prefix("bye_aaaaa".to_owned())]), heard, NOW);
    memory.keep(KEY, record("bye_aaaaa", None), NOW, NOW, mark);
    assert_eq!(memory.current(&KEY, NOW), None);
}

#[test]
fn a_record_is_never_used_past_its_expiry_or_its_verification() {
    let (memory, _) = memory();
    assert_eq!(memory.current(&KEY, NOW.plus_ms(REMEMBERED_MS + 1)), None);
    memory.keep(KEY, record("bye_aaaaa", Some(NOW.plus_ms(10))), NOW, NOW, memory.mark());
    assert!(memory.current(&KEY, NOW.plus_ms(9)).is_some());
    assert_eq!(memory.current(&KEY, NOW.plus_ms(10)), None);
    assert_eq!(memory.lately(&KEY, NOW.plus_ms(10)), None);
}

#[test]
fn without_the_ledger_a_record_lives_a_minute_from_when_it_was_last_known_to_be_right() {
    let (memory, heard) = memory();
    memory.apply(&news(false, &[]), heard, NOW.plus_ms(200_000));
    assert!(memory.lately(&KEY, NOW.plus_ms(200_000 + SEEN_MS)).is_some());
    assert_eq!(memory.lately(&KEY, NOW.plus_ms(200_001 + SEEN_MS)), None);
}
