//! The catalogue as one table for people: which provider serves which model, how, and what of it. Generated, so that it
//! cannot say anything else than the data.

use std::{borrow::Cow, fmt::Write as _};

use ledger_contract::Provider;

use crate::{
    Catalogue, Model, capability,
    field::{self, FieldKind},
    library::provider_info,
    model::names,
    offer::{Counterpart, Offer, spelling},
};

/// Markdown: a row per model, a column per provider.
pub fn table(catalogue: &Catalogue) -> String {
    let mut text = String::from(HEAD);
    let names: Vec<_> = Provider::ALL.iter().map(|provider| provider_info(*provider).name).collect();
    // Writing to a string never fails.
    let _ = writeln!(text, "| model | kind | {} |", names.join(" | "));
    let _ = writeln!(text, "|---|---|{}", "---|".repeat(names.len()));
    for model in catalogue.models() {
        let cells: Vec<_> = Provider::ALL.iter().map(|provider| cell(model, *provider)).collect();
        let _ = writeln!(text, "| `{}` | {} | {} |", model.id(), model.kind(), cells.join(" | "));
    }
    let _ = writeln!(text, "\n{}", totals(catalogue));
    text
}

const HEAD: &str = "# Models and providers

Written by `make catalog-table` from `catalog/`; a test refuses one that is out of date.

The number is the provider's place in the model's static order, followed by what it cannot do of the model's public values:
a request that asks for one of these goes to the others. `R` marks a provider that does it in regions of ours, on its own
hosts there; the others have no regional processing. `$?` marks an unknown unit cost, which counts as nothing. `S` answers
with the output itself instead of a job; `B` is sent the bytes of input files instead of their URLs.

";

fn cell(model: &Model, provider: Provider) -> String {
    let Some(place) = model.offers.iter().position(|offer| offer.provider == provider) else { return String::new() };
    let Some(offer) = model.offers.get(place) else { return String::new() };
    let mut parts = vec![format!("**{}**", place + 1)];
    if offer.synchronous {
        parts.push("S".to_owned());
    }
    if offer.counterparts.iter().any(|counterpart| counterpart.write.sends_bytes()) {
        parts.push("B".to_owned());
    }
    if !offer.regions.is_empty() {
        let regions: Vec<_> = offer.regions.iter().map(|region| region.as_str()).collect();
        parts.push(format!("R({})", regions.join(",")));
    }
    if offer.cost.is_none() {
        parts.push("$?".to_owned());
    }
    let lacks: Vec<_> = model.fields.iter().filter_map(|field| lack(model, offer, field)).collect();
    if !lacks.is_empty() {
        parts.push(format!("not {}", lacks.join("; ")));
    }
    parts.join(" ")
}

/// What of one field this provider cannot do.
fn lack(model: &Model, offer: &Offer, field: &field::Field) -> Option<String> {
    if matches!(field.name.as_str(), names::OUTPUT_FORMAT | names::OUTPUT_NUMBER) {
        return None;
    }
    let name = field.name.strip_prefix("generation_").unwrap_or(&field.name);
    let Some(counterpart) = offer.counterpart(&field.name) else { return Some(name.to_owned()) };
    match &field.kind {
        FieldKind::Choice { values } => {
            let values: Vec<_> = values.iter().map(|value| value.as_str().into()).collect();
            missing(model, offer, field, &values).map(|list| format!("{name} {list}"))
        }
        FieldKind::Seconds { values } => {
            let values: Vec<_> = values.iter().cloned().map(serde_json::Value::Number).collect();
            missing(model, offer, field, &values).map(|list| format!("{name} {list}"))
        }
        _ => bound(counterpart).map(|bound| format!("{name} over {bound}")),
    }
}

/// Values that it does not support while every other field has its default.
fn missing(model: &Model, offer: &Offer, field: &field::Field, values: &[serde_json::Value]) -> Option<String> {
    let mut fields = field::defaults(&model.fields);
    let mut list = Vec::new();
    for value in values {
        fields.insert(field.name.clone(), value.clone());
        if capability::unsupported(offer, &fields, |name| name == field.name).contains(&field.name) {
            list.extend(spelling(value).map(Cow::into_owned));
        }
    }
    if list.is_empty() { None } else { Some(list.join(" ")) }
}

fn bound(counterpart: &Counterpart) -> Option<String> {
    let bounds = &counterpart.bounds;
    let characters = bounds.max_length.map(|max| format!("{max} characters"));
    let units = || bounds.max_utf16.map(|max| format!("{max} UTF-16 units"));
    let items = || bounds.max_items.map(|max| format!("{max} items"));
    characters.or_else(units).or_else(items)
}

fn totals(catalogue: &Catalogue) -> String {
    let models = catalogue.models().count();
    let pairs: usize = catalogue.models().map(|model| model.offers.len()).sum();
    let per = Provider::ALL.iter().map(|provider| {
        let count = catalogue.models().filter(|model| model.offer(*provider).is_some()).count();
        format!("{provider} {count}")
    });
    format!("{models} models, {pairs} pairs of model and provider: {}.", per.collect::<Vec<_>>().join(", "))
}
