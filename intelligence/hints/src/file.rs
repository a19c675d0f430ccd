//! The hints file: the same keys and values as in Redis, with their expiry, as one JSON object. Reading and writing
//! it is the edge's work; the edge replaces it whole, so a reader sees the old file or the new one.

use std::collections::BTreeMap;

use ledger_contract::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use crate::HintError;

/// Key → value and expiry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HintsFile {
    entries: BTreeMap<String, Entry>,
}

/// One value, as Redis would hold it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    value: String,
    #[serde(serialize_with = "crate::ranking::as_text", deserialize_with = "from_text")]
    expires_at: Timestamp,
}

impl HintsFile {
    /// Reads the file's text.
    pub fn parse(text: &str) -> Result<Self, HintError> {
        serde_json::from_str(text).map_err(|error| HintError::Malformed(error.to_string()))
    }

    /// The file's text, one key a line apart so that a person can read it.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }

    /// The value of `key`, unless it has expired.
    pub fn get(&self, key: &str, now: Timestamp) -> Option<&str> {
        self.entries.get(key).filter(|entry| entry.expires_at > now).map(|entry| entry.value.as_str())
    }

    /// Puts a value that lives for `ttl_s` seconds from `now`.
    pub fn set(&mut self, key: String, value: String, now: Timestamp, ttl_s: i64) {
        let expires_at = now.plus_ms(ttl_s.saturating_mul(1000));
        self.entries.insert(key, Entry { value, expires_at });
    }

    /// Forgets what has expired, so that the file can't grow for ever.
    pub fn prune(&mut self, now: Timestamp) {
        self.entries.retain(|_, entry| entry.expires_at > now);
    }

    /// When `key` expires, whether or not it has.
    pub fn expires_at(&self, key: &str) -> Option<Timestamp> {
        self.entries.get(key).map(|entry| entry.expires_at)
    }

    /// Every key, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }
}

fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    Timestamp::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not RFC 3339")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_value_is_gone_when_its_time_is_over() {
        let now = Timestamp(1_779_874_860_123);
        let mut file = HintsFile::default();
        file.set("a".into(), "1".into(), now, 10);
        file.set("b".into(), "2".into(), now, 20);
        let mut file = HintsFile::parse(&file.to_json().unwrap()).unwrap();
        assert_eq!(file.get("a", now.plus_ms(9_999)), Some("1"));
        assert_eq!(file.get("a", now.plus_ms(10_000)), None);
        file.prune(now.plus_ms(10_000));
        assert_eq!(file.keys().collect::<Vec<_>>(), ["b"]);
        assert_eq!(file.expires_at("b"), Some(now.plus_ms(20_000)));
    }

    #[test]
    fn a_broken_file_is_malformed_and_not_empty() {
        for text in ["", "[]", "{", r#"{"a":1}"#, r#"{"a":{"value":"x","expires_at":"soon"}}"#] {
            assert!(HintsFile::parse(text).is_err(), "{text}");
        }
        assert_eq!(HintsFile::parse("{}"), Ok(HintsFile::default()));
    }
}
