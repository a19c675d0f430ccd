//! Makes API keys (api contract §4.1). The plain key exists in the answer to its creation and nowhere else.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ledger_contract::access::KEY_PREFIX_LENGTH;

/// bcrypt cost: the key is random, so the hash only has to survive a leaked table (api contract §4.1).
const COST: u32 = 8;

/// A whole key, `bye_` and 38 characters. Neither printed nor logged by accident.
pub(crate) struct Secret(String);

impl Secret {
    /// A key out of randomness.
    pub(crate) fn from_random(random: [u8; 28]) -> Self {
        Self(format!("bye_{}", URL_SAFE_NO_PAD.encode(random)))
    }

    /// What is stored in clear.
    pub(crate) fn prefix(&self) -> String {
        self.0.chars().take(KEY_PREFIX_LENGTH).collect()
    }

    /// What is stored of the rest. Takes about 15 ms of a core: runs on a thread that may block.
    pub(crate) fn hash(&self) -> Result<String, bcrypt::BcryptError> {
        bcrypt::hash(&self.0, COST)
    }

    /// Shows it, once.
    pub(crate) fn reveal(self) -> String {
        self.0
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_format_of_the_contract_and_its_hash_verifies() {
        for random in [[0; 28], [0xff; 28]] {
            let secret = Secret::from_random(random);
            let hash = secret.hash().unwrap();
            let prefix = secret.prefix();
            let key = secret.reveal();
            assert_eq!(key.len(), 42);
            assert!(key.starts_with("bye_") && key.starts_with(&prefix) && prefix.len() == 9);
            assert!(key[4..].bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')));
            assert!(hash.starts_with("$2b$08$"));
            assert!(bcrypt::verify(&key, &hash).unwrap());
            assert!(!bcrypt::verify(&key[1..], &hash).unwrap());
        }
    }
}
