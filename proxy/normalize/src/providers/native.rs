//! One job as an adapter gets it: the provider's own id of the model, the path it is submitted to, and the native input.

use super::{Endpoint, FileAt};
use serde_json::{Map, Value};

/// What a job says to a provider, before the adapter puts it into that provider's frame.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Input {
    pub(crate) fields: Map<String, Value>,
    /// Input files whose bytes go along, beside those that are named by URL in `fields`.
    pub(crate) files: Vec<FileAt>,
    /// Whether the provider wants a form whatever it holds.
    pub(crate) is_form: bool,
}

/// A job for an adapter.
#[derive(Clone)]
pub(crate) struct Native<'a> {
    pub(crate) id: &'a str,
    pub(crate) path: Option<&'a str>,
    pub(crate) input: Input,
}

impl Native<'_> {
    /// Where providers with one path per task take it.
    pub(crate) fn url(&self, endpoint: &Endpoint) -> String {
        format!("{}{}", endpoint.base_url, self.path.unwrap_or_default())
    }

    /// The input with the model's id in it, first.
    pub(crate) fn with_model(self) -> Input {
        let mut fields = Map::with_capacity(self.input.fields.len() + 1);
        fields.insert("model".to_owned(), self.id.into());
        fields.extend(self.input.fields);
        Input { fields, ..self.input }
    }
}
