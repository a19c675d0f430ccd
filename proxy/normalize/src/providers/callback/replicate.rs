//! Replicate signs like Standard Webhooks: HMAC-SHA256 over id, time and body (providers §1.4).

use base64::{Engine, engine::general_purpose::STANDARD};
use ledger_contract::Timestamp;
use ring::hmac;

use super::{Callback, CallbackRefused, check_time};

pub(super) fn verify(callback: &Callback<'_>, now: Timestamp, secret: &str) -> Result<(), CallbackRefused> {
    let id = callback.header("webhook-id")?;
    let time = callback.header("webhook-timestamp")?;
    let signatures = callback.header("webhook-signature")?;
    check_time(time, now)?;
    let secret = secret.strip_prefix("whsec_").unwrap_or(secret);
    let secret = STANDARD.decode(secret).ok().filter(|secret| !secret.is_empty());
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret.ok_or(CallbackRefused::BadSecret)?);
    let mut signed = format!("{id}.{time}.").into_bytes();
    signed.extend_from_slice(callback.body);
    // While a secret is rotated there is one signature per secret.
    let mut listed = signatures.split(' ').filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok());
    if listed.any(|tag| hmac::verify(&key, &signed, &tag).is_ok()) { Ok(()) } else { Err(CallbackRefused::Forged) }
}
