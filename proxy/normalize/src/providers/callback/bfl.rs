//! BFL's two descriptions of its callbacks disagree (providers §3.6): a signature over the body, or the secret itself. Either
//! is accepted; neither says when, so the job is asked for before anything is believed.

use ring::hmac;

use super::{Callback, CallbackRefused};

pub(super) fn verify(callback: &Callback<'_>, secret: &str) -> Result<(), CallbackRefused> {
    if secret.is_empty() {
        return Err(CallbackRefused::BadSecret);
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let is_genuine = if let Ok(signature) = callback.header("x-bfl-signature") {
        let tag = signature.strip_prefix("sha256=").and_then(|tag| hex::decode(tag).ok());
        hmac::verify(&key, callback.body, &tag.ok_or(CallbackRefused::Unsigned)?).is_ok()
    } else {
        // Compared as tags, so that the time it takes says nothing about the secret.
        let echoed = callback.header("x-webhook-secret")?;
        hmac::verify(&key, echoed.as_bytes(), hmac::sign(&key, secret.as_bytes()).as_ref()).is_ok()
    };
    if is_genuine { Ok(()) } else { Err(CallbackRefused::Forged) }
}
