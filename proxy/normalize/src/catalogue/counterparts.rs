//! One entry of `[provider.fields]`: it must fit the public field and the native shape.

use std::{borrow::Cow, collections::BTreeSet};

use serde_json::{Map, Value};

use super::{
    Problem,
    file::{CounterpartFile, SizeTables, TargetFile, ValuesFile},
    offers::Public,
};
use crate::{
    field::{Field, FieldKind},
    model::names,
    offer::{Bounds, Counterpart, Target, spelling},
    transform::{Write, size},
};

pub(super) fn counterpart(from: &str, written: &CounterpartFile, public: &Public<'_>) -> Result<Counterpart, Problem> {
    let names: Vec<String> = from.split('+').map(str::to_owned).collect();
    let fields = names.iter().map(|name| public.field(name)).collect::<Result<Vec<_>, _>>()?;
    if fields.len() > 2 {
        return Err(Problem::new("name", "at most two fields make one native value"));
    }
    let to = written.to.as_ref().map(|to| match to {
        TargetFile::Key(key) => Target::Key(key.clone()),
        TargetFile::Pair([width, height]) => Target::Pair(width.clone(), height.clone()),
    });
    if matches!(to, Some(Target::Pair(..))) != (written.write == Write::WhPair) {
        return Err(Problem::new("to", "two keys go with `write = \"wh_pair\"`"));
    }
    let (supported, native) = values(written, &fields, public.sizes)?;
    let counterpart = Counterpart {
        from: names,
        to,
        to_with_last: written.to_with_last.clone().map(Target::Key),
        write: written.write,
        item: written.item.clone(),
        with_input: written.with_input.clone(),
        beside_input: beside_input(written, &fields)?,
        unless: unless(written, public)?,
        supported,
        native,
        bounds: bounds(written),
    };
    check_shape(&counterpart, &fields)?;
    check_bounds(&counterpart, &fields)?;
    Ok(counterpart)
}

/// What is not said is the default, so a field without one cannot be left unsaid.
fn beside_input(written: &CounterpartFile, fields: &[&Field]) -> Result<Option<Value>, Problem> {
    match (written.text_only, fields) {
        (false, _) => Ok(None),
        (true, [Field { default: Some(default), .. }]) => Ok(Some(default.clone())),
        (true, _) => Err(Problem::new("text_only", "goes with one field that has a default")),
    }
}

fn unless(written: &CounterpartFile, public: &Public<'_>) -> Result<Option<(String, Value)>, Problem> {
    let Some(unless) = &written.unless else { return Ok(None) };
    match unless.iter().next().filter(|_| unless.len() == 1) {
        Some((name, value)) if public.field(name)?.check(value).is_ok() => Ok(Some((name.clone(), value.clone()))),
        _ => Err(Problem::new("unless", "needs one public field and a value that it has")),
    }
}

fn bounds(written: &CounterpartFile) -> Bounds {
    let CounterpartFile { min, max, max_length, max_utf16, max_items, .. } = written;
    Bounds { min: *min, max: *max, max_length: *max_length, max_utf16: *max_utf16, max_items: *max_items }
}

type Values = (Option<Vec<String>>, Option<Map<String, Value>>);

/// What is supported, and in which native words.
fn values(written: &CounterpartFile, fields: &[&Field], sizes: &SizeTables) -> Result<Values, Problem> {
    let table = match (&written.values, &written.sizes) {
        (Some(ValuesFile::Table(_)), Some(_)) => return Err(Problem::new("sizes", "stands beside a table of values")),
        (Some(ValuesFile::Table(table)), None) => Some(table.clone()),
        (_, Some(name)) => {
            Some(sizes.get(name).cloned().ok_or_else(|| Problem::new("sizes", format!("no table `{name}`")))?)
        }
        _ => None,
    };
    let [first, rest @ ..] = fields else { return Ok((None, None)) };
    let public = spellings(first);
    let listed = match &written.values {
        Some(ValuesFile::List(list)) => Some(list.iter().filter_map(spelling).map(Cow::into_owned).collect::<Vec<_>>()),
        Some(ValuesFile::Table(table)) => Some(table.keys().cloned().collect()),
        None => None,
    };
    if let Some(unknown) = listed.iter().flatten().find(|key| !public.contains(key)) {
        return Err(Problem::new("values", format!("`{unknown}` is not a public value")));
    }
    if let Some(twin) = rest.first() {
        let table = table.ok_or_else(|| Problem::new("values", "two fields need a table"))?;
        return nested(&table, &public, &spellings(twin)).map(|native| (None, Some(native)));
    }
    let Some(table) = table else { return Ok((listed, None)) };
    // A shared table may know more ratios than this model; a listed value must be in it.
    let keys = listed.unwrap_or_else(|| public.into_iter().filter(|key| table.contains_key(key)).collect());
    let native: Map<_, _> = keys.iter().filter_map(|key| Some((key.clone(), table.get(key)?.clone()))).collect();
    match keys.iter().find(|key| !native.contains_key(*key)) {
        Some(missing) => Err(Problem::new("sizes", format!("has no `{missing}`"))),
        None if keys.is_empty() => Err(Problem::new("values", "supports none of the public values")),
        None => Ok((Some(keys), Some(native))),
    }
}

