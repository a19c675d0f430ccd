//! What one provider can do of a model: its native id, and the counterpart of each public field.

use ledger_contract::Provider;
use serde_json::{Map, Value};

use crate::{capability::Constraint, price::Tariff, transform::Write};

/// One provider's entry of a model.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) provider: Provider,
    pub(crate) native_id: String,
    /// Replaces `native_id` when the request has an input file.
    pub(crate) native_id_with_input: Option<String>,
    /// Whether the answer to a submission is the output itself.
    pub(crate) synchronous: bool,
    /// What a job costs us; unknown: counted as nothing.
    pub(crate) cost: Option<Tariff>,
    /// Native fields that are always sent.
    pub(crate) fixed: Map<String, Value>,
    pub(crate) constraints: Vec<Constraint>,
    pub(crate) counterparts: Vec<Counterpart>,
}

/// How one public field (or two together) is said to a provider, and which of its values can be said.
#[derive(Clone, Debug)]
pub(crate) struct Counterpart {
    /// Public names: one, or two that make one native value.
    pub(crate) from: Vec<String>,
    /// Where it goes; nothing: the provider always does it, so nothing is sent.
    pub(crate) to: Option<Target>,
    pub(crate) write: Write,
    /// The public values it supports, spelled as in [`spelling`]; nothing: all of the field's.
    pub(crate) supported: Option<Vec<String>>,
    /// Native values by the public value's spelling; nested where `from` has two names.
    pub(crate) native: Option<Map<String, Value>>,
    pub(crate) bounds: Bounds,
}

/// Where a native value goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A key; dots go down into objects.
    Key(String),
    /// Width and height.
    Pair(String, String),
}

/// What a provider takes, where that is less than the public field offers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
    /// Unicode scalar values.
    pub(crate) max_length: Option<usize>,
    pub(crate) max_items: Option<usize>,
}

impl Offer {
    pub(crate) fn counterpart(&self, name: &str) -> Option<&Counterpart> {
        self.counterparts.iter().find(|counterpart| counterpart.from.iter().any(|from| from == name))
    }

    pub(crate) fn native_id_for(&self, has_input_file: bool) -> &str {
        match &self.native_id_with_input {
            Some(with_input) if has_input_file => with_input,
            _ => &self.native_id,
        }
    }
}

impl Counterpart {
    /// Whether `name`'s value, with the other values of the request, can be said to this provider.
    pub(crate) fn serves(&self, name: &str, value: &Value, fields: &Map<String, Value>) -> bool {
        let key = spelling(value);
        if self.from.len() > 1 {
            return self.serves_together(name, fields);
        }
        let listed = |list: &Vec<String>| key.as_ref().is_some_and(|key| list.contains(key));
        self.supported.as_ref().is_none_or(listed) && self.bounds.hold(value)
    }

    /// The outer field is unsupported where its value is no key of the table; the inner one where the row lacks it.
    fn serves_together(&self, name: &str, fields: &Map<String, Value>) -> bool {
        let Some(native) = &self.native else { return false };
        let key_of = |index: usize| self.from.get(index).and_then(|from| fields.get(from)).and_then(spelling);
        let row = key_of(0).and_then(|key| native.get(&key));
        if self.from.first().is_some_and(|first| first == name) {
            return row.is_some();
        }
        let cell = row.and_then(Value::as_object).zip(key_of(1)).and_then(|(row, key)| row.get(&key));
        row.is_none() || cell.is_some()
    }

    /// The native value before it is written.
    pub(crate) fn native_value(&self, fields: &Map<String, Value>) -> Option<Value> {
        let first = fields.get(self.from.first()?)?;
        let Some(native) = &self.native else { return Some(first.clone()) };
        let found = native.get(&spelling(first)?)?;
        match self.from.get(1) {
            None => Some(found.clone()),
            Some(second) => found.as_object()?.get(&spelling(fields.get(second)?)?).cloned(),
        }
    }
}

impl Bounds {
    fn hold(&self, value: &Value) -> bool {
        match value {
            Value::Number(number) => number.as_f64().is_some_and(|number| {
                self.min.is_none_or(|min| number >= min) && self.max.is_none_or(|max| number <= max)
            }),
            Value::String(text) => self.max_length.is_none_or(|max| text.chars().count() <= max),
            Value::Array(items) => self.max_items.is_none_or(|max| items.len() <= max),
            _ => true,
        }
    }
}

/// How a public value is written as a key of a catalogue table: `1:1`, `true`, `5`.
pub(crate) fn spelling(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
