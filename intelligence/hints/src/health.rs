//! The health hint of a region: which providers do badly right now. It moves a provider back, never out.

use ledger_contract::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{HEALTH_TTL_S, HintError};

/// How far ahead of ours another clock may run, in milliseconds.
const CLOCK_SKEW_MS: i64 = 60_000;

/// Providers to put behind the others, as long as the hint is fresh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    /// Provider ids, as text: a hint may know more of them than we do.
    pub degraded: Vec<String>,
    /// When this was found.
    #[serde(serialize_with = "crate::ranking::as_text")]
    pub computed_at: Timestamp,
}

#[derive(Deserialize)]
struct Wire {
    degraded: Vec<String>,
    computed_at: String,
}

impl Health {
    /// Reads a health hint; the same strictness as a ranking's.
    pub fn parse(text: &str, now: Timestamp) -> Result<Self, HintError> {
        let wire: Wire = serde_json::from_str(text).map_err(|error| HintError::Malformed(error.to_string()))?;
        let computed_at = Timestamp::parse(&wire.computed_at)
            .ok_or_else(|| HintError::Malformed(format!("computed_at `{}` is not RFC 3339", wire.computed_at)))?;
        if computed_at.since_ms(now) > CLOCK_SKEW_MS {
            return Err(HintError::FromTheFuture(computed_at));
        }
        Ok(Self { degraded: wire.degraded, computed_at })
    }

    /// Whether this hint, at `now`, puts `provider` behind the others. An old hint puts nobody there.
    pub fn degrades(&self, provider: &str, now: Timestamp) -> bool {
        let fresh = now.since_ms(self.computed_at) <= HEALTH_TTL_S * 1000;
        fresh && self.degraded.iter().any(|name| name == provider)
    }

    /// The JSON of this hint.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_health_hint_counts_for_five_minutes() {
        let now = Timestamp(1_000_000_000);
        let hint = Health { degraded: vec!["fal".into()], computed_at: now };
        let read = Health::parse(&hint.to_json().unwrap(), now).unwrap();
        assert_eq!(read, hint);
        assert!(read.degrades("fal", now.plus_ms(300_000)));
        assert!(!read.degrades("fal", now.plus_ms(300_001)));
        assert!(!read.degrades("bfl", now));
        assert!(Health::parse(&hint.to_json().unwrap(), now.plus_ms(-60_001)).is_err());
    }
}
