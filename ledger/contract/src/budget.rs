//! What an account or a key may reserve within a window (api contract §12.4). Windows are UTC; nothing is decided here.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Credits, Timestamp, access::names};

names!(
    /// How often a budget begins anew.
    Period, "period", {
        /// At midnight UTC.
        Day = "day",
        /// On the first of the month, midnight UTC.
        Month = "month",
        /// Never.
        Once = "once",
    }
);

names!(
    /// Whose budget it is.
    BudgetHolder, "budget holder", {
        /// All keys of an account together.
        Account = "account",
        /// One key and its successors by rotation.
        Key = "key",
    }
);

/// A limit on what is reserved or charged within a window. As text `50.000/month`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// In 1 ..= [`Credits::MAX`].
    pub amount: Credits,
    /// How long it has to last.
    pub period: Period,
}

/// Why a text is no budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a budget such as 50.000/month, 5/day or 100/once, above zero and at most 9999999.999")]
pub struct NotABudget;

impl Budget {
    /// Whether its amount can be a budget at all.
    pub fn is_valid(&self) -> bool {
        self.amount > Credits::ZERO && self.amount <= Credits::MAX
    }
}

impl FromStr for Budget {
    type Err = NotABudget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (amount, period) = text.split_once('/').ok_or(NotABudget)?;
        let amount = amount.parse().map_err(|_| NotABudget)?;
        let budget = Self { amount, period: period.parse().map_err(|_| NotABudget)? };
        if budget.is_valid() { Ok(budget) } else { Err(NotABudget) }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.amount, self.period)
    }
}

/// A budget and how much of it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetStatus {
    /// The limit.
    #[serde(flatten)]
    pub budget: Budget,
    /// Reserved or charged in the window that is open now.
    pub spent: Credits,
    /// When it begins anew; `None`: never.
    pub window_ends_at: Option<Timestamp>,
}

impl Period {
    /// When the window that `at` lies in began; `None` for the one that has no beginning of its own.
    pub fn window_start(self, at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Day => Some(at.day_start()),
            Self::Month => Some(at.month_start()),
            Self::Once => None,
        }
    }

    /// When the window that `at` lies in ends; `None`: never.
    pub fn window_end(self, at: Timestamp) -> Option<Timestamp> {
        // 40 days after its first day, the next month has begun and not ended.
        match self {
            Self::Day => Some(at.day_start().plus_ms(DAY_MS)),
            Self::Month => Some(at.month_start().plus_ms(40 * DAY_MS).month_start()),
            Self::Once => None,
        }
    }
}

const DAY_MS: i64 = 24 * 3_600_000;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_budget_reads_and_prints_as_amount_over_period() {
        let budget: Budget = "50.5/month".parse().unwrap();
        assert_eq!(budget, Budget { amount: Credits(50_500), period: Period::Month });
        assert_eq!(budget.to_string(), "50.500/month");
        for wrong in ["", "5", "5/week", "/day", "0/day", "-1/day", "10000000/day", "1.0001/day", "5/day/once"] {
            assert_eq!(wrong.parse::<Budget>(), Err(NotABudget), "{wrong}");
        }
    }

    #[test]
    fn windows_are_days_and_months_of_utc() {
        let at = time("2028-02-29T23:59:59.999Z");
        assert_eq!(Period::Day.window_start(at), Some(time("2028-02-29T00:00:00Z")));
        assert_eq!(Period::Day.window_end(at), Some(time("2028-03-01T00:00:00Z")));
        assert_eq!(Period::Month.window_start(at), Some(time("2028-02-01T00:00:00Z")));
        assert_eq!(Period::Month.window_end(at), Some(time("2028-03-01T00:00:00Z")));
        assert_eq!(Period::Month.window_end(time("2028-12-31T12:00:00Z")), Some(time("2029-01-01T00:00:00Z")));
        assert_eq!((Period::Once.window_start(at), Period::Once.window_end(at)), (None, None));
    }
}
