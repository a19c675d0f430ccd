//! From a file's `[[provider]]` to an offer: every mapping must fit the public field, the native shape and the others.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    Problem,
    file::{ConstraintFile, CounterpartFile, ProviderFile, SizeTables, TargetFile, ValuesFile},
    prices,
};
use crate::{
    capability::Constraint,
    field::{Field, FieldKind},
    model::names,
    offer::{Bounds, Counterpart, Offer, Target, spelling},
    providers,
    transform::{Write, size},
};

/// What a provider's entry is read against.
pub(super) struct Public<'a> {
    pub(super) fields: &'a [Field],
    pub(super) price_by: &'a [String],
    pub(super) is_video: bool,
    pub(super) sizes: &'a SizeTables,
}

impl Public<'_> {
    fn field(&self, name: &str) -> Result<&Field, Problem> {
        let found = self.fields.iter().find(|field| field.name == name);
        found.ok_or_else(|| Problem::new(name, "is not a field of this model"))
    }
}

pub(super) fn offer(written: &ProviderFile, public: &Public<'_>) -> Result<Offer, Problem> {
    match providers::answers_synchronously(written.id) {
        None => return Err(Problem::new("id", format!("{} has no adapter", written.id))),
        Some(synchronous) if synchronous != written.synchronous => {
            return Err(Problem::new("synchronous", format!("must be {synchronous} for {}", written.id)));
        }
        Some(_) => {}
    }
    let native_ids = [Some(&written.native_id), written.native_id_with_input.as_ref()];
    if native_ids.into_iter().flatten().any(|id| id.trim().is_empty() || id.contains(char::is_whitespace)) {
        return Err(Problem::new("native_id", "must be an id"));
    }
    let mut counterparts = Vec::new();
    for (from, mapping) in &written.fields {
        let counterpart =
            counterpart(from, mapping, public).map_err(|problem| problem.within(&format!("fields.{from}")))?;
        counterparts.push(counterpart);
    }
    check_targets(&counterparts, &written.fixed)?;
    check_needed(&counterparts, public)?;
    Ok(Offer {
        provider: written.id,
        native_id: written.native_id.clone(),
        native_id_with_input: written.native_id_with_input.clone(),
        synchronous: written.synchronous,
        cost: prices::tariff(written, public)?,
        fixed: written.fixed.clone(),
        constraints: constraints(&written.constraint, public.fields)?,
        counterparts,
    })
}

/// `if` and `then` each name one field and values it has.
pub(super) fn constraints(written: &[ConstraintFile], fields: &[Field]) -> Result<Vec<Constraint>, Problem> {
    let wrong = |problem: &str| Problem::new("constraint", problem);
    let has = |name: &str, value: &Value| {
        fields.iter().any(|field| field.name == name && field.check(value).is_ok_and(|checked| checked == *value))
    };
    let read = |constraint: &ConstraintFile| {
        let when = constraint.when.iter().next().filter(|_| constraint.when.len() == 1);
        let then = constraint.then.iter().next().filter(|_| constraint.then.len() == 1);
        let (Some((when, value)), Some((then, allowed))) = (when, then) else {
            return Err(wrong("`if` and `then` each need exactly one field"));
        };
        if !has(when, value) || allowed.is_empty() || !allowed.iter().all(|value| has(then, value)) {
            return Err(wrong("names a value that the public field does not have"));
        }
        Ok(Constraint { when: (when.clone(), value.clone()), then: (then.clone(), allowed.clone()) })
    };
    written.iter().map(read).collect()
}

fn counterpart(from: &str, written: &CounterpartFile, public: &Public<'_>) -> Result<Counterpart, Problem> {
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
    let counterpart = Counterpart { from: names, to, write: written.write, supported, native, bounds: bounds(written) };
    check_shape(&counterpart, &fields)?;
    check_bounds(&counterpart, &fields)?;
    Ok(counterpart)
}

fn bounds(written: &CounterpartFile) -> Bounds {
    let CounterpartFile { min, max, max_length, max_items, .. } = written;
    Bounds { min: *min, max: *max, max_length: *max_length, max_items: *max_items }
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
        Some(ValuesFile::List(list)) => Some(list.iter().filter_map(spelling).collect::<Vec<_>>()),
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
        Write::First | Write::Spread => is(|kind| matches!(kind, FieldKind::Urls { .. })),
        Write::Upper => is(|kind| matches!(kind, FieldKind::Choice { .. } | FieldKind::Text { .. })),
        _ => is(|kind| matches!(kind, FieldKind::Seconds { .. } | FieldKind::Integer { .. })),
    };
    if !fits {
        return Err(Problem::new("write", "cannot write this field's values"));
    }
    let mut said = BTreeSet::new();
    match leaves().find(|leaf| !said.insert(leaf.to_string())) {
        Some(twice) => Err(Problem::new("values", format!("two public values are both said as {twice}"))),
        None => Ok(()),
    }
}

/// Bounds narrow the public field, and only where that type has them.
fn check_bounds(counterpart: &Counterpart, fields: &[&Field]) -> Result<(), Problem> {
    let Bounds { min, max, max_length, max_items } = &counterpart.bounds;
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
    if max_length.is_some() && !matches!(field.kind, FieldKind::Text { .. }) {
        return wrong("max_length");
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

/// No public field has two counterparts, no native key two sources.
fn check_targets(counterparts: &[Counterpart], fixed: &Map<String, Value>) -> Result<(), Problem> {
    let mut public = BTreeSet::new();
    let mut native: BTreeSet<&str> = fixed.keys().map(String::as_str).collect();
    for counterpart in counterparts {
        if let Some(twice) = counterpart.from.iter().find(|name| !public.insert(*name)) {
            return Err(Problem::new(format!("fields.{twice}"), "is mapped twice"));
        }
        let keys = match &counterpart.to {
            Some(Target::Key(key)) => vec![key],
            Some(Target::Pair(width, height)) => vec![width, height],
            None => Vec::new(),
        };
        if let Some(twice) = keys.into_iter().find(|key| key.is_empty() || !native.insert(key)) {
            return Err(Problem::new(
                format!("fields.{}", counterpart.from.join("+")),
                format!("`{twice}` is written twice"),
            ));
        }
    }
    Ok(())
}

/// What every request carries must be sayable, or the provider could never serve one.
fn check_needed(counterparts: &[Counterpart], public: &Public<'_>) -> Result<(), Problem> {
    for field in public.fields.iter().filter(|field| field.required) {
        let mapped = counterparts.iter().find(|counterpart| counterpart.from.contains(&field.name));
        let is_said = mapped.is_some_and(|counterpart| counterpart.to.is_some() || counterpart.supported.is_some());
        if !is_said {
            return Err(Problem::new(format!("fields.{}", field.name), "is required and has no counterpart"));
        }
    }
    Ok(())
}