/// Rows and cells that the public fields know.
fn nested(table: &Map<String, Value>, rows: &[String], cells: &[String]) -> Result<Map<String, Value>, Problem> {
    let mut native = Map::new();
    for row in rows.iter().filter(|row| table.contains_key(*row)) {
        let found = table.get(row).and_then(Value::as_object);
        let found = found.ok_or_else(|| Problem::new("values", format!("`{row}` must be a table")))?;
        let known: Map<_, _> =
            found.iter().filter(|(cell, _)| cells.contains(cell)).map(|(k, v)| (k.clone(), v.clone())).collect();
        native.insert(row.clone(), known.into());
    }
    if native.is_empty() { Err(Problem::new("values", "supports none of the public values")) } else { Ok(native) }
}

/// Every public value of a field that has a list of them, as keys.
pub(super) fn spellings(field: &Field) -> Vec<String> {
    match &field.kind {
        FieldKind::Choice { values } => values.clone(),
        FieldKind::Seconds { values } => values.iter().map(ToString::to_string).collect(),
        FieldKind::Flag => vec!["true".to_owned(), "false".to_owned()],
        _ => Vec::new(),
    }
}

/// The shape must be able to write every native value.
fn check_shape(counterpart: &Counterpart, fields: &[&Field]) -> Result<(), Problem> {
    let leaves = || {
        counterpart.native.iter().flat_map(Map::values).flat_map(|value| match value {
            Value::Object(row) if fields.len() > 1 => row.values().collect(),
            leaf => vec![leaf],
        })
    };
    let is = |wanted: fn(&FieldKind) -> bool| fields.iter().all(|field| wanted(&field.kind));
    let fits = match counterpart.write {
        Write::AsIs => true,
        how if how.reads_size() => counterpart.native.is_some() && leaves().all(|leaf| size(leaf).is_some()),
        how if how.reads_urls() => is(|kind| matches!(kind, FieldKind::Urls { .. })),
        Write::Append => is(|kind| matches!(kind, FieldKind::Urls { .. } | FieldKind::Url | FieldKind::Text { .. })),
        Write::Zip => is(|kind| matches!(kind, FieldKind::Words { .. })) && is_inner(counterpart.to.as_ref()),
        Write::Upper => is(|kind| matches!(kind, FieldKind::Choice { .. } | FieldKind::Text { .. })),
        _ => is(|kind| matches!(kind, FieldKind::Seconds { .. } | FieldKind::Integer { .. })),
    };
    if !fits {
        return Err(Problem::new("write", "cannot write this field's values"));
    }
    if counterpart.item.is_some() && counterpart.write != Write::Append {
        return Err(Problem::new("item", "goes with `write = \"append\"`"));
    }
    let mut said = BTreeSet::new();
    match leaves().find(|leaf| !said.insert(leaf.to_string())) {
        Some(twice) => Err(Problem::new("values", format!("two public values are both said as {twice}"))),
        None => Ok(()),
    }
}

fn is_inner(to: Option<&Target>) -> bool {
    matches!(to, Some(Target::Key(key)) if key.contains('.'))
}

/// Bounds narrow the public field, and only where that type has them.
fn check_bounds(counterpart: &Counterpart, fields: &[&Field]) -> Result<(), Problem> {
    let Bounds { min, max, max_length, max_utf16, max_items } = &counterpart.bounds;
    let [field] = fields else { return Ok(()) };
    let is_number =
        matches!(field.kind, FieldKind::Integer { .. } | FieldKind::Number { .. } | FieldKind::Seconds { .. });
    let wrong = |key: &str| Err(Problem::new(key, "does not belong to a field of this type"));
    if min.is_some() && !is_number {
        return wrong("min");
    }
    if max.is_some() && !is_number {
        return wrong("max");
    }
    let is_text = matches!(field.kind, FieldKind::Text { .. });
    if max_length.is_some() && !is_text {
        return wrong("max_length");
    }
    if max_utf16.is_some() && !is_text {
        return wrong("max_utf16");
    }
    if max_items.is_some() && !matches!(field.kind, FieldKind::Urls { .. }) {
        return wrong("max_items");
    }
    if field.name == names::OUTPUT_NUMBER && counterpart.to.is_some() {
        let is_count = max.is_some_and(|max| max >= 1.0 && max.fract() == 0.0 && max <= 100.0);
        return if is_count {
            Ok(())
        } else {
            Err(Problem::new("max", "a native count needs its largest value, 1 to 100"))
        };
    }
    Ok(())
}
