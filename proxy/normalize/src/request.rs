//! A request body becomes a canonical request: strict schema, all problems at once, defaults from the public schema
//! applied once, provider order read, eligible providers found (api contract §5.6).

use ledger_contract::Provider;
use serde_json::{Map, Value};

use crate::{
    Issue, IssueCode, Model, OrderRequest, Rejection, capability,
    issue::ORDER_FIELD,
    json, model,
    model::names::{INPUT_FILE, LAST_CONTENT, OUTPUT_FORMAT, OUTPUT_NUMBER},
    order,
};

/// Most outputs of one request: no catalogue offers more, and a stored record is not trusted with more.
const MAX_OUTPUTS: u32 = 100;

/// A valid request in its one form.
#[derive(Clone, Debug, PartialEq)]
pub struct Canonical {
    /// Public fields in public order, defaults applied, without `generation_provider_order`.
    pub fields: Map<String, Value>,
    /// What it says about providers.
    pub order: OrderRequest,
    /// Who can serve it: in static order under `fastest`, else the explicit list. Never empty.
    pub eligible: Vec<Provider>,
    /// How many outputs it asks for.
    pub output_count: u32,
    /// The format that the customer gets, whatever the provider makes.
    pub output_format: String,
}

/// One input file of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputFile<'a> {
    /// The public field that names it.
    pub field: &'static str,
    /// Its place in that field.
    pub index: usize,
    /// http or https, by shape only.
    pub url: &'a str,
}

/// Reads a body as one JSON object (step 10 of api contract §3). A key said twice is refused.
pub fn parse_body(body: &[u8]) -> Result<Map<String, Value>, Rejection> {
    match json::parse_strict(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Rejection::NotAnObject("the request body must be one JSON object".to_owned())),
        Err(error) if error.is_data() => Err(Rejection::NotAnObject("an object says the same key twice".to_owned())),
        Err(error) => Err(Rejection::NotAnObject(format!(
            "the request body is not JSON (line {}, column {})",
            error.line(),
            error.column()
        ))),
    }
}

/// [`parse_body`] and [`canonical_fields`] in one.
pub fn canonical(model: &Model, body: &[u8]) -> Result<Canonical, Rejection> {
    canonical_fields(model, &parse_body(body)?)
}

/// The canonical form of a body that was read (step 12 of api contract §3).
pub fn canonical_fields(model: &Model, body: &Map<String, Value>) -> Result<Canonical, Rejection> {
    let fields = check_fields(model, body).map_err(Rejection::Issues)?;
    let able = capability::eligible(model, &fields, |name| body.contains_key(name)).map_err(Rejection::Issues)?;
    let order = order::read(model, body.get(ORDER_FIELD).and_then(Value::as_str))?;
    let eligible = match &order {
        OrderRequest::Fastest => able,
        // An omitted order of a model with one provider: nothing was asked for by name that could be refused.
        OrderRequest::Explicit(named) => match named.iter().find(|provider| !able.contains(provider)) {
            None => named.clone(),
            Some(provider) => return Err(incapable(model, *provider, &fields, body)),
        },
    };
    Ok(Canonical::new(model, fields, order, eligible))
}

fn incapable(model: &Model, provider: Provider, fields: &Map<String, Value>, body: &Map<String, Value>) -> Rejection {
    let unsupported = model
        .offer(provider)
        .map(|offer| capability::unsupported(offer, fields, |name| body.contains_key(name)))
        .unwrap_or_default();
    Rejection::Incapable { provider, unsupported }
}

/// Known fields in public order, then what the model does not know.
fn check_fields(model: &Model, body: &Map<String, Value>) -> Result<Map<String, Value>, Vec<Issue>> {
    let mut fields = Map::with_capacity(model.fields.len());
    let mut issues = Vec::new();
    for field in &model.fields {
        let checked = match body.get(&field.name) {
            Some(value) => field.check(value).map(Some),
            None if field.required => Err(field.missing()),
            None => Ok(field.default.clone()),
        };
        match checked {
            Ok(Some(value)) => {
                fields.insert(field.name.clone(), value);
            }
            Ok(None) => {}
            Err(issue) => issues.push(issue),
        }
    }
    issues.extend(model.fields.iter().filter_map(|field| field.check_companion(&fields)));
    issues.extend(order_issue(body));
    let unknown = body.keys().filter(|name| *name != ORDER_FIELD && model.field(name).is_none());
    issues.extend(unknown.map(|name| Issue::new(name, IssueCode::UnknownField, "is not a field of this model")));
    if issues.is_empty() { Ok(fields) } else { Err(issues) }
}

fn order_issue(body: &Map<String, Value>) -> Option<Issue> {
    match body.get(ORDER_FIELD)? {
        Value::String(text) if text.contains('\0') => {
            Some(Issue::new(ORDER_FIELD, IssueCode::PatternMismatch, "must not contain U+0000"))
        }
        Value::String(_) => None,
        _ => Some(Issue::new(ORDER_FIELD, IssueCode::InvalidType, "must be a string")),
    }
}

impl Canonical {
    fn new(model: &Model, fields: Map<String, Value>, order: OrderRequest, eligible: Vec<Provider>) -> Self {
        let count = fields.get(OUTPUT_NUMBER).and_then(Value::as_u64).and_then(|count| u32::try_from(count).ok());
        let default = || model.field(OUTPUT_FORMAT).and_then(|field| field.default.as_ref()?.as_str());
        let format = fields.get(OUTPUT_FORMAT).and_then(Value::as_str).or_else(default);
        let output_format = format.unwrap_or_default().to_owned();
        Self { output_count: count.unwrap_or(1).clamp(1, MAX_OUTPUTS), output_format, fields, order, eligible }
    }

    /// The canonical request of a stored record, for going on with it. Trusts the record; `eligible` are all providers
    /// of the model, since the record has its own resolved order.
    #[must_use]
    pub fn from_record(model: &Model, fields: &Map<String, Value>) -> Self {
        let providers = model.providers();
        Self::new(model, fields.clone(), OrderRequest::Explicit(providers.clone()), providers)
    }

    /// Whether it has at least one input file.
    pub fn has_input_file(&self) -> bool {
        model::has_input_file(&self.fields)
    }

    /// Its input files; the end frame last.
    pub fn input_files(&self) -> Vec<InputFile<'_>> {
        let files = self.fields.get(INPUT_FILE).and_then(Value::as_array).into_iter().flatten();
        let named = files.enumerate().map(|(index, file)| (INPUT_FILE, index, file));
        let last = self.fields.get(LAST_CONTENT).map(|file| (LAST_CONTENT, 0, file));
        named
            .chain(last)
            .filter_map(|(field, index, file)| Some(InputFile { field, index, url: file.as_str()? }))
            .collect()
    }

    /// The provider's own id of the model that serves this request.
    pub fn native_model<'a>(&self, model: &'a Model, provider: Provider) -> Option<&'a str> {
        model.offer(provider).map(|offer| offer.native_id_for(&self.fields))
    }
}
