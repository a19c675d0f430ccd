//! Where the keys of signed callbacks are fetched, and what the answer says (providers §1.4, §2.3). Caching is the caller's.

use ledger_contract::Provider;
use serde_json::Value;

use super::{CallbackKeys, read_keys};
use crate::providers::{Endpoint, Method, ProviderRequest, signed};

/// fal publishes its keys on another host than its queue's.
const FAL_KEYS: &str = "https://rest.fal.ai/.well-known/jwks.json";

/// The request for a provider's keys; `None`: it has none to fetch.
pub fn keys_request(endpoint: &Endpoint) -> Option<ProviderRequest> {
    match endpoint.provider {
        Provider::Replicate => {
            let url = format!("{}/webhooks/default/secret", endpoint.base_url);
            Some(signed(Provider::Replicate, Method::Get, &url, endpoint))
        }
        Provider::Fal => {
            // Public: the key that pays for jobs has no business there.
            let simulated = format!("{}/.well-known/jwks.json", endpoint.base_url);
            let url = if endpoint.simulated { simulated } else { FAL_KEYS.to_owned() };
            Some(ProviderRequest { method: Method::Get, url, headers: Vec::new(), body: None })
        }
        _ => None,
    }
}

/// What the answer's body holds; `None`: nothing that can be used.
pub fn read_keys_answer(provider: Provider, body: &[u8]) -> Option<CallbackKeys> {
    match provider {
        Provider::Replicate => {
            let body: Value = serde_json::from_slice(body).ok()?;
            let secret = body.get("key")?.as_str().filter(|secret| secret.starts_with("whsec_"))?.to_owned();
            Some(CallbackKeys::Replicate { secret })
        }
        Provider::Fal => read_keys(body).ok().map(|keys| CallbackKeys::Fal { keys }),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_asked_for_with_our_key_and_public_keys_without() {
        let replicate = Endpoint::official(Provider::Replicate, "r8_x");
        let asked = keys_request(&replicate).unwrap();
        assert_eq!(asked.url, "https://api.replicate.com/v1/webhooks/default/secret");
        assert!(!asked.headers.is_empty());
        let asked = keys_request(&Endpoint::official(Provider::Fal, "x")).unwrap();
        assert_eq!((asked.url.as_str(), asked.headers.len()), (FAL_KEYS, 0));
        assert!(keys_request(&Endpoint::official(Provider::Bfl, "x")).is_none());
    }

    #[test]
    fn an_answer_without_keys_is_none() {
        assert!(read_keys_answer(Provider::Replicate, br#"{"key":"whsec_YQ=="}"#).is_some());
        for wrong in [&b"{}"[..], b"", br#"{"key":""}"#, br#"{"keys":[]}"#] {
            assert!(read_keys_answer(Provider::Replicate, wrong).is_none());
            assert!(read_keys_answer(Provider::Fal, wrong).is_none());
        }
    }
}
