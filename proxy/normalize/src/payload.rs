//! Canonical request → native JSON, one input per job. Generic: what differs between providers is data of the catalogue.

use serde_json::{Map, Value};

use crate::{
    Canonical, Model,
    field::FieldKind,
    model::{
        self,
        names::{INPUT_FILE, LAST_CONTENT, OUTPUT_FORMAT, OUTPUT_NUMBER, SEED},
    },
    offer::{Counterpart, Offer},
    providers::Input,
    transform::{self, Write},
};

/// The inputs of the jobs that together make what was asked for.
pub(crate) fn jobs(model: &Model, offer: &Offer, canonical: &Canonical) -> Vec<Input> {
    let per_job = per_job(offer);
    let total = canonical.output_count.max(1);
    (0..total.div_ceil(per_job))
        .map(|job| {
            let count = per_job.min(total - job * per_job);
            native_input(offer, &Said::by_job(model, offer, canonical, job, count))
        })
        .collect()
}

/// The public fields as one job is to say them.
struct Said<'a> {
    fields: &'a Map<String, Value>,
    count: Value,
    format: Option<Value>,
    seed: Option<Value>,
    has_input: bool,
    has_last: bool,
}

impl<'a> Said<'a> {
    fn by_job(model: &Model, offer: &Offer, canonical: &'a Canonical, job: u32, count: u32) -> Self {
        let fields = &canonical.fields;
        let seed = fields.get(SEED).and_then(Value::as_i64);
        Self {
            fields,
            count: count.into(),
            format: native_format(model, offer, &canonical.output_format).map(Value::from),
            seed: seed.map(|seed| nth_seed(model, seed, job).into()),
            has_input: model::has_input_file(fields),
            has_last: fields.contains_key(LAST_CONTENT),
        }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        let own = match name {
            OUTPUT_NUMBER => Some(&self.count),
            OUTPUT_FORMAT => self.format.as_ref(),
            SEED => self.seed.as_ref(),
            _ => None,
        };
        own.or_else(|| self.fields.get(name))
    }
}

/// How many jobs make what was asked for.
pub(crate) fn job_count(offer: &Offer, canonical: &Canonical) -> u32 {
    canonical.output_count.max(1).div_ceil(per_job(offer))
}

/// Most outputs of one job: one, unless the provider has a count of its own.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded and whole by the loader")]
fn per_job(offer: &Offer) -> u32 {
    let native = offer.counterpart(OUTPUT_NUMBER).filter(|counterpart| counterpart.to.is_some());
    native.and_then(|counterpart| counterpart.bounds.max).map_or(1, |max| max.max(1.0) as u32)
}

/// Jobs of one fan-out must not all draw the same picture: each counts up from the seed that was asked for.
fn nth_seed(model: &Model, seed: i64, job: u32) -> i64 {
    let next = seed.saturating_add(i64::from(job));
    match model.field(SEED).map(|field| &field.kind) {
        Some(FieldKind::Integer { min, max }) if next > *max => {
            min.saturating_add(next.saturating_sub(*max).saturating_sub(1)).min(*max)
        }
        _ => next,
    }
}

/// The format to ask the provider for: the requested one, or one that we transcode from — lossless if there is one.
fn native_format<'a>(model: &'a Model, offer: &Offer, requested: &'a str) -> Option<&'a str> {
    let supported = offer.counterpart(OUTPUT_FORMAT)?.supported.as_ref()?;
    let has = |format: &str| supported.iter().any(|listed| listed == format);
    if has(requested) {
        return Some(requested);
    }
    if has("png") {
        return Some("png");
    }
    match model.field(OUTPUT_FORMAT).map(|field| &field.kind) {
        Some(FieldKind::Choice { values }) => values.iter().map(String::as_str).find(|format| has(format)),
        _ => None,
    }
}

/// Mapped fields in public order, then what is always sent.
fn native_input(offer: &Offer, said: &Said<'_>) -> Input {
    let fields = Map::with_capacity(offer.counterparts.len() + offer.fixed.len());
    let mut input = Input { fields, is_form: offer.is_form(said.has_input), files: Vec::new() };
    for counterpart in &offer.counterparts {
        write_counterpart(&mut input, counterpart, said);
    }
    for (key, value) in &offer.fixed {
        transform::put(&mut input.fields, key, value.clone());
    }
    input
}

fn write_counterpart(input: &mut Input, counterpart: &Counterpart, said: &Said<'_>) {
    let with_last = counterpart.to_with_last.as_ref().filter(|_| said.has_last);
    let Some(target) = with_last.or(counterpart.to.as_ref()) else { return };
    if said.has_input && counterpart.beside_input.is_some() {
        return;
    }
    if counterpart.unless.as_ref().is_some_and(|(name, value)| said.get(name) == Some(value)) {
        return;
    }
    if let Some(value) = counterpart.with_input.as_ref().filter(|_| said.has_input) {
        return transform::write(input, target, Write::AsIs, None, value.clone());
    }
    let Some(value) = counterpart.native_value(|name| said.get(name)) else { return };
    // No input file is no native field: a text endpoint need not know the name.
    let is_empty_input = !said.has_input && counterpart.from.iter().any(|from| from == INPUT_FILE);
    if !is_empty_input {
        transform::write(input, target, counterpart.write, counterpart.item.as_ref(), value);
    }
}
