//! The `Authorization` header and the shape of a key. Pure; a key never prints.

use std::fmt;

use ledger_contract::access::KEY_PREFIX_LENGTH;
use sha2::{Digest, Sha256};

/// `bye_` and 28 random bytes as unpadded base64url.
const KEY_LENGTH: usize = 42;
const KEY_START: &str = "bye_";

/// What the header says.
#[derive(Debug, PartialEq, Eq)]
pub enum Bearer {
    /// No header, another scheme, or an empty token.
    Missing,
    /// A token that cannot be a key.
    Malformed,
    /// A token in the shape of a key.
    Key(Secret),
}

/// A presented key. Has no `Display`, and its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    text: String,
    digest: [u8; 32],
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// Reads a key; `None` if the text cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(KEY_START)?;
        let is_base64url = rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        let is_key = text.len() == KEY_LENGTH && is_base64url;
        is_key.then(|| Self { text: text.to_owned(), digest: Sha256::digest(text.as_bytes()).into() })
    }

    /// What keys are looked up by.
    pub fn prefix(&self) -> &str {
        self.text.get(..KEY_PREFIX_LENGTH).unwrap_or_default()
    }

    /// What a verified key is remembered under.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    pub(super) fn expose(&self) -> &str {
        &self.text
    }
}

/// Reads the header's values. The scheme is case-insensitive; two headers are as good as none.
pub fn read_bearer<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Bearer {
    let (Some(value), None) = (values.next(), values.next()) else { return Bearer::Missing };
    let (scheme, token) = match value.iter().position(|byte| *byte == b' ') {
        Some(space) => value.split_at(space),
        None => return Bearer::Missing,
    };
    let token = token.trim_ascii();
    if !scheme.eq_ignore_ascii_case(b"bearer") || token.is_empty() {
        return Bearer::Missing;
    }
    std::str::from_utf8(token).ok().and_then(Secret::parse).map_or(Bearer::Malformed, Bearer::Key)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(value: &str) -> Bearer {
        read_bearer([value.as_bytes()].into_iter())
    }

    #[test]
    fn a_key_is_read_from_any_spelling_of_the_scheme() {
        let key = format!("bye_{}", "aB3-_".repeat(8).get(..38).unwrap());
        for scheme in ["Bearer", "bearer", "BEARER"] {
            let Bearer::Key(secret) = read(&format!("{scheme} {key}")) else { panic!("{scheme}") };
            assert_eq!(secret.prefix(), "bye_aB3-_");
            assert_eq!(format!("{secret:?}"), "Secret(…)");
        }
    }

    #[test]
    fn no_token_is_missing_and_a_wrong_one_is_malformed() {
        for value in ["", "Bearer", "Bearer ", "Basic abc", "bye_x", "Token bye_x"] {
            assert_eq!(read(value), Bearer::Missing, "{value}");
        }
        let long = format!("Bearer bye_{}", "a".repeat(39));
        let foreign = format!("Bearer sk-_{}", "a".repeat(38));
        let odd = format!("Bearer bye_{}", "+".repeat(38));
        for value in ["Bearer x", "Bearer bye_", long.as_str(), foreign.as_str(), odd.as_str(), "Bearer ü"] {
            assert_eq!(read(value), Bearer::Malformed, "{value}");
        }
        assert_eq!(read_bearer([b"Bearer a".as_slice(), b"Bearer b"].into_iter()), Bearer::Missing);
        assert_eq!(read_bearer(std::iter::empty()), Bearer::Missing);
    }

    proptest! {
        #[test]
        fn no_header_makes_the_reader_panic(value in prop::collection::vec(any::<u8>(), 0..80)) {
            read_bearer([value.as_slice()].into_iter());
            read(&format!("Bearer {}", String::from_utf8_lossy(&value)));
        }
    }
}
