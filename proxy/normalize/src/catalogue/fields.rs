//! From a file's `[fields]` to public fields. The common names have one meaning and one type in every model.

use ledger_contract::MediaKind;
use serde_json::{Number, Value};

use super::{
    Problem,
    file::{FieldFile, ModelFile, TypeName},
};
use crate::{
    field::{Field, FieldKind, as_integer},
    model::names,
};

/// Prompt length unless the model states less (api contract §5.6), in characters.
const MAX_PROMPT_LENGTH: usize = 5_000;
/// Longest model-specific string (api contract §5.6), in characters.
const MAX_STRING_LENGTH: usize = 10_000;
/// Most outputs of one request that any model may offer.
pub(crate) const MAX_OUTPUT_NUMBER: i64 = 100;
/// Most input files of one request that any model may offer.
const MAX_INPUT_FILES: usize = 100;
/// Longest video, in seconds.
const MAX_DURATION_S: f64 = 3_600.0;

/// Never request fields (api contract §5.6): sizes are ratios, and the rest is between us and the provider.
const FORBIDDEN: [&str; 7] = [
    "generation_provider_order",
    "generation_width",
    "generation_height",
    "generation_auto_fix",
    "generation_api_key",
    "generation_webhook",
    "generation_webhook_url",
];

/// The model's fields in public order: common inputs, specific fields by name, then what prices often depend on.
pub(super) fn fields(source: &ModelFile) -> Result<Vec<Field>, Problem> {
    let mut fields = Vec::new();
    for (name, written) in &source.fields {
        let at = |problem: Problem| problem.within(&format!("fields.{name}"));
        check_name(name).map_err(at)?;
        fields.push(field(source.kind, name, written).map_err(at)?);
    }
    let mut needed = vec![names::PROMPT, names::OUTPUT_FORMAT, names::OUTPUT_NUMBER];
    if source.kind == MediaKind::Video {
        needed.push(names::DURATION);
    }
    if let Some(missing) = needed.into_iter().find(|name| !source.fields.contains_key(*name)) {
        return Err(Problem::new(format!("fields.{missing}"), format!("every {} model has it", source.kind)));
    }
    let known = |name: &String| source.fields.contains_key(name);
    if let Some(field) = fields.iter().find(|field| field.companion.as_ref().is_some_and(|name| !known(name))) {
        return Err(Problem::new(format!("fields.{}: requires", field.name), "names no field of this model"));
    }
    fields.sort_by_key(|field| (place(&field.name), field.name.clone()));
    Ok(fields)
}

fn place(name: &str) -> usize {
    const FIRST: [&str; 6] = [
        names::PROMPT,
        names::RATIO,
        names::OUTPUT_FORMAT,
        names::OUTPUT_NUMBER,
        names::INPUT_FILE,
        names::LAST_CONTENT,
    ];
    const LAST: [&str; 3] = [names::DURATION, names::RESOLUTION, names::AUDIO];
    let specific = FIRST.len();
    let first = FIRST.iter().position(|first| *first == name);
    first.or_else(|| Some(specific + 1 + LAST.iter().position(|last| *last == name)?)).unwrap_or(specific)
}

fn check_name(name: &str) -> Result<(), Problem> {
    let parts = name.strip_prefix("generation_").unwrap_or_default();
    let is_word =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if !parts.split('_').all(is_word) {
        return Err(Problem::new("name", "must be `generation_` and lower-case words joined by `_`"));
    }
    if FORBIDDEN.contains(&name) {
        return Err(Problem::new("name", "is never a request field"));
    }
    Ok(())
}

