//! A whole model: its parts, and what only holds or fails between them.

use std::ops::RangeInclusive;

use ledger_contract::MediaKind;
use serde_json::{Map, Value};

use super::{
    Problem, fields,
    file::{ModelFile, SizeTables},
    offers::{self, Public},
    prices,
};
use crate::{
    InputLimits, Model, capability,
    field::{self, Field, FieldKind},
    model::names,
};

const SAMPLE_URL: &str = "https://example.com/a.png";

/// What an input file must be like where the model does not say.
const INPUT_LIMITS: InputLimits = InputLimits { max_bytes: 10 * 1024 * 1024, min_side: 64, max_side: 8_192 };

pub(super) fn model(source: &ModelFile, sizes: &SizeTables) -> Result<Model, Problem> {
    check_id(&source.id)?;
    let fields = fields::fields(source)?;
    let public =
        Public { fields: &fields, price_by: &source.price_by, is_video: source.kind == MediaKind::Video, sizes };
    let mut offers = Vec::new();
    for written in &source.provider {
        let offer =
            offers::offer(written, &public).map_err(|problem| problem.within(&format!("provider {}", written.id)))?;
        if offers.iter().any(|other: &crate::offer::Offer| other.provider == offer.provider) {
            return Err(Problem::new(format!("provider {}", written.id), "is listed twice"));
        }
        offers.push(offer);
    }
    let model = Model {
        id: source.id.clone(),
        kind: source.kind,
        price: prices::price(source, &fields)?,
        constraints: offers::constraints(&source.constraint, &fields)?,
        input_limits: input_limits(source)?,
        attempt_ms: within("attempt_ms", source.attempt_ms, 1_000..=MAX_ATTEMPT_MS)?,
        poll_ms: within("poll_ms", source.poll_ms, 100..=MAX_POLL_MS)?,
        fields,
        offers,
    };
    check_served(&model)?;
    Ok(model)
}

fn check_id(id: &str) -> Result<(), Problem> {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-')
    };
    match id.split_once('/') {
        Some((lab, name)) if is_part(lab) && is_part(name) => Ok(()),
        _ => Err(Problem::new("id", "must be `lab/name` in lower case, digits, dots and hyphens")),
    }
}

fn input_limits(source: &ModelFile) -> Result<InputLimits, Problem> {
    let written = source.input.clone().unwrap_or_default();
    let limits = InputLimits {
        max_bytes: written.max_bytes.unwrap_or(INPUT_LIMITS.max_bytes),
        min_side: written.min_side.unwrap_or(INPUT_LIMITS.min_side),
        max_side: written.max_side.unwrap_or(INPUT_LIMITS.max_side),
    };
    if limits.max_bytes == 0 || limits.min_side > limits.max_side {
        return Err(Problem::new("input", "no file could pass these limits"));
    }
    Ok(limits)
}

/// Longest attempt of any model, in milliseconds.
const MAX_ATTEMPT_MS: u64 = 3_600_000;

/// Longest time between two questions about any model's job, in milliseconds.
const MAX_POLL_MS: u64 = 60_000;

fn within(name: &str, ms: Option<u64>, range: RangeInclusive<u64>) -> Result<Option<u64>, Problem> {
    match ms {
        Some(ms) if !range.contains(&ms) => {
            Err(Problem::new(name, format!("must be {} to {}", range.start(), range.end())))
        }
        other => Ok(other),
    }
}

/// Somebody serves the defaults together, and every public value by itself.
fn check_served(model: &Model) -> Result<(), Problem> {
    if model.offers.is_empty() {
        return Err(Problem::new("provider", "at least one is needed"));
    }
    let sample = sample(model);
    let is_required = |name: &str| model.field(name).is_some_and(|field| field.required);
    if let Err(issues) = capability::eligible(model, &sample, is_required) {
        let names: Vec<_> = issues.into_iter().map(|issue| issue.field).collect();
        return Err(Problem::new(
            format!("fields.{}", names.join(", fields.")),
            "no provider serves the defaults together",
        ));
    }
    for field in model.fields.iter().filter(|field| !is_normalised_by_us(&field.name)) {
        for value in extremes(field) {
            check_value(model, field, value, &sample)?;
        }
    }
    Ok(())
}

/// Output format and count are nobody's capability.
fn is_normalised_by_us(name: &str) -> bool {
    matches!(name, names::OUTPUT_FORMAT | names::OUTPUT_NUMBER)
}

fn check_value(model: &Model, field: &Field, value: Value, sample: &Map<String, Value>) -> Result<(), Problem> {
    let mut fields = sample.clone();
    let shown = match &value {
        Value::String(text) if text.len() > 40 => format!("{} characters", text.chars().count()),
        Value::Array(items) => format!("{} items", items.len()),
        value => value.to_string(),
    };
    fields.insert(field.name.clone(), value);
    let serves = |offer| !capability::unsupported(offer, &fields, |name| name == field.name).contains(&field.name);
    if model.offers.iter().any(serves) {
        return Ok(());
    }
    Err(Problem::new(format!("fields.{}", field.name), format!("no provider supports {shown}")))
}

/// The plainest valid request.
fn sample(model: &Model) -> Map<String, Value> {
    let mut fields = field::defaults(&model.fields);
    for field in model.fields.iter().filter(|field| field.required) {
        let value = match &field.kind {
            FieldKind::Text { min_length, .. } => "x".repeat((*min_length).max(1)).into(),
            FieldKind::Choice { values } => values.first().cloned().into(),
            FieldKind::Integer { min, .. } => (*min).into(),
            FieldKind::Number { min, .. } => (*min).into(),
            FieldKind::Seconds { values } => values.first().cloned().map_or(Value::Null, Value::Number),
            FieldKind::Flag => false.into(),
            FieldKind::Url => SAMPLE_URL.into(),
            FieldKind::Urls { min_items, .. } => vec![SAMPLE_URL; (*min_items).max(1)].into(),
            FieldKind::Words { min_length, .. } => vec!["x".repeat(*min_length)].into(),
        };
        fields.insert(field.name.clone(), value);
    }
    fields
}

/// The values of a field at which a provider could stop.
fn extremes(field: &Field) -> Vec<Value> {
    match &field.kind {
        FieldKind::Text { max_length, .. } => vec!["x".repeat(*max_length).into()],
        FieldKind::Choice { values } => values.iter().map(|value| value.as_str().into()).collect(),
        FieldKind::Integer { min, max } => vec![(*min).into(), (*max).into()],
        FieldKind::Number { min, max } => vec![(*min).into(), (*max).into()],
        FieldKind::Seconds { values } => values.iter().cloned().map(Value::Number).collect(),
        FieldKind::Flag => vec![true.into(), false.into()],
        FieldKind::Url => vec![SAMPLE_URL.into()],
        FieldKind::Urls { max_items, .. } => vec![vec![SAMPLE_URL; *max_items].into()],
        FieldKind::Words { max_items, max_length, .. } => vec![vec!["x".repeat(*max_length); *max_items].into()],
    }
}
