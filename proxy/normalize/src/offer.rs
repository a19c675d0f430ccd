//! What one provider can do of a model: its native id, and the counterpart of each public field.

use std::{borrow::Cow, collections::BTreeMap};

use ledger_contract::Provider;
use serde_json::{Map, Value};

use crate::{
    capability::Constraint,
    model::{self, names},
    price::Tariff,
    providers::Region,
    transform::Write,
};

/// One provider's entry of a model.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) provider: Provider,
    pub(crate) ids: NativeIds,
    /// Where a job is submitted, where the native id does not say it.
    pub(crate) path: Option<String>,
    /// Replaces `path` when the request has an input file.
    pub(crate) path_with_input: Option<String>,
    /// When a job is a form instead of JSON.
    pub(crate) form: Option<FormWhen>,
    /// Whether the answer to a submission is the output itself.
    pub(crate) synchronous: bool,
    /// Our regions in which the provider processes this model on its own hosts there.
    pub(crate) regions: Vec<Region>,
    /// Where it wants our key at another provider, and which.
    pub(crate) lent_key: Option<(String, Provider)>,
    /// What a job costs us; unknown: counted as nothing.
    pub(crate) cost: Option<Tariff>,
    /// Native fields that are always sent.
    pub(crate) fixed: Map<String, Value>,
    pub(crate) constraints: Vec<Constraint>,
    /// In public order: what is said is said in this order.
    pub(crate) counterparts: Vec<Counterpart>,
}

/// The provider's own ids of a model: one, or one per value of a public field.
#[derive(Clone, Debug)]
pub(crate) struct NativeIds {
    /// The field that chooses, if any.
    pub(crate) by: Option<String>,
    pub(crate) plain: Ids,
    /// When the request has an input file.
    pub(crate) with_input: Option<Ids>,
    /// When it has an end frame, too.
    pub(crate) with_last: Option<Ids>,
}

#[derive(Clone, Debug)]
pub(crate) enum Ids {
    One(String),
    /// By the spelling of the choosing field's value.
    By(BTreeMap<String, String>),
}

/// When a job is `multipart/form-data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FormWhen {
    Always,
    WithInput,
}

/// How one public field (or two together) is said to a provider, and which of its values can be said.
#[derive(Clone, Debug)]
pub(crate) struct Counterpart {
    /// Public names: one, or two that make one native value.
    pub(crate) from: Vec<String>,
    /// Where it goes; nothing: the provider always does it, so nothing is sent.
    pub(crate) to: Option<Target>,
    /// Replaces `to` when the request has an end frame.
    pub(crate) to_with_last: Option<Target>,
    pub(crate) write: Write,
    /// What each value becomes in a list.
    pub(crate) item: Option<Value>,
    /// Said instead when the request has an input file.
    pub(crate) with_input: Option<Value>,
    /// Never said beside an input file: this is what the provider then does.
    pub(crate) beside_input: Option<Value>,
    /// Not said when this field has this value: the provider then does it by itself.
    pub(crate) unless: Option<(String, Value)>,
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
    /// UTF-16 units.
    pub(crate) max_utf16: Option<usize>,
    pub(crate) max_items: Option<usize>,
}

impl Offer {
    pub(crate) fn counterpart(&self, name: &str) -> Option<&Counterpart> {
        self.counterparts.iter().find(|counterpart| counterpart.from.iter().any(|from| from == name))
    }

    /// The provider's id for these fields.
    pub(crate) fn native_id_for(&self, fields: &Map<String, Value>) -> &str {
        let NativeIds { by, plain, with_input, with_last } = &self.ids;
        let has_last = fields.contains_key(names::LAST_CONTENT);
        let with_last = with_last.as_ref().filter(|_| has_last);
        let ids = with_last.or_else(|| with_input.as_ref().filter(|_| model::has_input_file(fields))).unwrap_or(plain);
        match ids {
            Ids::One(id) => id,
            Ids::By(table) => {
                let chosen = by.as_ref().and_then(|by| fields.get(by)).and_then(spelling);
                let id = chosen.and_then(|key| table.get(&*key)).or_else(|| table.values().next());
                id.map_or("", String::as_str)
            }
        }
    }

    pub(crate) fn path_for(&self, has_input_file: bool) -> Option<&str> {
        let with_input = self.path_with_input.as_deref().filter(|_| has_input_file);
        with_input.or(self.path.as_deref())
    }

    pub(crate) fn is_form(&self, has_input_file: bool) -> bool {
        match self.form {
            None => false,
            Some(FormWhen::Always) => true,
            Some(FormWhen::WithInput) => has_input_file,
        }
    }
}

impl Counterpart {
    /// Whether `name`'s value, with the other values of the request, can be said to this provider.
    pub(crate) fn serves(&self, name: &str, value: &Value, fields: &Map<String, Value>) -> bool {
        if self.from.len() > 1 {
            return self.serves_together(name, fields);
        }
        let silent = self.beside_input.as_ref().filter(|_| model::has_input_file(fields));
        if silent.is_some_and(|does| does != value) {
            return false;
        }
        let listed = |list: &Vec<String>| spelling(value).is_some_and(|key| list.iter().any(|listed| *listed == *key));
        self.supported.as_ref().is_none_or(listed) && self.bounds.hold(value)
    }

    /// The outer field is unsupported where its value is no key of the table; the inner one where the row lacks it.
    fn serves_together(&self, name: &str, fields: &Map<String, Value>) -> bool {
        let Some(native) = &self.native else { return false };
        let key_of = |index: usize| self.from.get(index).and_then(|from| fields.get(from)).and_then(spelling);
        let row = key_of(0).and_then(|key| native.get(&*key));
        if self.from.first().is_some_and(|first| first == name) {
            return row.is_some();
        }
        let cell = row.and_then(Value::as_object).zip(key_of(1)).and_then(|(row, key)| row.get(&*key));
        row.is_none() || cell.is_some()
    }

    /// The native value before it is written.
    pub(crate) fn native_value<'a>(&self, get: impl Fn(&str) -> Option<&'a Value>) -> Option<Value> {
        let first = get(self.from.first()?)?;
        let Some(native) = &self.native else { return Some(first.clone()) };
        let found = native.get(&*spelling(first)?)?;
        match self.from.get(1) {
            None => Some(found.clone()),
            Some(second) => found.as_object()?.get(&*spelling(get(second)?)?).cloned(),
        }
    }
}

impl Bounds {
    fn hold(&self, value: &Value) -> bool {
        match value {
            Value::Number(number) => number.as_f64().is_some_and(|number| {
                self.min.is_none_or(|min| number >= min) && self.max.is_none_or(|max| number <= max)
            }),
            Value::String(text) => {
                // No text has more characters or units than bytes.
                let holds = |most: Option<usize>, length: fn(&str) -> usize| {
                    most.is_none_or(|most| text.len() <= most || length(text) <= most)
                };
                holds(self.max_length, |text| text.chars().count())
                    && holds(self.max_utf16, |text| text.encode_utf16().count())
            }
            Value::Array(items) => self.max_items.is_none_or(|max| items.len() <= max),
            _ => true,
        }
    }
}

/// How a public value is written as a key of a catalogue table: `1:1`, `true`, `5`.
pub(crate) fn spelling(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Bool(true) => Some(Cow::Borrowed("true")),
        Value::Bool(false) => Some(Cow::Borrowed("false")),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