fn field(kind: MediaKind, name: &str, written: &FieldFile) -> Result<Field, Problem> {
    let (field_kind, known) = match name {
        names::PROMPT => (text(written, 1, MAX_PROMPT_LENGTH)?, &["min_length", "max_length"][..]),
        names::RATIO | names::RESOLUTION => (choice(written)?, &["values"][..]),
        names::OUTPUT_FORMAT => (format(kind, written)?, &["values"][..]),
        names::OUTPUT_NUMBER => (count(written)?, &["max"][..]),
        names::INPUT_FILE => (urls(written)?, &["min_items", "max_items", "default"][..]),
        names::LAST_CONTENT => (FieldKind::Url, &["requires"][..]),
        names::DURATION | names::AUDIO if kind == MediaKind::Image => {
            return Err(Problem::new("name", "belongs to video models"));
        }
        names::DURATION => (seconds(written)?, &["values"][..]),
        names::AUDIO => (FieldKind::Flag, &[][..]),
        _ => specific(written)?,
    };
    if let Some(stray) = written.stray(known) {
        return Err(Problem::new(stray, "does not belong to a field of this type"));
    }
    let is_required = matches!(name, names::PROMPT | names::DURATION)
        || matches!(field_kind, FieldKind::Urls { min_items: 1.., .. })
        || written.required == Some(true);
    let companion = written.requires.clone();
    let mut field = Field { name: name.to_owned(), kind: field_kind, required: is_required, companion, default: None };
    field.default = default(&field, written)?;
    Ok(field)
}

/// A specific field says its type itself.
fn specific(written: &FieldFile) -> Result<(FieldKind, &'static [&'static str]), Problem> {
    match (written.type_name, &written.values) {
        (Some(TypeName::String), Some(_)) => Ok((choice(written)?, &["type", "values"])),
        (Some(TypeName::String), None) => {
            Ok((text(written, 0, MAX_STRING_LENGTH)?, &["type", "min_length", "max_length", "default", "required"]))
        }
        (Some(TypeName::Integer), _) => {
            let (min, max) = (integer(written.min.as_ref(), "min")?, integer(written.max.as_ref(), "max")?);
            ordered(min <= max, "min")?;
            Ok((FieldKind::Integer { min, max }, &["type", "min", "max", "default", "required"]))
        }
        (Some(TypeName::Number), _) => {
            let (min, max) = (number(written.min.as_ref(), "min")?, number(written.max.as_ref(), "max")?);
            ordered(min <= max, "min")?;
            Ok((FieldKind::Number { min, max }, &["type", "min", "max", "default", "required"]))
        }
        (Some(TypeName::Boolean), _) => Ok((FieldKind::Flag, &["type", "default", "required"])),
        (Some(TypeName::Url), _) => Ok((FieldKind::Url, &["type", "required", "requires"])),
        (Some(TypeName::Words), _) => {
            Ok((words(written)?, &["type", "max_items", "min_length", "max_length", "requires"]))
        }
        (None, _) => Err(Problem::new("type", "a model-specific field needs one")),
    }
}

/// What the file says, else what the type has: the first listed, one output, no audio.
fn default(field: &Field, written: &FieldFile) -> Result<Option<Value>, Problem> {
    let default = match (&written.default, &field.kind) {
        (Some(default), _) => Some(default.clone()),
        (None, FieldKind::Choice { values }) => values.first().map(|first| first.as_str().into()),
        (None, _) if field.name == names::OUTPUT_NUMBER => Some(1.into()),
        (None, _) if field.name == names::AUDIO => Some(false.into()),
        (None, _) => None,
    };
    if default.is_some() && field.required {
        return Err(Problem::new("default", "a required field has none"));
    }
    default.map(|value| field.check(&value).map_err(|issue| Problem::new("default", issue.message))).transpose()
}

fn text(written: &FieldFile, least: usize, most: usize) -> Result<FieldKind, Problem> {
    let (min_length, max_length) = (written.min_length.unwrap_or(least), written.max_length.unwrap_or(most));
    ordered(least <= min_length && min_length <= max_length, "min_length")?;
    if max_length > most {
        return Err(Problem::new("max_length", format!("must be at most {most}")));
    }
    Ok(FieldKind::Text { min_length, max_length })
}

