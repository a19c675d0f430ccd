//! What a request costs: the customer, fixed before execution, and us, whoever serves it. Integers only.
//!
//! The estimate and the reservation both end in [`unit_cost`], so they cannot disagree (api contract §12.1).

use std::borrow::Cow;

use ledger_contract::{Credits, ErrorCode, MicroUsd, Provider, PublicError};
use serde_json::{Map, Value};

use crate::{
    Canonical, Model,
    model::{self, names},
};

/// An amount, or a table of amounts by the values of some public fields.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Amounts<T> {
    Flat(T),
    Keyed {
        /// Public names, in the order of the key's parts.
        dimensions: Vec<String>,
        /// One row per combination, in public order.
        rows: Vec<(String, T)>,
    },
}

/// Credits per image, or per second of video.
pub(crate) type Price = Amounts<Credits>;

/// What a provider bills us.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tariff {
    pub(crate) per: Per,
    pub(crate) amounts: Amounts<MicroUsd>,
}

/// What a provider counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Per {
    /// Each image or video.
    Output,
    /// Each second of each output.
    Second,
}

/// Why there is no price. A checked catalogue has one for every valid request of a priced model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unpriced {
    /// The model is listed without a price.
    #[error("the model has no price")]
    NoPrice,
    /// The price table has no row for these values.
    #[error("no price for these values")]
    NoRow,
    /// Larger than the book can hold.
    #[error("the cost is too large")]
    TooLarge,
}

impl Unpriced {
    /// The answer to the customer: what has no price cannot be generated.
    pub fn error(self, model: &Model) -> PublicError {
        PublicError::new(ErrorCode::ModelNotFound, format!("this model cannot be generated: {self}"))
            .with_detail("model_identifier", model.id())
    }
}

impl<T: Copy> Amounts<T> {
    pub(crate) fn dimensions(&self) -> impl Iterator<Item = &str> {
        let names = match self {
            Self::Flat(_) => &[][..],
            Self::Keyed { dimensions, .. } => dimensions,
        };
        names.iter().map(String::as_str)
    }

    fn find(&self, fields: &Map<String, Value>) -> Option<T> {
        match self {
            Self::Flat(amount) => Some(*amount),
            Self::Keyed { dimensions, rows } => {
                let parts: Option<Vec<_>> = dimensions.iter().map(|name| key_part(name, fields)).collect();
                let key = parts?.join("_");
                rows.iter().find(|(row, _)| *row == key).map(|(_, amount)| *amount)
            }
        }
    }
}

impl Price {
    /// A number, or an object key → number.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Flat(price) => price.to_json(),
            Self::Keyed { rows, .. } => {
                rows.iter().map(|(key, price)| (key.clone(), price.to_json())).collect::<Map<_, _>>().into()
            }
        }
    }
}

/// A field's part of a price key (api contract §5.17).
fn key_part<'a>(name: &str, fields: &'a Map<String, Value>) -> Option<Cow<'a, str>> {
    let either = |flag: bool, yes: &'static str, no: &'static str| Some(Cow::Borrowed(if flag { yes } else { no }));
    match name {
        names::INPUT_FILE => either(model::has_input_file(fields), "image", "text"),
        names::AUDIO => either(fields.get(name).and_then(Value::as_bool).unwrap_or(false), "audio", "noaudio"),
        _ => crate::offer::spelling(fields.get(name)?),
    }
}

/// The price that these fields select: of one image, or of one second.
pub(crate) fn selected_price(model: &Model, fields: &Map<String, Value>) -> Result<Credits, Unpriced> {
    model.price.as_ref().ok_or(Unpriced::NoPrice)?.find(fields).ok_or(Unpriced::NoRow)
}

/// One output: the price, times the duration if it has one, rounded half-up to thousandths.
pub(crate) fn unit_cost(model: &Model, fields: &Map<String, Value>) -> Result<Credits, Unpriced> {
    let price = selected_price(model, fields)?;
    times_duration(price.0, fields).map(Credits).filter(|cost| *cost <= Credits::MAX).ok_or(Unpriced::TooLarge)
}

/// `count` outputs, exactly.
pub(crate) fn total_cost(unit: Credits, count: u32) -> Result<Credits, Unpriced> {
    unit.checked_mul(count.into()).filter(|cost| *cost <= Credits::MAX).ok_or(Unpriced::TooLarge)
}

/// What the customer pays for this request, whichever provider serves it.
pub fn price(model: &Model, canonical: &Canonical) -> Result<Credits, Unpriced> {
    total_cost(unit_cost(model, &canonical.fields)?, canonical.output_count)
}

/// What this request costs us at a provider if it is billed; zero while the provider's price is unknown.
pub fn provider_cost(model: &Model, provider: Provider, canonical: &Canonical) -> MicroUsd {
    let cost = || {
        let tariff = model.offer(provider)?.cost.as_ref()?;
        let amount = tariff.amounts.find(&canonical.fields)?;
        let each = match tariff.per {
            Per::Output => amount,
            Per::Second => MicroUsd(times_duration(amount.0, &canonical.fields)?),
        };
        each.checked_mul(canonical.output_count.into())
    };
    cost().unwrap_or_default()
}

/// `amount × generation_duration`, half-up; the amount itself where there is no duration.
fn times_duration(amount: i64, fields: &Map<String, Value>) -> Option<i64> {
    let Some(duration) = fields.get(names::DURATION) else { return Some(amount) };
    let exact = i128::from(amount).checked_mul(i128::from(duration_ms(duration)?))?;
    i64::try_from(exact.checked_add(500)?.div_euclid(1000)).ok()
}

/// Seconds as whole milliseconds.
#[expect(clippy::cast_possible_truncation, reason = "bounded just before")]
pub(crate) fn duration_ms(seconds: &Value) -> Option<i64> {
    if let Some(whole) = seconds.as_i64() {
        return whole.checked_mul(1000);
    }
    let seconds = seconds.as_f64()?;
    (0.0..=86_400.0).contains(&seconds).then_some((seconds * 1000.0).round() as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_unit_cost_is_rounded_half_up_once() {
        let at = |seconds: Value| Map::from_iter([(names::DURATION.to_owned(), seconds)]);
        assert_eq!(times_duration(125, &at(json!(5))), Some(625));
        assert_eq!(times_duration(1, &at(json!(0.5))), Some(1));
        assert_eq!(times_duration(1, &at(json!(0.499))), Some(0));
        assert_eq!(times_duration(3, &at(json!(2.5))), Some(8));
        assert_eq!(times_duration(i64::MAX, &at(json!(3))), None);
        assert_eq!(times_duration(7, &Map::new()), Some(7));
    }

    #[test]
    fn an_audio_price_reads_silence_as_noaudio() {
        assert_eq!(key_part(names::AUDIO, &Map::new()).as_deref(), Some("noaudio"));
        let files = Map::from_iter([(names::INPUT_FILE.to_owned(), json!([]))]);
        assert_eq!(key_part(names::INPUT_FILE, &files).as_deref(), Some("text"));
    }
}
