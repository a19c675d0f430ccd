//! Callbacks: genuine ones are believed, everything else is refused. Signed here as the providers document it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ledger_contract::{Provider, Timestamp};
use proxy_normalize::providers::callback::{Callback, CallbackKeys, CallbackRefused, Notice, read, read_keys, verify};
use ring::{
    digest::{SHA256, digest},
    hmac,
    signature::{Ed25519KeyPair, KeyPair},
};

const NOW: Timestamp = Timestamp(1_795_161_600_000);
const BODY: &[u8] = br#"{"id":"gm3qorzdhgbfurvjtvhg6dckhu","request_id":"r1","status":"succeeded"}"#;

type Headers = Vec<(String, String)>;

fn headers(pairs: &[(&str, &str)]) -> Headers {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn check(headers: &Headers, body: &[u8], keys: &CallbackKeys) -> Result<(), CallbackRefused> {
    verify(&Callback { headers, body }, NOW, keys)
}

fn replicate_keys() -> CallbackKeys {
    CallbackKeys::Replicate { secret: format!("whsec_{}", STANDARD.encode("a very secret secret")) }
}

fn replicate(seconds: i64, body: &[u8]) -> Headers {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"a very secret secret");
    let signed = [format!("msg_1.{seconds}.").as_bytes(), body].concat();
    let tag = STANDARD.encode(hmac::sign(&key, &signed));
    headers(&[
        ("Webhook-Id", "msg_1"),
        ("webhook-timestamp", &seconds.to_string()),
        ("webhook-signature", &format!("v1,AAAA v2,x v1,{tag}")),
    ])
}

fn fal_pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn jwks(pairs: &[&Ed25519KeyPair]) -> Vec<u8> {
    let keys: Vec<_> = pairs
        .iter()
        .map(|pair| {
            let x = URL_SAFE_NO_PAD.encode(pair.public_key());
            serde_json::json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "k"})
        })
        .collect();
    serde_json::json!({"keys": keys}).to_string().into_bytes()
}

fn fal(pair: &Ed25519KeyPair, seconds: i64, body: &[u8]) -> Headers {
    let message = format!("r1\nu1\n{seconds}\n{}", hex::encode(digest(&SHA256, body)));
    headers(&[
        ("X-Fal-Webhook-Request-Id", "r1"),
        ("X-Fal-Webhook-User-Id", "u1"),
        ("X-Fal-Webhook-Timestamp", &seconds.to_string()),
        ("X-Fal-Webhook-Signature", &hex::encode(pair.sign(message.as_bytes()))),
    ])
}

#[test]
fn a_callback_of_replicate_is_signed_over_id_time_and_body() {
    let now = NOW.0 / 1000;
    let keys = replicate_keys();
    assert_eq!(check(&replicate(now, BODY), BODY, &keys), Ok(()));
    assert_eq!(check(&replicate(now, BODY), b"{}", &keys), Err(CallbackRefused::Forged), "another body");
    let mut resent = replicate(now, BODY);
    resent[0].1 = "msg_2".to_owned();
    assert_eq!(check(&resent, BODY, &keys), Err(CallbackRefused::Forged), "another id");
    let other = CallbackKeys::Replicate { secret: format!("whsec_{}", STANDARD.encode("another")) };
    assert_eq!(check(&replicate(now, BODY), BODY, &other), Err(CallbackRefused::Forged));
    for secret in ["whsec_", "whsec_!", ""] {
        let keys = CallbackKeys::Replicate { secret: secret.to_owned() };
        assert_eq!(check(&replicate(now, BODY), BODY, &keys), Err(CallbackRefused::BadSecret), "{secret}");
    }
}

#[test]
fn a_callback_is_fresh_for_three_hundred_seconds_either_way() {
    let now = NOW.0 / 1000;
    let pair = fal_pair(1);
    let fal_keys = CallbackKeys::Fal { keys: read_keys(&jwks(&[&pair])).unwrap() };
    for (apart, expected) in [
        (300, Ok(())),
        (-300, Ok(())),
        (301, Err(CallbackRefused::Stale)),
        (-301, Err(CallbackRefused::Stale)),
        (i64::MAX / 4, Err(CallbackRefused::Stale)),
        (i64::MIN / 4, Err(CallbackRefused::Stale)),
    ] {
        let at = now.saturating_add(apart);
        assert_eq!(check(&replicate(at, BODY), BODY, &replicate_keys()), expected, "replicate {apart}");
        assert_eq!(check(&fal(&pair, at, BODY), BODY, &fal_keys), expected, "fal {apart}");
    }
}

