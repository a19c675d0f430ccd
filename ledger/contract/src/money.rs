//! Money as integers. A float never comes near a balance; decimals exist only in text at the border.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Thousandths of a credit (1 credit = 1 USD). On the internal wire it is this integer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Credits(pub i64);

/// Millionths of a US dollar: what a provider bills us, never what a customer pays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MicroUsd(pub i64);

/// Why a decimal text is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Not `digits` or `digits.digits`.
    #[error("not a decimal number such as 10 or 0.125")]
    NotDecimal,
    /// More fraction digits than the unit has.
    #[error("more than {0} decimals")]
    TooFine(u32),
    /// Above what the type or the contract can hold.
    #[error("too large")]
    TooLarge,
}

impl Credits {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// Largest balance and largest single amount, 9,999,999.999 credits (api contract §12).
    pub const MAX: Self = Self(9_999_999_999);
    const DECIMALS: u32 = 3;

    /// Sum, unless it leaves `i64`.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// Difference, unless it leaves `i64`. May be negative.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// `self × count`, unless it leaves `i64`.
    pub fn checked_mul(self, count: i64) -> Option<Self> {
        self.0.checked_mul(count).map(Self)
    }

    /// A JSON number with at most three decimals, as the public API shows credits.
    pub fn to_json(self) -> serde_json::Value {
        json_number(&self.to_string())
    }
}

impl MicroUsd {
    const DECIMALS: u32 = 6;

    /// Sum, unless it leaves `i64`.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// `self × count`, unless it leaves `i64`.
    pub fn checked_mul(self, count: i64) -> Option<Self> {
        self.0.checked_mul(count).map(Self)
    }

    /// A JSON number with at most six decimals, as the public API shows provider cost.
    pub fn to_json(self) -> serde_json::Value {
        json_number(&self.to_string())
    }
}

impl fmt::Display for Credits {
    /// Always three decimals: `12.480`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(f, self.0, Self::DECIMALS)
    }
}

impl fmt::Display for MicroUsd {
    /// Always six decimals: `0.003000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(f, self.0, Self::DECIMALS)
    }
}

impl FromStr for Credits {
    type Err = AmountError;

    /// Reads a non-negative decimal exactly: `10`, `0.5`, `9999999.999`. Never rounds.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let amount = Self(parse_decimal(text, Self::DECIMALS)?);
        if amount > Self::MAX { Err(AmountError::TooLarge) } else { Ok(amount) }
    }
}

impl FromStr for MicroUsd {
    type Err = AmountError;

    /// Reads a non-negative decimal exactly, at most six decimals.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_decimal(text, Self::DECIMALS).map(Self)
    }
}

fn write_decimal(f: &mut fmt::Formatter<'_>, value: i64, decimals: u32) -> fmt::Result {
    let unit = 10_u64.pow(decimals);
    let magnitude = value.unsigned_abs();
    let sign = if value < 0 { "-" } else { "" };
    write!(f, "{sign}{}.{:0width$}", magnitude / unit, magnitude % unit, width = decimals as usize)
}

fn parse_decimal(text: &str, decimals: u32) -> Result<i64, AmountError> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || text.ends_with('.') {
        return Err(AmountError::NotDecimal);
    }
    if fraction.len() > decimals as usize {
        return Err(AmountError::TooFine(decimals));
    }
    let padded = format!("{whole}{fraction:0<width$}", width = decimals as usize);
    padded.parse().map_err(|_| AmountError::TooLarge)
}

/// The text is decimal digits by construction, so it always reads as a number.
fn json_number(decimal: &str) -> serde_json::Value {
    let integral = decimal.strip_suffix(".000").or_else(|| decimal.strip_suffix(".000000"));
    serde_json::from_str(integral.unwrap_or(decimal)).unwrap_or(serde_json::Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_and_print_exactly() {
        for (text, thousandths) in
            [("0", 0), ("10", 10_000), ("0.5", 500), ("12.480", 12_480), ("9999999.999", 9_999_999_999)]
        {
            assert_eq!(text.parse(), Ok(Credits(thousandths)), "{text}");
        }
        assert_eq!(Credits(12_480).to_string(), "12.480");
        assert_eq!(Credits(-5).to_string(), "-0.005");
        assert_eq!(MicroUsd(630).to_string(), "0.000630");
    }

    #[test]
    fn amounts_are_never_rounded_or_guessed() {
        assert_eq!("0.0001".parse::<Credits>(), Err(AmountError::TooFine(3)));
        assert_eq!("10000000".parse::<Credits>(), Err(AmountError::TooLarge));
        for wrong in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", "٣", "99999999999999999999"] {
            assert!(wrong.parse::<Credits>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn public_json_shows_the_shortest_decimal() {
        assert_eq!(Credits(12_480).to_json().to_string(), "12.48");
        assert_eq!(Credits(2_000).to_json().to_string(), "2");
        assert_eq!(Credits::MAX.to_json().to_string(), "9999999.999");
        assert_eq!(MicroUsd(1).to_json().to_string(), "1e-6");
    }
}
