//! The idempotency key of a create: its fingerprint, and what is answered when it is known already.

use ledger_contract::{ErrorCode, command::Claim, wire::ReplayAnswer};
use proxy_normalize::canonical_json;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::CreateRequest;
use crate::{answer::Reply, engine::Engine};

/// The claim that this request makes, if it has a key.
pub fn claim_of(request: &CreateRequest, body: &Map<String, Value>) -> Option<Claim> {
    let key = request.idempotency_key.clone()?;
    Some(Claim { key, fingerprint: fingerprint(&request.route_path, body) })
}

/// SHA-256 over method, path and the hash of the canonical body (api contract §8).
fn fingerprint(path: &str, body: &Map<String, Value>) -> String {
    let body = Sha256::digest(canonical_json(&Value::Object(body.clone())));
    hex::encode(Sha256::digest(format!("POST {path} {}", hex::encode(body))))
}

/// What the claim already has an answer for; `None`: the key is free, or there is none.
pub async fn replay(engine: &Engine, request: &CreateRequest, claim: Option<&Claim>) -> Option<Reply> {
    let claim = claim?.clone();
    match engine.ledger.find_replay(request.caller.account_id, claim).await {
        Ok(ReplayAnswer::Unknown) => None,
        Ok(ReplayAnswer::Replay { stored }) => Some(Reply::replay(stored)),
        Ok(ReplayAnswer::InProgress) => Some(in_progress()),
        Ok(ReplayAnswer::Conflict) => Some(conflict()),
        Err(_) => Some(Reply::ledger_unavailable()),
    }
}

/// BSE2016.
pub fn in_progress() -> Reply {
    Reply::refuse(ErrorCode::IdempotencyInProgress, "The first request with this Idempotency-Key is still running")
}

/// BSE2015.
pub fn conflict() -> Reply {
    Reply::refuse(ErrorCode::IdempotencyConflict, "This Idempotency-Key was used for a different request")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(path: &str, body: &str) -> String {
        fingerprint(path, &serde_json::from_str(body).unwrap())
    }

    #[test]
    fn the_fingerprint_knows_the_route_and_the_meaning_of_the_body_not_its_spelling() {
        let one = of("/v1/generate/image/a/b", r#"{"x":1,"y":[1,2]}"#);
        assert_eq!(one, of("/v1/generate/image/a/b", r#"{ "y": [1, 2], "x": 1.0 }"#));
        assert_ne!(one, of("/v1/generate/video/a/b", r#"{"x":1,"y":[1,2]}"#));
        assert_ne!(one, of("/v1/generate/image/a/b", r#"{"x":1,"y":[2,1]}"#));
        assert_eq!(one.len(), 64);
    }
}
