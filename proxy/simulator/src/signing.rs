//! The providers' own keys for callbacks: a Standard-Webhooks secret for replicate, an Ed25519 pair for fal. Both are
//! kept in the folder, as they belong to an account and not to a process.

use std::path::Path;

use anyhow::{Context, anyhow};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use sha2::Sha256;

/// The keys.
#[derive(Debug)]
pub struct Signing {
    /// `whsec_…`.
    pub secret: String,
    pair: Ed25519KeyPair,
}

impl Signing {
    /// Reads the folder's keys, or makes them at the first start.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let secret = kept(&folder.join("signing-secret"), || {
            let key: [u8; 24] = rand::random();
            Ok(format!("whsec_{}", STANDARD.encode(key)).into_bytes())
        })?;
        let pair = kept(&folder.join("signing-ed25519"), || {
            let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
            Ok(made.map_err(|_| anyhow!("no randomness for a key"))?.as_ref().to_vec())
        })?;
        let pair = Ed25519KeyPair::from_pkcs8(&pair).map_err(|error| anyhow!("the kept Ed25519 key: {error}"))?;
        Ok(Self { secret: String::from_utf8(secret).context("the kept signing secret")?, pair })
    }

    /// The Ed25519 signature of a text.
    pub fn ed25519(&self, text: &str) -> Vec<u8> {
        self.pair.sign(text.as_bytes()).as_ref().to_vec()
    }

    /// The public key as a JSON Web Key Set.
    pub fn key_set(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref());
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": x }] })
    }
}

/// HMAC-SHA256 of a text.
pub fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    // HMAC takes keys of any length; the error type is a leftover of the general trait.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn kept(path: &Path, make: impl FnOnce() -> anyhow::Result<Vec<u8>>) -> anyhow::Result<Vec<u8>> {
    if let Ok(bytes) = std::fs::read(path) {
        return Ok(bytes);
    }
    let bytes = make()?;
    std::fs::write(path, &bytes).with_context(|| format!("keeping {}", path.display()))?;
    Ok(bytes)
}
