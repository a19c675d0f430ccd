//! `GET /v1/estimate/…` without its HTTP: query parameters in, a priced estimate out (api contract §5.5).

use ledger_contract::{Credits, ErrorCode, MediaKind, PublicError};
use serde_json::{Map, Number, Value};

use crate::{
    Issue, IssueCode, Model, Rejection, capability,
    field::{self, FieldKind},
    model::names,
    price,
};

/// Highest count that an estimate multiplies by.
const MAX_COUNT: u32 = 100;

/// What a request would cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// Public id of the model.
    pub model: String,
    /// What it makes.
    pub kind: MediaKind,
    /// The applied count, 1–100.
    pub count: u32,
    /// Video: the rate of the selected variant.
    pub per_second: Option<Credits>,
    /// Video: seconds of one output.
    pub duration: Option<Number>,
    /// Resolution-priced models: the applied one.
    pub resolution: Option<String>,
    /// One output.
    pub unit: Credits,
    /// All of them.
    pub total: Credits,
}

impl Estimate {
    /// `data` of the answer; `balance` is what the account can still reserve, if it could be read.
    pub fn to_json(&self, balance: Option<Credits>) -> Map<String, Value> {
        let mut data = Map::new();
        let mut put = |name: &str, value: Value| data.insert(name.to_owned(), value);
        put("model_identifier", self.model.as_str().into());
        put("model_type", self.kind.as_str().into());
        put("assets_count", self.count.into());
        if let (Some(rate), Some(duration)) = (self.per_second, &self.duration) {
            put("cost_per_second", rate.to_json());
            put("duration_seconds", duration.clone().into());
        }
        if let Some(resolution) = &self.resolution {
            put("resolution", resolution.as_str().into());
        }
        put("cost_per_generation", self.unit.to_json());
        put("cost_total_consumed", self.total.to_json());
        put("credit_balance", balance.map_or(Value::Null, Credits::to_json));
        put("credit_balance_can_afford", balance.map_or(Value::Null, |balance| (balance >= self.total).into()));
        let affordable = balance.and_then(|balance| balance.0.max(0).checked_div(self.unit.0));
        put("credit_balance_max_affordable", affordable.map_or(Value::Null, Value::from));
        data
    }
}

/// The estimate for these query parameters. Parameters that do not apply to the model are ignored.
pub fn estimate(model: &Model, query: &[(String, String)]) -> Result<Estimate, PublicError> {
    let (count, fields, given) = read(model, query).map_err(|issues| Rejection::Issues(issues).error())?;
    capability::eligible(model, &fields, |name| given.iter().any(|given| given == name))
        .map_err(|issues| Rejection::Issues(issues.into_iter().map(renamed).collect()).error())?;
    priced(model, count, &fields).map_err(|unpriced| match unpriced {
        price::Unpriced::TooLarge => PublicError::new(ErrorCode::ParameterOutOfRange, unpriced.to_string()),
        price::Unpriced::NoPrice | price::Unpriced::NoRow => unpriced.error(model),
    })
}

fn priced(model: &Model, count: u32, fields: &Map<String, Value>) -> Result<Estimate, price::Unpriced> {
    let unit = price::unit_cost(model, fields)?;
    let duration = fields.get(names::DURATION).and_then(Value::as_number).cloned();
    let has_resolution_price = model.pricing_dimensions().contains(&names::RESOLUTION);
    let resolution = fields.get(names::RESOLUTION).and_then(Value::as_str).filter(|_| has_resolution_price);
    Ok(Estimate {
        model: model.id().to_owned(),
        kind: model.kind(),
        count,
        per_second: duration.is_some().then(|| price::selected_price(model, fields)).transpose()?,
        duration,
        resolution: resolution.map(str::to_owned),
        unit,
        total: price::total_cost(unit, count)?,
    })
}

type Read = (u32, Map<String, Value>, Vec<String>);

