//! fal signs with Ed25519 and publishes its keys as a JWKS (providers §2.3).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ledger_contract::Timestamp;
use ring::{
    digest::{SHA256, digest},
    signature::{ED25519, UnparsedPublicKey},
};
use serde_json::Value;

use super::{Callback, CallbackRefused, check_time};

/// Most keys that are tried; more are not published.
const MAX_KEYS: usize = 16;

/// What was fetched is no JWKS with a key in it: go on with the keys of before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no key can be read")]
pub struct KeysUnreadable;

/// The Ed25519 keys of a JWKS; others in it are passed over.
pub fn read_keys(jwks: &[u8]) -> Result<Vec<[u8; 32]>, KeysUnreadable> {
    let jwks: Value = serde_json::from_slice(jwks).map_err(|_| KeysUnreadable)?;
    let keys = jwks.get("keys").and_then(Value::as_array).into_iter().flatten().filter_map(key);
    let keys: Vec<_> = keys.take(MAX_KEYS).collect();
    if keys.is_empty() { Err(KeysUnreadable) } else { Ok(keys) }
}

fn key(jwk: &Value) -> Option<[u8; 32]> {
    let is = |name: &str, value: &str| jwk.get(name).and_then(Value::as_str) == Some(value);
    if !is("kty", "OKP") || !is("crv", "Ed25519") {
        return None;
    }
    let x = jwk.get("x")?.as_str()?.trim_end_matches('=');
    URL_SAFE_NO_PAD.decode(x).ok()?.try_into().ok()
}

pub(super) fn verify(callback: &Callback<'_>, now: Timestamp, keys: &[[u8; 32]]) -> Result<(), CallbackRefused> {
    let request = callback.header("x-fal-webhook-request-id")?;
    let user = callback.header("x-fal-webhook-user-id")?;
    let time = callback.header("x-fal-webhook-timestamp")?;
    let signature = callback.header("x-fal-webhook-signature")?;
    check_time(time, now)?;
    let signature = hex::decode(signature).map_err(|_| CallbackRefused::Unsigned)?;
    let body = hex::encode(digest(&SHA256, callback.body));
    let signed = format!("{request}\n{user}\n{time}\n{body}");
    let is_by = |key: &[u8; 32]| UnparsedPublicKey::new(&ED25519, key).verify(signed.as_bytes(), &signature).is_ok();
    if keys.iter().any(is_by) { Ok(()) } else { Err(CallbackRefused::Forged) }
}
