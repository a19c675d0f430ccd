//! `health.v1`, the health snapshot of a region: which providers do badly right now, and what was seen of them. It moves
//! a provider back, never out.

use ledger_contract::Timestamp;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use crate::{HEALTH_TTL_S, HintError, ranking::refuse_unknown_version};

/// The version this code writes and reads. A value that names no version is this one.
pub const VERSION: &str = "health.v1";

/// How far ahead of ours another clock may run, in milliseconds.
const CLOCK_SKEW_MS: i64 = 60_000;

/// Providers to put behind the others, as long as the snapshot is fresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Provider ids, as text: a hint may know more of them than we do.
    pub degraded: Vec<String>,
    /// What was seen of each provider with recent attempts. For the eye: the proxy doesn't look at it.
    pub findings: Vec<Finding>,
    /// When this was found.
    pub computed_at: Timestamp,
}

/// What a provider's last attempts said: how many were looked at, and how many of them were bad in which way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Provider id.
    pub provider: String,
    /// Attempts that said something, the bad ones included.
    pub looked_at: u32,
    /// Refused or failed.
    pub failed: u32,
    /// Failed by running out of time.
    pub timed_out: u32,
    /// Took, or takes already, much longer than usual.
    pub slow: u32,
}

#[derive(Deserialize)]
struct Wire {
    degraded: Vec<String>,
    #[serde(default)]
    findings: Vec<Finding>,
    computed_at: String,
}

impl Health {
    /// A snapshot taken at `computed_at`.
    pub fn new(degraded: Vec<String>, findings: Vec<Finding>, computed_at: Timestamp) -> Self {
        Self { degraded, findings, computed_at }
    }

    /// Reads a snapshot; the same strictness as a ranking's.
    pub fn parse(text: &str, now: Timestamp) -> Result<Self, HintError> {
        refuse_unknown_version(text, VERSION)?;
        let wire: Wire = serde_json::from_str(text).map_err(|error| HintError::Malformed(error.to_string()))?;
        let computed_at = Timestamp::parse(&wire.computed_at)
            .ok_or_else(|| HintError::Malformed(format!("computed_at `{}` is not RFC 3339", wire.computed_at)))?;
        if computed_at.since_ms(now) > CLOCK_SKEW_MS {
            return Err(HintError::FromTheFuture(computed_at));
        }
        Ok(Self::new(wire.degraded, wire.findings, computed_at))
    }

    /// Whether this snapshot, at `now`, puts `provider` behind the others. An old one puts nobody there.
    pub fn degrades(&self, provider: &str, now: Timestamp) -> bool {
        let fresh = now.since_ms(self.computed_at) <= HEALTH_TTL_S * 1000;
        fresh && self.degraded.iter().any(|name| name == provider)
    }

    /// The JSON of this snapshot.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

/// The version first, and the time as every time of the public API is written.
impl Serialize for Health {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { degraded, findings, computed_at } = self;
        let mut fields = serializer.serialize_struct("Health", 4)?;
        fields.serialize_field("schema_version", VERSION)?;
        fields.serialize_field("degraded", degraded)?;
        fields.serialize_field("findings", findings)?;
        fields.serialize_field("computed_at", &computed_at.to_string())?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_health_hint_counts_for_five_minutes() {
        let now = Timestamp(1_000_000_000);
        let finding = Finding { provider: "fal".into(), looked_at: 12, failed: 7, ..Finding::default() };
        let hint = Health::new(vec!["fal".into()], vec![finding], now);
        let read = Health::parse(&hint.to_json().unwrap(), now).unwrap();
        assert_eq!(read, hint);
        assert!(read.degrades("fal", now.plus_ms(300_000)));
        assert!(!read.degrades("fal", now.plus_ms(300_001)));
        assert!(!read.degrades("bfl", now));
        assert!(Health::parse(&hint.to_json().unwrap(), now.plus_ms(-60_001)).is_err());
    }

    #[test]
    fn a_snapshot_says_its_version_and_an_unknown_one_is_refused() {
        let now = Timestamp(1_000_000_000);
        let text = Health::new(Vec::new(), Vec::new(), now).to_json().unwrap();
        assert!(text.starts_with(r#"{"schema_version":"health.v1","degraded":[]"#), "{text}");
        let newer = text.replace("health.v1", "health.v2");
        assert!(matches!(Health::parse(&newer, now), Err(HintError::UnknownVersion(_))));
        let bare = r#"{"degraded":["fal"],"computed_at":"1970-01-12T13:46:40Z"}"#;
        assert!(Health::parse(bare, now).unwrap().degrades("fal", now));
    }
}
