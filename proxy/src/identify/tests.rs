//! Authentication against a ledger that the test plays.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{memory::SEEN_MS, *};
use ledger_contract::{
    Plan, Scope,
    access::{ApiKey, KeyState},
};
use std::sync::Mutex;

/// Low cost: the tests are about decisions, not about hashing.
const COST: u32 = 4;

#[derive(Clone, Default)]
struct Book(Arc<Mutex<Option<Vec<KeyCandidate>>>>);

impl Book {
    fn of(candidates: Vec<KeyCandidate>) -> Self {
        Self(Arc::new(Mutex::new(Some(candidates))))
    }
    fn go_away(&self) {
        *self.0.lock().unwrap() = None;
    }
    fn change(&self, change: impl Fn(&mut ApiKey)) {
        for candidate in self.0.lock().unwrap().iter_mut().flatten() {
            change(&mut candidate.key);
        }
    }
}

impl KeySource for Book {
    async fn find(&self, prefix: &str) -> Result<Vec<KeyCandidate>, LedgerAway> {
        let all = self.0.lock().unwrap().clone().ok_or(LedgerAway)?;
        Ok(all.into_iter().filter(|candidate| candidate.key.prefix == prefix).collect())
    }
}

fn secret(last: char) -> Secret {
    Secret::parse(&format!("bye_{}{last}", "a".repeat(37))).unwrap()
}

fn candidate(secret: &Secret, id: u128) -> KeyCandidate {
    let key = ApiKey {
        apikey_id: uuid::Uuid::from_u128(id).into(),
        account_id: uuid::Uuid::from_u128(1).into(),
        name: "test".to_owned(),
        prefix: secret.prefix().to_owned(),
        scopes: Scope::ALL.to_vec(),
        allow_ips: Vec::new(),
        state: KeyState::Active,
        expires_at: None,
        created_at: Timestamp(0),
        last_used_at: None,
    };
    KeyCandidate { key, hash: bcrypt::hash(secret.expose(), COST).unwrap(), plan: Some(Plan::Free) }
}

fn identifier(book: &Book) -> Identifier<Book> {
    let metrics = Metrics::new(&prometheus::Registry::new()).unwrap();
    Identifier::new(book.clone(), 2, 30, Arc::new(metrics))
}

fn at(now: i64) -> Arrival {
    Arrival { client: "192.0.2.1".parse().unwrap(), now: Timestamp(now) }
}

async fn ask(identifier: &Identifier<Book>, secret: &Secret, arrival: Arrival) -> Result<u128, Refused> {
    let found = identifier.identify(&Bearer::Key(secret.clone()), arrival).await;
    found.map(|record| record.key.apikey_id.0.as_u128())
}

#[tokio::test]
async fn keys_with_equal_prefixes_are_told_apart() {
    let (one, two) = (secret('1'), secret('2'));
    let book = Book::of(vec![candidate(&one, 1), candidate(&two, 2)]);
    let identifier = identifier(&book);
    assert_eq!(ask(&identifier, &two, at(0)).await, Ok(2));
    assert_eq!(ask(&identifier, &one, at(0)).await, Ok(1));
    assert_eq!(ask(&identifier, &secret('3'), at(0)).await, Err(Refused::Invalid));
}

#[tokio::test]
async fn a_revoked_key_stops_with_the_next_request_although_it_is_remembered() {
    let key = secret('1');
    let book = Book::of(vec![candidate(&key, 1)]);
    let identifier = identifier(&book);
    assert_eq!(ask(&identifier, &key, at(0)).await, Ok(1));
    book.change(|key| key.state = KeyState::Revoked);
    assert_eq!(ask(&identifier, &key, at(1)).await, Err(Refused::Invalid));
    book.go_away();
    assert_eq!(ask(&identifier, &key, at(2)).await, Err(Refused::LedgerAway));
}

#[tokio::test]
async fn an_expired_key_stops_at_its_time() {
    let key = secret('1');
    let book = Book::of(vec![candidate(&key, 1)]);
    book.change(|key| key.expires_at = Some(Timestamp(100)));
    let identifier = identifier(&book);
    assert_eq!(ask(&identifier, &key, at(99)).await, Ok(1));
    assert_eq!(ask(&identifier, &key, at(100)).await, Err(Refused::Invalid));
}

#[tokio::test]
async fn a_known_key_outlives_the_ledger_by_a_minute_and_an_unknown_one_is_never_called_wrong() {
    let key = secret('1');
    let book = Book::of(vec![candidate(&key, 1)]);
    let identifier = identifier(&book);
    assert_eq!(ask(&identifier, &key, at(0)).await, Ok(1));
    book.go_away();
    assert_eq!(ask(&identifier, &key, at(SEEN_MS)).await, Ok(1));
    assert_eq!(ask(&identifier, &key, at(SEEN_MS + 1)).await, Err(Refused::LedgerAway));
    assert_eq!(ask(&identifier, &secret('2'), at(1)).await, Err(Refused::LedgerAway));
}

#[tokio::test]
async fn an_address_that_failed_too_often_is_refused_and_a_verified_key_behind_it_is_not() {
    let key = secret('1');
    let identifier = identifier(&Book::of(vec![candidate(&key, 1)]));
    assert_eq!(ask(&identifier, &key, at(0)).await, Ok(1));
    for _ in 0..29 {
        assert_eq!(identifier.identify(&Bearer::Missing, at(0)).await.unwrap_err(), Refused::Missing);
    }
    assert_eq!(ask(&identifier, &secret('2'), at(0)).await, Err(Refused::Invalid));
    assert!(matches!(ask(&identifier, &secret('2'), at(0)).await, Err(Refused::Limited(_))));
    assert!(matches!(identifier.identify(&Bearer::Missing, at(0)).await, Err(Refused::Limited(_))));
    assert_eq!(ask(&identifier, &key, at(0)).await, Ok(1));
    let elsewhere = Arrival { client: "192.0.2.2".parse().unwrap(), now: Timestamp(0) };
    assert_eq!(ask(&identifier, &secret('2'), elsewhere).await, Err(Refused::Invalid));
}

#[tokio::test]
async fn a_key_with_a_new_hash_is_verified_again() {
    let key = secret('1');
    let book = Book::of(vec![candidate(&key, 1)]);
    let identifier = identifier(&book);
    assert_eq!(ask(&identifier, &key, at(0)).await, Ok(1));
    *book.0.lock().unwrap() = Some(vec![KeyCandidate { hash: candidate(&secret('9'), 1).hash, ..candidate(&key, 1) }]);
    assert_eq!(ask(&identifier, &key, at(1)).await, Err(Refused::Invalid));
}
