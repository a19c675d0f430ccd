//! Where callbacks are registered, and whom they wake.
#![allow(clippy::unwrap_used)]

use super::*;
use uuid::Uuid;

const ID: GenerationId = GenerationId(Uuid::from_u128(7));

fn endpoint(provider: Provider, simulated: bool) -> Endpoint {
    Endpoint { simulated, ..Endpoint::official(provider, "key") }
}

#[test]
fn real_providers_are_given_https_addresses_only() {
    let plain = Callbacks::new("http://127.0.0.1:8080", "secret");
    let secure = Callbacks::new("https://api.example", "secret");
    for provider in Provider::ALL {
        let reports = REPORTING.contains(provider);
        assert!(plain.target(&endpoint(*provider, false), ID, 1).is_none());
        assert_eq!(plain.target(&endpoint(*provider, true), ID, 1).is_some(), reports);
        assert_eq!(secure.target(&endpoint(*provider, false), ID, 1).is_some(), reports);
    }
}

#[test]
fn the_address_of_a_callback_names_its_job_and_no_other_address_does() {
    let callbacks = Callbacks::new("https://api.example", "secret");
    let target = callbacks.target(&endpoint(Provider::Bfl, false), ID, 2).unwrap();
    let (provider, token) = target.url.strip_prefix("https://api.example/callbacks/").unwrap().split_once('/').unwrap();
    let job = callbacks.find(provider, token).unwrap();
    assert_eq!((job.provider, job.generation_id, job.attempt_order), (Provider::Bfl, ID, 2));
    assert_eq!(callbacks.find("fal", token), None);
    assert_eq!(callbacks.find("runway", token), None);
    assert_eq!(callbacks.find("bfl", &token[1..]), None);
    assert_eq!(callbacks.tokens.secret(token), target.secret);
}

#[tokio::test]
async fn a_callback_that_comes_before_the_follower_looks_is_not_missed() {
    let callbacks = Callbacks::new("https://api.example", "secret");
    assert!(!callbacks.wake(ID), "nobody follows it here");
    let wake = callbacks.listen(ID);
    assert!(callbacks.wake(ID));
    let (mut one, mut other) = (wake.receiver(), wake.receiver());
    one.changed().await.unwrap();
    other.changed().await.unwrap();
    assert!(!one.has_changed().unwrap(), "one callback wakes once");
    drop(wake);
    assert!(callbacks.wakes.is_empty());
}