/// The count, the fields of an otherwise default request, and the names of those that were given.
fn read(model: &Model, query: &[(String, String)]) -> Result<Read, Vec<Issue>> {
    let mut fields = field::defaults(&model.fields);
    if let Some(FieldKind::Seconds { values }) = model.field(names::DURATION).map(|field| &field.kind) {
        fields.extend(values.first().map(|first| (names::DURATION.to_owned(), first.clone().into())));
    }
    let (mut count, mut given, mut issues) = (1, Vec::new(), Vec::new());
    for (parameter, text) in query {
        let applied = match applicable(model, parameter) {
            Some(_) if given.contains(parameter) => {
                Err(Issue::new(parameter, IssueCode::InvalidType, "must be given once"))
            }
            Some(Parameter::Count) => read_count(text).map(|applied| count = applied),
            Some(Parameter::Field(name)) => value(model, name, text).map(|value| {
                fields.extend(value.map(|value| (name.to_owned(), value)));
            }),
            None => continue,
        };
        issues.extend(applied.err().map(renamed));
        given.push(parameter.clone());
    }
    let names = given.iter().filter_map(|parameter| match applicable(model, parameter) {
        Some(Parameter::Field(name)) => Some(name.to_owned()),
        Some(Parameter::Count) | None => None,
    });
    if issues.is_empty() { Ok((count, fields, names.collect())) } else { Err(issues) }
}

enum Parameter<'a> {
    Count,
    Field(&'a str),
}

/// Only the count, a video's duration and pricing dimensions are parameters of an estimate.
fn applicable<'a>(model: &'a Model, parameter: &str) -> Option<Parameter<'a>> {
    match parameter {
        "count" => Some(Parameter::Count),
        "duration" => model.field(names::DURATION).map(|_| Parameter::Field(names::DURATION)),
        _ => {
            let dimension = |name: &&str| short_name(name) == parameter;
            model.pricing_dimensions().into_iter().find(dimension).map(Parameter::Field)
        }
    }
}

/// A field's name as a query parameter.
fn short_name(field: &str) -> &str {
    match field {
        names::INPUT_FILE => "input",
        names::AUDIO => "audio",
        _ => field.strip_prefix("generation_").unwrap_or(field),
    }
}

fn renamed(issue: Issue) -> Issue {
    Issue { field: short_name(&issue.field).to_owned(), ..issue }
}

/// Any integer, clamped.
fn read_count(text: &str) -> Result<u32, Issue> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Issue::new("count", IssueCode::InvalidType, "must be an integer"));
    }
    if digits.len() < text.len() {
        return Ok(1);
    }
    Ok(text.parse().unwrap_or(MAX_COUNT).clamp(1, MAX_COUNT))
}

/// The parameter's text as its field's value; nothing where the text means that the field is absent.
fn value(model: &Model, name: &str, text: &str) -> Result<Option<Value>, Issue> {
    let must_be = |code, expected: &str| Issue::new(name, code, format!("must be {expected}"));
    if name == names::INPUT_FILE {
        return match text {
            "text" => Ok(None),
            "image" => Ok(Some(vec!["https://example.com/"].into())),
            _ => Err(must_be(IssueCode::UnsupportedValue, "one of: text, image")),
        };
    }
    let Some(field) = model.field(name) else { return Ok(None) };
    let value = match &field.kind {
        FieldKind::Flag => match text {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => return Err(must_be(IssueCode::InvalidType, "true or false")),
        },
        FieldKind::Seconds { .. } | FieldKind::Integer { .. } | FieldKind::Number { .. } => {
            let number = serde_json::from_str::<Number>(text).map_err(|_| must_be(IssueCode::InvalidType, "a number"));
            number?.into()
        }
        FieldKind::Text { .. }
        | FieldKind::Choice { .. }
        | FieldKind::Url
        | FieldKind::Urls { .. }
        | FieldKind::Words { .. } => text.into(),
    };
    field.check(&value).map(Some)
}
