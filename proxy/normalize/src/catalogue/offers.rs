//! From a file's `[[provider]]` to an offer: every mapping must fit the public field, the native shape and the others.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    Problem, counterparts,
    counterparts::spellings,
    file::{ConstraintFile, IdsFile, ProviderFile, SizeTables},
    prices,
};
use crate::{
    capability::Constraint,
    field::Field,
    model::names,
    offer::{Counterpart, FormWhen, Ids, NativeIds, Offer, Target},
    providers,
    transform::Write,
};

/// What a provider's entry is read against.
pub(super) struct Public<'a> {
    pub(super) fields: &'a [Field],
    pub(super) price_by: &'a [String],
    pub(super) is_video: bool,
    pub(super) sizes: &'a SizeTables,
}

impl Public<'_> {
    pub(super) fn field(&self, name: &str) -> Result<&Field, Problem> {
        let found = self.fields.iter().find(|field| field.name == name);
        found.ok_or_else(|| Problem::new(name, "is not a field of this model"))
    }
}

pub(super) fn offer(written: &ProviderFile, public: &Public<'_>) -> Result<Offer, Problem> {
    check_address(written)?;
    let mut counterparts = Vec::new();
    for (from, mapping) in &written.fields {
        let counterpart = counterparts::counterpart(from, mapping, public)
            .map_err(|problem| problem.within(&format!("fields.{from}")))?;
        counterparts.push(counterpart);
    }
    let place = |counterpart: &Counterpart| {
        public.fields.iter().position(|field| counterpart.from.first() == Some(&field.name))
    };
    counterparts.sort_by_key(place);
    check_targets(&counterparts, &written.fixed)?;
    check_needed(&counterparts, public)?;
    check_said(&counterparts, written, public)?;
    check_form(&counterparts, written)?;
    Ok(Offer {
        provider: written.id,
        ids: native_ids(written, &counterparts, public)?,
        path: written.path.clone(),
        path_with_input: written.path_with_input.clone(),
        form: written.form,
        synchronous: written.synchronous,
        regions: written.regions.clone(),
        lent_key: written.lent_key.as_ref().map(|lent| (lent.to.clone(), lent.of)),
        cost: prices::tariff(written, public)?,
        fixed: written.fixed.clone(),
        constraints: constraints(&written.constraint, public.fields)?,
        counterparts,
    })
}

/// Where its jobs go, and how they are answered there.
fn check_address(written: &ProviderFile) -> Result<(), Problem> {
    let paths = [written.path.as_ref(), written.path_with_input.as_ref()];
    if written.path.is_some() != providers::needs_path(written.id) {
        let needs = if providers::needs_path(written.id) { "needs a path" } else { "has its path in the native id" };
        return Err(Problem::new("path", format!("{} {needs}", written.id)));
    }
    let is_path = |path: &&String| path.starts_with('/') && !path.contains(|c: char| c.is_whitespace() || c == '?');
    if !paths.iter().flatten().all(is_path) {
        return Err(Problem::new("path", "must be a path that begins with `/`"));
    }
    for path in
        paths.into_iter().flatten().map(|path| Some(path.as_str())).chain(written.path.is_none().then_some(None))
    {
        let synchronous = providers::answers_synchronously(written.id, path);
        if synchronous != written.synchronous {
            return Err(Problem::new("synchronous", format!("must be {synchronous} for {}", written.id)));
        }
    }
    let host = |region| crate::Endpoint::regional_base_url(written.id, region);
    match written.regions.iter().find(|region| host(**region).is_none()) {
        Some(region) => Err(Problem::new("regions", format!("{} has no host in {}", written.id, region.as_str()))),
        None => Ok(()),
    }
}