#[test]
fn a_callback_of_fal_is_signed_by_a_published_key() {
    let now = NOW.0 / 1000;
    let (old, new) = (fal_pair(1), fal_pair(2));
    let keys = |pairs: &[&Ed25519KeyPair]| CallbackKeys::Fal { keys: read_keys(&jwks(pairs)).unwrap() };
    assert_eq!(check(&fal(&new, now, BODY), BODY, &keys(&[&old, &new])), Ok(()), "any of them");
    assert_eq!(check(&fal(&new, now, BODY), BODY, &keys(&[&old])), Err(CallbackRefused::Forged));
    assert_eq!(check(&fal(&new, now, BODY), b"{}", &keys(&[&new])), Err(CallbackRefused::Forged));
    for index in 0..4 {
        let mut broken = fal(&new, now, BODY);
        broken[index].1.push('0');
        assert!(check(&broken, BODY, &keys(&[&new])).is_err(), "{index}");
        let mut missing = fal(&new, now, BODY);
        missing.remove(index);
        assert_eq!(check(&missing, BODY, &keys(&[&new])), Err(CallbackRefused::Unsigned), "{index}");
        let mut twice = fal(&new, now, BODY);
        twice.push(twice[index].clone());
        assert_eq!(check(&twice, BODY, &keys(&[&new])), Err(CallbackRefused::Unsigned), "{index}");
    }
}

#[test]
fn a_jwks_without_a_usable_key_is_unreadable() {
    for text in [
        "",
        "{}",
        r#"{"keys":[]}"#,
        r#"{"keys":[{"kty":"RSA","x":"AAAA"}]}"#,
        r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAAA"}]}"#,
    ] {
        assert!(read_keys(text.as_bytes()).is_err(), "{text}");
    }
    let mixed = String::from_utf8(jwks(&[&fal_pair(3)])).unwrap().replace(r#"{"keys":["#, r#"{"keys":[{"kty":"RSA"},"#);
    assert_eq!(read_keys(mixed.as_bytes()).unwrap().len(), 1);
}

#[test]
fn a_callback_of_bfl_has_either_of_its_two_headers() {
    let keys = CallbackKeys::Bfl { secret: "hush".to_owned() };
    let tag = hex::encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"hush"), BODY));
    assert_eq!(check(&headers(&[("X-BFL-Signature", &format!("sha256={tag}"))]), BODY, &keys), Ok(()));
    assert_eq!(check(&headers(&[("X-Webhook-Secret", "hush")]), BODY, &keys), Ok(()));
    for (name, value, expected) in [
        ("x-bfl-signature", format!("sha256={}", "0".repeat(64)), CallbackRefused::Forged),
        ("x-bfl-signature", tag, CallbackRefused::Unsigned),
        ("x-webhook-secret", "hus".to_owned(), CallbackRefused::Forged),
        ("x-webhook-secret", String::new(), CallbackRefused::Forged),
        ("x-other", "hush".to_owned(), CallbackRefused::Unsigned),
    ] {
        assert_eq!(check(&headers(&[(name, &value)]), BODY, &keys), Err(expected), "{name} {value}");
    }
    let empty = CallbackKeys::Bfl { secret: String::new() };
    assert_eq!(check(&headers(&[("x-webhook-secret", "")]), BODY, &empty), Err(CallbackRefused::BadSecret));
}

#[test]
fn a_callback_says_which_job_to_ask_for() {
    let notice = |id: &str, is_over| Some(Notice { prediction_id: id.to_owned(), is_over });
    assert_eq!(read(Provider::Replicate, BODY), notice("gm3qorzdhgbfurvjtvhg6dckhu", true));
    assert_eq!(read(Provider::Replicate, br#"{"id":"a","status":"processing"}"#), notice("a", false));
    assert_eq!(read(Provider::Fal, br#"{"request_id":"a","status":"ERROR","payload":null}"#), notice("a", true));
    assert_eq!(read(Provider::Bfl, br#"{"id":"a","status":"Ready"}"#), notice("a", true));
    assert_eq!(read(Provider::Byteplus, br#"{"id":"cgt-1","status":"running"}"#), notice("cgt-1", false));
    assert_eq!(read(Provider::Byteplus, br#"{"id":"cgt-1","status":"succeeded"}"#), notice("cgt-1", true));
    for (provider, body) in [
        (Provider::Runway, BODY),
        (Provider::Openai, BODY),
        (Provider::Fal, br#"{"id":"a","status":"OK"}"#),
        (Provider::Bfl, br#"{"id":"","status":"Ready"}"#),
        (Provider::Bfl, br#"{"id":"a"}"#),
        (Provider::Replicate, b"[]"),
        (Provider::Replicate, b"\xff"),
    ] {
        assert_eq!(read(provider, body), None, "{provider}");
    }
}
