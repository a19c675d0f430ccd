//! `ranking.v1`: in which order to try a model's providers, and how sure we are. It never says what is supported.

use std::fmt;

use ledger_contract::Timestamp;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{HintError, RANKING_TTL_S};

/// The version this code writes and reads. A value that names no version is this one.
pub const VERSION: &str = "ranking.v1";

/// How far ahead of ours another clock may run, in milliseconds (primitives §2.6 f).
const CLOCK_SKEW_MS: i64 = 60_000;

/// Provider and score, in the order they were given; providers are text because a ranking may know more of them than
/// we do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores(pub Vec<(String, f64)>);

/// One model's providers in order. Field order is the order on the wire.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ranking {
    /// Best first; never empty, no provider twice.
    pub providers_ranked: Vec<String>,
    /// Covers every ranked provider; −0.8 … 1.0 under the documented policy.
    pub scores: Scores,
    /// Attempts counted, over all providers.
    pub attempts_total: u64,
    /// Length of the window they were counted in.
    pub window_hours: u32,
    /// When; the ranking is older than its life [`RANKING_TTL_S`] after this.
    #[serde(serialize_with = "as_text")]
    pub computed_at: Timestamp,
}

#[derive(Deserialize)]
struct Wire {
    providers_ranked: Vec<String>,
    scores: Scores,
    attempts_total: u64,
    window_hours: u32,
    computed_at: String,
}

impl Scores {
    /// The score of one provider.
    pub fn get(&self, provider: &str) -> Option<f64> {
        self.0.iter().find(|(name, _)| name == provider).map(|(_, score)| *score)
    }
}

impl Ranking {
    /// Reads a ranking strictly: anything missing, empty, of the wrong type, not finite, incomplete, or computed more
    /// than a minute after `now` is an error. Fields it doesn't know are left alone; versions it doesn't know are not.
    pub fn parse(text: &str, now: Timestamp) -> Result<Self, HintError> {
        refuse_unknown_version(text, VERSION)?;
        let wire: Wire = serde_json::from_str(text).map_err(|error| HintError::Malformed(error.to_string()))?;
        let computed_at = Timestamp::parse(&wire.computed_at)
            .ok_or_else(|| HintError::Malformed(format!("computed_at `{}` is not RFC 3339", wire.computed_at)))?;
        if computed_at.since_ms(now) > CLOCK_SKEW_MS {
            return Err(HintError::FromTheFuture(computed_at));
        }
        wire.check().map_err(HintError::Malformed)?;
        let Wire { providers_ranked, scores, attempts_total, window_hours, computed_at: _ } = wire;
        Ok(Self {
            providers_ranked: first_of_each(providers_ranked),
            scores,
            attempts_total,
            window_hours,
            computed_at,
        })
    }

    /// The documented JSON: these five fields in this order, scores in ranking order.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// Whether it has outlived its time to live, wherever it is kept.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now.since_ms(self.computed_at) >= RANKING_TTL_S * 1000
    }
}

impl Wire {
    fn check(&self) -> Result<(), String> {
        if self.providers_ranked.is_empty() || self.providers_ranked.iter().any(String::is_empty) {
            return Err("providers_ranked is empty or names nobody".into());
        }
        if let Some(missing) = self.providers_ranked.iter().find(|name| self.scores.get(name).is_none()) {
            return Err(format!("scores has none for `{missing}`"));
        }
        if self.scores.0.iter().any(|(_, score)| !score.is_finite()) {
            return Err("a score is not finite".into());
        }
        if self.window_hours == 0 {
            return Err("window_hours is 0".into());
        }
        Ok(())
    }
}

/// Read apart, so that a newer shape is told from a broken one.
pub(crate) fn refuse_unknown_version(text: &str, known: &str) -> Result<(), HintError> {
    #[derive(Deserialize)]
    struct Version {
        schema_version: serde_json::Value,
    }
    match serde_json::from_str::<Version>(text) {
        Ok(version) if version.schema_version != known => {
            Err(HintError::UnknownVersion(version.schema_version.to_string()))
        }
        // Without the field it is this version; if it isn't even an object, the strict reading says so.
        Ok(_) | Err(_) => Ok(()),
    }
}

fn first_of_each(names: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    names.into_iter().filter(|name| seen.insert(name.clone())).collect()
}

/// Serialises a time as every time of the public API is written.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
pub(crate) fn as_text<S: Serializer>(moment: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(moment)
}

impl Serialize for Scores {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, score)| (name, score)))
    }
}

impl<'de> Deserialize<'de> for Scores {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Scores;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of provider and score")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scores, A::Error> {
                let mut scores = Scores::default();
                while let Some((name, score)) = map.next_entry::<String, f64>()? {
                    if scores.get(&name).is_some() {
                        return Err(de::Error::custom(format!("two scores for `{name}`")));
                    }
                    scores.0.push((name, score));
                }
                Ok(scores)
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