/// Ids, one for every value of the field that chooses between them.
fn native_ids(written: &ProviderFile, counterparts: &[Counterpart], public: &Public<'_>) -> Result<NativeIds, Problem> {
    let keys = match &written.native_id_by {
        None => None,
        Some(by) => {
            let field = public.field(by).map_err(|problem| problem.within("native_id_by"))?;
            let own = counterparts.iter().find(|counterpart| counterpart.from.contains(by));
            let own = own.ok_or_else(|| Problem::new("native_id_by", "the field has no counterpart here"))?;
            Some(own.supported.clone().unwrap_or_else(|| spellings(field)))
        }
    };
    let read = |name: &str, file: &IdsFile| ids(file, keys.as_deref()).map_err(|problem| problem.within(name));
    let optional = |name: &str, file: Option<&IdsFile>| file.map(|file| read(name, file)).transpose();
    Ok(NativeIds {
        by: written.native_id_by.clone(),
        plain: read("native_id", &written.native_id)?,
        with_input: optional("native_id_with_input", written.native_id_with_input.as_ref())?,
        with_last: optional("native_id_with_last", written.native_id_with_last.as_ref())?,
    })
}

fn ids(file: &IdsFile, keys: Option<&[String]>) -> Result<Ids, Problem> {
    let is_id = |id: &String| !id.is_empty() && !id.contains(char::is_whitespace);
    match (file, keys) {
        (IdsFile::One(id), _) if is_id(id) => Ok(Ids::One(id.clone())),
        (IdsFile::By(table), Some(keys)) if table.values().all(is_id) => {
            match keys.iter().find(|key| !table.contains_key(*key)) {
                Some(missing) => Err(Problem::new(missing.as_str(), "has no id")),
                None if table.len() > keys.len() => Err(Problem::new("native_id_by", "an id belongs to no value")),
                None => Ok(Ids::By(table.clone())),
            }
        }
        (IdsFile::By(_), None) => Err(Problem::new("native_id_by", "must name the field that chooses")),
        _ => Err(Problem::new("id", "must be an id")),
    }
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

/// No public field has two counterparts, no native key two sources.
fn check_targets(counterparts: &[Counterpart], fixed: &Map<String, Value>) -> Result<(), Problem> {
    let mut public = BTreeSet::new();
    let mut native: BTreeSet<&str> = fixed.keys().map(String::as_str).collect();
    let mut lists: BTreeSet<&str> = BTreeSet::new();
    for counterpart in counterparts {
        if let Some(twice) = counterpart.from.iter().find(|name| !public.insert(*name)) {
            return Err(Problem::new(format!("fields.{twice}"), "is mapped twice"));
        }
        let keys = match &counterpart.to {
            // Several fields may add to one list.
            Some(Target::Key(key)) if counterpart.write == Write::Append && !lists.insert(key) => Vec::new(),
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

/// A value that is not said must be the only one, or choose the native id, or be normalised by us: anything else would be
/// dropped without a word.
fn check_said(counterparts: &[Counterpart], written: &ProviderFile, public: &Public<'_>) -> Result<(), Problem> {
    for counterpart in counterparts.iter().filter(|counterpart| counterpart.to.is_none()) {
        let [name] = &counterpart.from[..] else {
            return Err(Problem::new(format!("fields.{}", counterpart.from.join("+")), "is never said"));
        };
        let values =
            counterpart.supported.clone().unwrap_or_else(|| public.field(name).map(spellings).unwrap_or_default());
        let is_ours = matches!(name.as_str(), names::OUTPUT_FORMAT | names::OUTPUT_NUMBER);
        if !is_ours && written.native_id_by.as_ref() != Some(name) && values.len() != 1 {
            return Err(Problem::new(format!("fields.{name}"), "is never said, and has more than one value"));
        }
    }
    Ok(())
}

/// A form holds files under one name or many; JSON holds one under a name.
fn check_form(counterparts: &[Counterpart], written: &ProviderFile) -> Result<(), Problem> {
    let wants_form = |counterpart: &&Counterpart| matches!(counterpart.write, Write::Files | Write::FilesByIndex);
    match counterparts.iter().find(wants_form) {
        Some(counterpart) if written.form.is_none() => {
            Err(Problem::new(format!("fields.{}", counterpart.from.join("+")), "only a form carries several files"))
        }
        None if written.form == Some(FormWhen::WithInput) => Err(Problem::new("form", "no field sends files")),
        _ => Ok(()),
    }
}
