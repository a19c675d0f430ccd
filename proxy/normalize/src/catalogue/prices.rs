//! Prices and costs of a file: decimal texts to exact integers, and one row for every combination, no more, no fewer.

use std::{collections::BTreeMap, str::FromStr};

use ledger_contract::Credits;

use super::{
    Problem,
    counterparts::spellings,
    file::{AmountsFile, ModelFile, ProviderFile},
    offers::Public,
};
use crate::{
    field::{Field, FieldKind},
    model::names,
    price::{Amounts, Per, Price, Tariff},
};

/// The model's price, if it has one.
pub(super) fn price(source: &ModelFile, fields: &[Field]) -> Result<Option<Price>, Problem> {
    let Some(written) = &source.price else {
        return if source.price_by.is_empty() { Ok(None) } else { Err(Problem::new("price_by", "there is no price")) };
    };
    let amounts: Price = amounts("price", written, &source.price_by, fields)?;
    let place = |name: &String| dimension_place(name);
    if !source.price_by.is_sorted_by_key(place) {
        return Err(Problem::new("price_by", "must be in the order: input file, own field, ratio, resolution, audio"));
    }
    if largest(&amounts) > Credits::MAX {
        return Err(Problem::new("price", "is larger than the book can hold"));
    }
    Ok(Some(amounts))
}

fn largest(price: &Price) -> Credits {
    match price {
        Amounts::Flat(price) => *price,
        Amounts::Keyed { rows, .. } => rows.iter().map(|(_, price)| *price).max().unwrap_or_default(),
    }
}

/// Order of dimensions in a key (api contract §5.17).
fn dimension_place(name: &str) -> u8 {
    match name {
        names::INPUT_FILE => 0,
        names::RATIO => 2,
        names::RESOLUTION => 3,
        names::AUDIO => 4,
        _ => 1,
    }
}

/// What a provider bills; keyed by the price's dimensions unless it says others.
pub(super) fn tariff(written: &ProviderFile, public: &Public<'_>) -> Result<Option<Tariff>, Problem> {
    let Some(cost) = &written.cost else { return Ok(None) };
    let dimensions = match (cost, &written.cost_by) {
        (AmountsFile::Flat(_), None) => &[][..],
        (AmountsFile::Keyed(_), None) => public.price_by,
        (_, Some(named)) => named,
    };
    let usual = if public.is_video { Per::Second } else { Per::Output };
    let per = written.cost_per.unwrap_or(usual);
    if per == Per::Second && !public.is_video {
        return Err(Problem::new("cost_per", "images have no seconds"));
    }
    Ok(Some(Tariff { per, amounts: amounts("cost", cost, dimensions, public.fields)? }))
}

fn amounts<T: FromStr<Err: std::fmt::Display>>(
    key: &str,
    written: &AmountsFile,
    dimensions: &[String],
    fields: &[Field],
) -> Result<Amounts<T>, Problem> {
    match written {
        AmountsFile::Flat(_) if !dimensions.is_empty() => {
            Err(Problem::new(key, "must be a table, since it depends on fields"))
        }
        AmountsFile::Flat(text) => Ok(Amounts::Flat(amount(key, text)?)),
        AmountsFile::Keyed(table) => {
            let rows = rows(key, table, &keys(key, dimensions, fields)?)?;
            Ok(Amounts::Keyed { dimensions: dimensions.to_vec(), rows })
        }
    }
}

fn amount<T: FromStr<Err: std::fmt::Display>>(key: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error| Problem::new(key, format!("`{text}` is {error}")))
}

fn rows<T: FromStr<Err: std::fmt::Display>>(
    key: &str,
    table: &BTreeMap<String, String>,
    expected: &[String],
) -> Result<Vec<(String, T)>, Problem> {
    if let Some(unknown) = table.keys().find(|row| !expected.contains(row)) {
        return Err(Problem::new(key, format!("`{unknown}` is no combination of its dimensions' values")));
    }
    let row = |name: &String| {
        let text = table.get(name).ok_or_else(|| Problem::new(key, format!("`{name}` is missing")))?;
        Ok((name.clone(), amount(key, text)?))
    };
    expected.iter().map(row).collect()
}

/// Every combination of the dimensions' values, joined by `_`.
fn keys(key: &str, dimensions: &[String], fields: &[Field]) -> Result<Vec<String>, Problem> {
    if dimensions.is_empty() {
        return Err(Problem::new(key, format!("a table needs `{key}_by`")));
    }
    let mut keys = vec![String::new()];
    for (index, name) in dimensions.iter().enumerate() {
        let field = fields.iter().find(|field| field.name == *name);
        let parts = field.map(parts).filter(|parts| !parts.is_empty());
        let parts =
            parts.ok_or_else(|| Problem::new(format!("{key}_by"), format!("`{name}` has no list of values")))?;
        let joined = |key: &String, part: &String| if index == 0 { part.clone() } else { format!("{key}_{part}") };
        keys = keys.iter().flat_map(|key| parts.iter().map(move |part| joined(key, part))).collect();
    }
    Ok(keys)
}

fn parts(field: &Field) -> Vec<String> {
    let two = |one: &str, other: &str| vec![one.to_owned(), other.to_owned()];
    match (field.name.as_str(), &field.kind) {
        (names::INPUT_FILE, _) => two("text", "image"),
        (names::AUDIO, _) => two("audio", "noaudio"),
        (_, FieldKind::Choice { .. }) => spellings(field),
        _ => Vec::new(),
    }
}
