//! The shape of a model file, as written. Refuses nothing but unknown keys and wrong types; the rest is checked where
//! it gets its meaning.

use std::collections::BTreeMap;

use ledger_contract::{MediaKind, Provider};
use serde::Deserialize;
use serde_json::{Map, Number, Value};

use crate::{offer::FormWhen, price::Per, providers::Region, transform::Write};

/// Shared tables of sizes: table → ratio → `"WxH"`, or table → resolution → ratio → `"WxH"`.
pub(super) type SizeTables = BTreeMap<String, Map<String, Value>>;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelFile {
    pub(super) id: String,
    pub(super) kind: MediaKind,
    pub(super) price: Option<AmountsFile>,
    #[serde(default)]
    pub(super) price_by: Vec<String>,
    pub(super) input: Option<InputFile>,
    pub(super) attempt_ms: Option<u64>,
    pub(super) poll_ms: Option<u64>,
    pub(super) fields: BTreeMap<String, FieldFile>,
    #[serde(default)]
    pub(super) constraint: Vec<ConstraintFile>,
    #[serde(default)]
    pub(super) provider: Vec<ProviderFile>,
}

/// Decimal texts: a TOML float would not be exact.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum AmountsFile {
    Flat(String),
    Keyed(BTreeMap<String, String>),
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InputFile {
    pub(super) max_bytes: Option<u64>,
    pub(super) min_side: Option<u32>,
    pub(super) max_side: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TypeName {
    String,
    Integer,
    Number,
    Boolean,
    Url,
    Words,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FieldFile {
    #[serde(rename = "type")]
    pub(super) type_name: Option<TypeName>,
    pub(super) values: Option<Vec<Value>>,
    pub(super) min: Option<Number>,
    pub(super) max: Option<Number>,
    pub(super) min_length: Option<usize>,
    pub(super) max_length: Option<usize>,
    pub(super) min_items: Option<usize>,
    pub(super) max_items: Option<usize>,
    pub(super) default: Option<Value>,
    pub(super) required: Option<bool>,
    pub(super) requires: Option<String>,
}

impl FieldFile {
    /// The first key that is there and not among those that the field's type knows.
    pub(super) fn stray(&self, known: &[&str]) -> Option<&'static str> {
        let Self { type_name, values, min, max, min_length, max_length, .. } = self;
        let Self { min_items, max_items, default, required, requires, .. } = self;
        [
            ("type", type_name.is_some()),
            ("values", values.is_some()),
            ("min", min.is_some()),
            ("max", max.is_some()),
            ("min_length", min_length.is_some()),
            ("max_length", max_length.is_some()),
            ("min_items", min_items.is_some()),
            ("max_items", max_items.is_some()),
            ("default", default.is_some()),
            ("required", required.is_some()),
            ("requires", requires.is_some()),
        ]
        .into_iter()
        .find(|(key, is_there)| *is_there && !known.contains(key))
        .map(|(key, _)| key)
    }
}

/// One `if` and one `then`, each a table with one key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConstraintFile {
    #[serde(rename = "if")]
    pub(super) when: BTreeMap<String, Value>,
    pub(super) then: BTreeMap<String, Vec<Value>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderFile {
    pub(super) id: Provider,
    pub(super) native_id: IdsFile,
    pub(super) native_id_by: Option<String>,
    pub(super) native_id_with_input: Option<IdsFile>,
    pub(super) native_id_with_last: Option<IdsFile>,
    pub(super) path: Option<String>,
    pub(super) path_with_input: Option<String>,
    pub(super) form: Option<FormWhen>,
    #[serde(default)]
    pub(super) regions: Vec<Region>,
    pub(super) lent_key: Option<LentKeyFile>,
    #[serde(default)]
    pub(super) synchronous: bool,
    pub(super) cost: Option<AmountsFile>,
    pub(super) cost_by: Option<Vec<String>>,
    pub(super) cost_per: Option<Per>,
    #[serde(default)]
    pub(super) fixed: Map<String, Value>,
    #[serde(default)]
    pub(super) constraint: Vec<ConstraintFile>,
    pub(super) fields: BTreeMap<String, CounterpartFile>,
}

/// One id, or one per value of the field that `native_id_by` names.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum IdsFile {
    One(String),
    By(BTreeMap<String, String>),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LentKeyFile {
    pub(super) to: String,
    pub(super) of: Provider,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CounterpartFile {
    pub(super) to: Option<TargetFile>,
    pub(super) to_with_last: Option<String>,
    #[serde(default)]
    pub(super) write: Write,
    pub(super) item: Option<Value>,
    pub(super) with_input: Option<Value>,
    pub(super) unless: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    pub(super) text_only: bool,
    pub(super) values: Option<ValuesFile>,
    pub(super) sizes: Option<String>,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    pub(super) max_length: Option<usize>,
    pub(super) max_utf16: Option<usize>,
    pub(super) max_items: Option<usize>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum TargetFile {
    Key(String),
    Pair([String; 2]),
}

/// A list narrows the public values; a table also says each in the provider's words.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum ValuesFile {
    List(Vec<Value>),
    Table(Map<String, Value>),
}
