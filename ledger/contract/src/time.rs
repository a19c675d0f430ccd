//! One time type: Unix milliseconds inside, ISO 8601 UTC with milliseconds and `Z` outside. The edge reads the clock.

use std::fmt;

use chrono::{DateTime, Datelike, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

const DAY_MS: i64 = 24 * 3_600_000;

impl Timestamp {
    /// Reads an RFC 3339 text with a zone; `None` if it isn't one.
    pub fn parse(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text).ok().map(|moment| Self(moment.timestamp_millis()))
    }

    /// `millis` later (earlier, if negative).
    #[must_use]
    pub fn plus_ms(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Midnight UTC before it.
    #[must_use]
    pub fn day_start(self) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(DAY_MS)))
    }

    /// Midnight UTC of the first day of its month.
    #[must_use]
    pub fn month_start(self) -> Self {
        let day = DateTime::<Utc>::from_timestamp_millis(self.0).unwrap_or_default().day0();
        self.day_start().plus_ms(-i64::from(day) * DAY_MS)
    }

    /// Milliseconds from `earlier` to `self`.
    pub fn since_ms(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Timestamp {
    /// `2026-05-27T09:41:00.123Z`, as every time field of the public API.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = DateTime::<Utc>::from_timestamp_millis(self.0).unwrap_or_default();
        f.write_str(&moment.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_prints_as_the_contract_says_and_reads_back() {
        let moment = Timestamp(1_779_874_860_123);
        assert_eq!(moment.to_string(), "2026-05-27T09:41:00.123Z");
        assert_eq!(Timestamp::parse("2026-05-27T11:41:00.123+02:00"), Some(moment));
        assert_eq!(Timestamp::parse("2026-05-27 09:41:00"), None);
    }
}
