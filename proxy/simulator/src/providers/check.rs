//! Checks native inputs as the providers' own validators do, from tables of fields. Fields a table does not name are
//! ignored, as most providers ignore them; whoever has a closed schema says so in its module.

use serde_json::{Map, Value};

use crate::jobs::Problem;

/// What a field may hold.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// A string with at most that many characters, and at least one.
    Text(usize),
    /// A whole number within bounds.
    Whole(i64, i64),
    /// A whole number within bounds that is a multiple of the third.
    Step(i64, i64, i64),
    /// Any number within bounds.
    Number(f64, f64),
    /// `true` or `false`.
    Flag,
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// One of these whole numbers.
    WholeOneOf(&'static [i64]),
    /// Anything; looked at elsewhere.
    Any,
    /// A string, any.
    Link,
    /// At most that many strings, and at least one.
    Links(usize),
    /// fal's `image_size`: a preset's name or an object with sides of at most that many pixels.
    ImageSize(i64),
}

/// A field of a model's input.
#[derive(Clone, Copy, Debug)]
pub struct Field(pub &'static str, pub Rule);

/// A field every generating model has.
pub const PROMPT: Field = Field("prompt", Rule::Text(32_000));
/// A seed; every provider takes one of 31 bits.
pub const SEED: Field = Field("seed", Rule::Whole(-1, 4_294_967_295));

/// All that is wrong with an input. `groups` are tables of fields; `required` names the fields that must be there.
pub fn check(groups: &[&[Field]], required: &[&str], input: &Map<String, Value>) -> Vec<Problem> {
    let missing = required.iter().filter(|name| input.get(**name).is_none_or(Value::is_null));
    let missing = missing.map(|name| problem(name, "Field required", "missing"));
    let wrong = groups.iter().copied().flatten().filter_map(|Field(name, rule)| {
        let value = input.get(*name).filter(|value| !value.is_null())?;
        rule.broken_by(value).map(|(message, kind)| problem(name, &message, kind))
    });
    missing.chain(wrong).collect()
}

/// A problem in the words of the validators.
pub fn problem(field: &str, message: &str, kind: &str) -> Problem {
    Problem { field: field.to_owned(), message: message.to_owned(), kind: kind.to_owned() }
}

type Broken = Option<(String, &'static str)>;

impl Rule {
    fn broken_by(&self, value: &Value) -> Broken {
        match self {
            Self::Any => None,
            Self::Text(most) => text(value, *most),
            Self::Whole(from, to) => whole(value, *from, *to),
            Self::Step(from, to, step) => whole(value, *from, *to).or_else(|| {
                let off = value.as_i64().is_some_and(|number| number % step != 0);
                off.then(|| (format!("Input should be a multiple of {step}"), "multiple_of"))
            }),
            Self::Number(from, to) => {
                let fits = value.as_f64().is_some_and(|number| (*from..=*to).contains(&number));
                unless(fits, || format!("Input should be a number between {from} and {to}"), "float_type")
            }
            Self::Flag => unless(value.is_boolean(), || "Input should be a valid boolean".to_owned(), "bool_type"),
            Self::OneOf(names) => {
                let known = value.as_str().is_some_and(|name| names.contains(&name));
                unless(known, || format!("Input should be one of {}", names.join(", ")), "literal_error")
            }
            Self::WholeOneOf(numbers) => {
                let known = value.as_i64().is_some_and(|number| numbers.contains(&number));
                unless(known, || format!("Input should be one of {numbers:?}"), "literal_error")
            }
            Self::Link => unless(value.is_string(), || "Input should be a valid string".to_owned(), "string_type"),
            Self::Links(most) => {
                let links = value.as_array().filter(|links| links.iter().all(Value::is_string));
                let fits = links.is_some_and(|links| (1..=*most).contains(&links.len()));
                unless(fits, || format!("Input should be a list of at most {most} strings"), "list_type")
            }
            Self::ImageSize(most) => image_size(value, *most),
        }
    }
}

fn unless(fits: bool, message: impl FnOnce() -> String, kind: &'static str) -> Broken {
    (!fits).then(|| (message(), kind))
}

fn text(value: &Value, most: usize) -> Broken {
    match value.as_str().map(|text| text.chars().count()) {
        None => Some(("Input should be a valid string".to_owned(), "string_type")),
        Some(0) => Some(("String should have at least 1 character".to_owned(), "string_too_short")),
        Some(length) if length > most => {
            Some((format!("String should have at most {most} characters"), "string_too_long"))
        }
        Some(_) => None,
    }
}

fn whole(value: &Value, from: i64, to: i64) -> Broken {
    match value.as_i64() {
        None => Some(("Input should be a valid integer".to_owned(), "int_type")),
        Some(number) if number < from => {
            Some((format!("Input should be greater than or equal to {from}"), "greater_than_equal"))
        }
        Some(number) if number > to => Some((format!("Input should be less than or equal to {to}"), "less_than_equal")),
        Some(_) => None,
    }
}

fn image_size(value: &Value, most: i64) -> Broken {
    let side = |name| value.get(name).and_then(Value::as_i64).is_some_and(|side| (1..=most).contains(&side));
    let fits = match value {
        Value::String(name) => crate::sizes::preset(name).is_some() || crate::sizes::pair(name).is_some(),
        _ => side("width") && side("height"),
    };
    unless(fits, || format!("Input should be a preset or an object with sides of at most {most}"), "value_error")
}
