//! One model of the catalogue: its public face, its price, and the providers that offer it. Built and checked by the
//! catalogue's loader only, so everything inside is consistent.

use std::fmt;

use ledger_contract::{MediaKind, Provider};
use serde_json::{Map, Value, json};

use crate::{
    capability::Constraint,
    field::{self, Field, FieldKind},
    offer::Offer,
    price::Price,
    providers::Region,
};

/// Field names that every model knows in one meaning.
pub(crate) mod names {
    pub(crate) const PROMPT: &str = "generation_prompt";
    pub(crate) const RATIO: &str = "generation_ratio";
    pub(crate) const OUTPUT_FORMAT: &str = "generation_output_format";
    pub(crate) const OUTPUT_NUMBER: &str = "generation_output_number";
    pub(crate) const INPUT_FILE: &str = "generation_input_file";
    pub(crate) const LAST_CONTENT: &str = "generation_input_file_last_content";
    pub(crate) const DURATION: &str = "generation_duration";
    pub(crate) const RESOLUTION: &str = "generation_resolution";
    pub(crate) const AUDIO: &str = "generation_generate_audio";
    pub(crate) const SEED: &str = "generation_seed";

    /// Fields of the `schema` object; every other field is in `specific_schema`.
    pub(crate) const COMMON: [&str; 8] =
        [PROMPT, RATIO, OUTPUT_FORMAT, OUTPUT_NUMBER, INPUT_FILE, DURATION, RESOLUTION, AUDIO];
}

/// What an input file must be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputLimits {
    /// Most bytes.
    pub max_bytes: u64,
    /// Shortest allowed side, in pixels.
    pub min_side: u32,
    /// Longest allowed side, in pixels.
    pub max_side: u32,
}

/// A model that can be generated with.
#[derive(Clone)]
pub struct Model {
    pub(crate) id: String,
    pub(crate) kind: MediaKind,
    /// In the order in which a canonical request lists them.
    pub(crate) fields: Vec<Field>,
    pub(crate) price: Option<Price>,
    pub(crate) constraints: Vec<Constraint>,
    pub(crate) input_limits: InputLimits,
    pub(crate) attempt_ms: Option<u64>,
    pub(crate) poll_ms: Option<u64>,
    /// In static order; never empty.
    pub(crate) offers: Vec<Offer>,
}

impl fmt::Debug for Model {
    /// Its name: the rest is data that nobody reads in a log line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Model").field(&self.id).finish()
    }
}

impl Model {
    /// Public id, such as `bfl/flux-schnell`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it makes.
    pub fn kind(&self) -> MediaKind {
        self.kind
    }

    /// Who offers it, in static order.
    pub fn providers(&self) -> Vec<Provider> {
        self.offers.iter().map(|offer| offer.provider).collect()
    }

    /// The provider's own id of this model, without input files; [`crate::Canonical::native_model`] knows a request.
    pub fn native_model(&self, provider: Provider) -> Option<&str> {
        self.offer(provider).map(|offer| offer.native_id_for(&field::defaults(&self.fields)))
    }

    /// What its input files must be like.
    pub fn input_limits(&self) -> InputLimits {
        self.input_limits
    }

    /// How long one attempt may run once it is accepted, in milliseconds, where this model needs its own limit.
    pub fn attempt_ms(&self) -> Option<u64> {
        self.attempt_ms
    }

    /// Longest time between two questions about a job, in milliseconds, where this model's jobs have a pace of their own.
    pub fn poll_ms(&self) -> Option<u64> {
        self.poll_ms
    }

    /// Our regions in which this provider processes the model on its own hosts there; empty: it has no regional
    /// processing of it.
    pub fn regions(&self, provider: Provider) -> &[Region] {
        self.offer(provider).map_or(&[], |offer| &offer.regions)
    }

    /// Whether it is known what this provider bills us. Unknown costs count as nothing.
    pub fn is_cost_known(&self, provider: Provider) -> bool {
        self.offer(provider).is_some_and(|offer| offer.cost.is_some())
    }

    /// Whether an omitted order means `fastest` (api contract §10).
    pub fn is_fastest_by_default(&self) -> bool {
        self.offers.len() > 1
    }

    /// Whether it has a price. Without one it is listed and cannot be generated.
    pub fn is_priced(&self) -> bool {
        self.price.is_some()
    }

    /// Public names of the fields that its price depends on.
    pub fn pricing_dimensions(&self) -> Vec<&str> {
        self.price.iter().flat_map(Price::dimensions).collect()
    }

    /// `model_pricing` of api contract §5.17: a number, or key → number; nothing without a price.
    pub fn pricing_json(&self) -> Option<Value> {
        self.price.as_ref().map(Price::to_json)
    }

    /// The `schema` object of api contract §5.17.
    pub fn schema_json(&self) -> Map<String, Value> {
        let mut schema = Map::new();
        for name in names::COMMON {
            let field = self.field(name);
            let value = match field.map(|field| &field.kind) {
                Some(FieldKind::Choice { values }) => json!(values),
                Some(FieldKind::Seconds { values }) => json!(values),
                Some(FieldKind::Integer { max, .. }) => json!(max),
                Some(_) => Value::Bool(true),
                None if name == names::RATIO => json!([]),
                None if name == names::INPUT_FILE => Value::Bool(false),
                None => continue,
            };
            schema.insert(name.to_owned(), value);
        }
        schema
    }

    /// Names of the fields beyond the common ones.
    pub fn specific_schema(&self) -> Vec<&str> {
        self.fields.iter().map(|field| field.name.as_str()).filter(|name| !names::COMMON.contains(name)).collect()
    }

    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    pub(crate) fn offer(&self, provider: Provider) -> Option<&Offer> {
        self.offers.iter().find(|offer| offer.provider == provider)
    }
}

/// Whether these fields name at least one input file.
pub(crate) fn has_input_file(fields: &Map<String, Value>) -> bool {
    fields.get(names::INPUT_FILE).and_then(Value::as_array).is_some_and(|files| !files.is_empty())
}