fn listed(written: &FieldFile) -> Result<&[Value], Problem> {
    let values = written.values.as_deref().filter(|values| !values.is_empty());
    let values = values.ok_or_else(|| Problem::new("values", "must list at least one"))?;
    match values.iter().enumerate().find(|(index, value)| values.get(..*index).is_some_and(|past| past.contains(value)))
    {
        Some((_, twice)) => Err(Problem::new("values", format!("{twice} is listed twice"))),
        None => Ok(values),
    }
}

fn choice(written: &FieldFile) -> Result<FieldKind, Problem> {
    let values: Option<Vec<_>> = listed(written)?.iter().map(|value| value.as_str().map(str::to_owned)).collect();
    Ok(FieldKind::Choice { values: values.ok_or_else(|| Problem::new("values", "must be strings"))? })
}

fn format(kind: MediaKind, written: &FieldFile) -> Result<FieldKind, Problem> {
    let known: &[&str] = match kind {
        MediaKind::Image => &["png", "jpg", "webp"],
        MediaKind::Video => &["mp4"],
    };
    let kind = choice(written)?;
    if let FieldKind::Choice { values } = &kind
        && let Some(unknown) = values.iter().find(|value| !known.contains(&value.as_str()))
    {
        return Err(Problem::new("values", format!("`{unknown}` is none of: {}", known.join(", "))));
    }
    Ok(kind)
}

fn count(written: &FieldFile) -> Result<FieldKind, Problem> {
    let max = written.max.as_ref().map_or(Ok(1), |max| integer(Some(max), "max"))?;
    if !(1..=MAX_OUTPUT_NUMBER).contains(&max) {
        return Err(Problem::new("max", format!("must be 1 to {MAX_OUTPUT_NUMBER}")));
    }
    Ok(FieldKind::Integer { min: 1, max })
}

fn urls(written: &FieldFile) -> Result<FieldKind, Problem> {
    let max_items = written.max_items.filter(|max| (1..=MAX_INPUT_FILES).contains(max));
    let max_items = max_items.ok_or_else(|| Problem::new("max_items", format!("must be 1 to {MAX_INPUT_FILES}")))?;
    let min_items = written.min_items.unwrap_or(0);
    ordered(min_items <= max_items, "min_items")?;
    Ok(FieldKind::Urls { min_items, max_items })
}

/// Longest word, in characters.
const MAX_WORD_LENGTH: usize = 100;

fn words(written: &FieldFile) -> Result<FieldKind, Problem> {
    let max_items = written.max_items.filter(|max| (1..=MAX_INPUT_FILES).contains(max));
    let max_items = max_items.ok_or_else(|| Problem::new("max_items", format!("must be 1 to {MAX_INPUT_FILES}")))?;
    let (min_length, max_length) = (written.min_length.unwrap_or(1), written.max_length.unwrap_or(MAX_WORD_LENGTH));
    ordered(1 <= min_length && min_length <= max_length && max_length <= MAX_WORD_LENGTH, "min_length")?;
    Ok(FieldKind::Words { max_items, min_length, max_length })
}

fn seconds(written: &FieldFile) -> Result<FieldKind, Problem> {
    let is_duration = |number: &Number| number.as_f64().is_some_and(|s| s > 0.0 && s <= MAX_DURATION_S);
    let numbers = listed(written)?.iter().map(|value| value.as_number().filter(|number| is_duration(number)).cloned());
    let values: Option<Vec<_>> = numbers.collect();
    let values = values.ok_or_else(|| Problem::new("values", format!("must be seconds up to {MAX_DURATION_S}")))?;
    Ok(FieldKind::Seconds { values })
}

fn integer(number: Option<&Number>, key: &str) -> Result<i64, Problem> {
    let integer = number.and_then(as_integer).and_then(|integer| i64::try_from(integer).ok());
    integer.ok_or_else(|| Problem::new(key, "must be an integer"))
}

fn number(number: Option<&Number>, key: &str) -> Result<f64, Problem> {
    number.and_then(Number::as_f64).ok_or_else(|| Problem::new(key, "must be a number"))
}

fn ordered(holds: bool, key: &str) -> Result<(), Problem> {
    if holds { Ok(()) } else { Err(Problem::new(key, "is out of order with its counterpart")) }
}
