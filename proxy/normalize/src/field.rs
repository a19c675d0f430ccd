//! One public field of a model: its type, bounds and default, and the check of one value. Refuses to know providers.

use serde_json::{Map, Number, Value};
use url::Url;

use crate::issue::{Issue, IssueCode};

/// What a field may hold. Lengths count Unicode scalar values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FieldKind {
    Text {
        min_length: usize,
        max_length: usize,
    },
    Choice {
        values: Vec<String>,
    },
    Integer {
        min: i64,
        max: i64,
    },
    Number {
        min: f64,
        max: f64,
    },
    Seconds {
        values: Vec<Number>,
    },
    Flag,
    Url,
    Urls {
        min_items: usize,
        max_items: usize,
    },
    /// Letters and digits of ASCII, a letter first.
    Words {
        max_items: usize,
        min_length: usize,
        max_length: usize,
    },
}

/// A public field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) kind: FieldKind,
    pub(crate) required: bool,
    /// The field that must be there when this one is.
    pub(crate) companion: Option<String>,
    /// Passes the field's own check. For a choice: the first listed.
    pub(crate) default: Option<Value>,
}

/// Longest URL that is accepted, in characters.
const MAX_URL_LENGTH: usize = 2_048;

impl Field {
    /// The value in canonical form, or what is wrong with it.
    pub(crate) fn check(&self, value: &Value) -> Result<Value, Issue> {
        if has_nul(value) {
            return Err(self.issue(IssueCode::PatternMismatch, "must not contain U+0000"));
        }
        match &self.kind {
            FieldKind::Text { min_length, max_length } => self.check_text(value, *min_length, *max_length),
            FieldKind::Choice { values } => self.check_choice(value, values),
            FieldKind::Integer { min, max } => self.check_integer(value, *min, *max),
            FieldKind::Number { min, max } => self.check_number(value, *min, *max),
            FieldKind::Seconds { values } => self.check_seconds(value, values),
            FieldKind::Flag if value.is_boolean() => Ok(value.clone()),
            FieldKind::Flag => Err(self.wrong_type("true or false")),
            FieldKind::Url => self.check_url(value).map(|()| value.clone()),
            FieldKind::Urls { min_items, max_items } => self.check_urls(value, *min_items, *max_items),
            FieldKind::Words { max_items, min_length, max_length } => {
                self.check_words(value, *max_items, *min_length, *max_length)
            }
        }
    }

    /// What is wrong with this field beside the one that it needs; a list must not be longer than its companion.
    pub(crate) fn check_companion(&self, fields: &Map<String, Value>) -> Option<Issue> {
        let (name, value) = (self.companion.as_ref()?, fields.get(&self.name)?);
        let items = value.as_array().map(Vec::len);
        if items == Some(0) {
            return None;
        }
        match (items, fields.get(name)) {
            (_, None) => Some(needs(name, &self.name)),
            (items, Some(Value::Array(others))) => match items {
                _ if others.is_empty() => Some(needs(name, &self.name)),
                Some(items) if items > others.len() => {
                    Some(self.issue(IssueCode::MaxItems, format!("must not have more items than {name}")))
                }
                _ => None,
            },
            (_, Some(_)) => None,
        }
    }

    pub(crate) fn missing(&self) -> Issue {
        self.issue(IssueCode::MissingRequired, "is required")
    }

    fn issue(&self, code: IssueCode, message: impl Into<String>) -> Issue {
        Issue::new(&self.name, code, message)
    }

    fn wrong_type(&self, expected: &str) -> Issue {
        self.issue(IssueCode::InvalidType, format!("must be {expected}"))
    }

    fn check_text(&self, value: &Value, min: usize, max: usize) -> Result<Value, Issue> {
        let length = value.as_str().ok_or_else(|| self.wrong_type("a string"))?.chars().count();
        if length < min {
            return Err(self.issue(IssueCode::MinLength, format!("must have at least {min} character(s)")));
        }
        if length > max {
            return Err(self.issue(IssueCode::MaxLength, format!("must have at most {max} characters")));
        }
        Ok(value.clone())
    }

    fn check_choice(&self, value: &Value, values: &[String]) -> Result<Value, Issue> {
        let text = value.as_str().ok_or_else(|| self.wrong_type("a string"))?;
        if values.iter().any(|listed| listed == text) {
            return Ok(value.clone());
        }
        Err(self.issue(IssueCode::UnsupportedValue, format!("must be one of: {}", values.join(", "))))
    }

    /// A number without a fraction is an integer however it was written: `4`, `4.0` and `4e0` are the same JSON number
    /// to the official client, and have the same fingerprint.
    fn check_integer(&self, value: &Value, min: i64, max: i64) -> Result<Value, Issue> {
        let number = value.as_number().ok_or_else(|| self.wrong_type("an integer"))?;
        let integer = as_integer(number).ok_or_else(|| self.wrong_type("an integer"))?;
        if integer < i128::from(min) {
            return Err(self.issue(IssueCode::MinValue, format!("must be at least {min}")));
        }
        match i64::try_from(integer) {
            Ok(integer) if integer <= max => Ok(integer.into()),
            _ => Err(self.issue(IssueCode::MaxValue, format!("must be at most {max}"))),
        }
    }

    fn check_number(&self, value: &Value, min: f64, max: f64) -> Result<Value, Issue> {
        let number = value.as_f64().ok_or_else(|| self.wrong_type("a number"))?;
        if number < min {
            return Err(self.issue(IssueCode::MinValue, format!("must be at least {min}")));
        }
        if number > max {
            return Err(self.issue(IssueCode::MaxValue, format!("must be at most {max}")));
        }
        Ok(value.clone())
    }

    fn check_seconds(&self, value: &Value, values: &[Number]) -> Result<Value, Issue> {
        let seconds = value.as_number().ok_or_else(|| self.wrong_type("a number"))?;
        let found = values.iter().find(|listed| listed.as_f64() == seconds.as_f64());
        found.map(|listed| listed.clone().into()).ok_or_else(|| {
            let listed: Vec<_> = values.iter().map(Number::to_string).collect();
            Issue::not_offered(&self.name, format!("must be one of: {}", listed.join(", ")))
        })
    }

    /// Shape only. Where a URL leads is for whoever fetches it.
    fn check_url(&self, value: &Value) -> Result<(), Issue> {
        let text = value.as_str().ok_or_else(|| self.wrong_type("a URL"))?;
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if url.is_none() {
            return Err(self.wrong_type("an http or https URL"));
        }
        if text.chars().count() > MAX_URL_LENGTH {
            return Err(self.issue(IssueCode::MaxLength, format!("must have at most {MAX_URL_LENGTH} characters")));
        }
        Ok(())
    }

    fn check_words(&self, value: &Value, most: usize, min: usize, max: usize) -> Result<Value, Issue> {
        let items = value.as_array().ok_or_else(|| self.wrong_type("an array of strings"))?;
        if items.len() > most {
            return Err(self.issue(IssueCode::MaxItems, format!("must have at most {most} item(s)")));
        }
        for item in items {
            let word = item.as_str().ok_or_else(|| self.wrong_type("an array of strings"))?;
            let is_word = word.starts_with(|first: char| first.is_ascii_alphabetic())
                && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
                && (min..=max).contains(&word.len());
            if !is_word {
                let expected = format!("must be words of {min} to {max} letters and digits, a letter first");
                return Err(self.issue(IssueCode::PatternMismatch, expected));
            }
        }
        Ok(value.clone())
    }

    fn check_urls(&self, value: &Value, min: usize, max: usize) -> Result<Value, Issue> {
        let items = value.as_array().ok_or_else(|| self.wrong_type("an array of URLs"))?;
        items.iter().try_for_each(|item| self.check_url(item))?;
        if items.len() < min {
            return Err(self.issue(IssueCode::MinItems, format!("must have at least {min} item(s)")));
        }
        if items.len() > max {
            return Err(self.issue(IssueCode::MaxItems, format!("must have at most {max} item(s)")));
        }
        Ok(value.clone())
    }
}

fn needs(name: &str, because_of: &str) -> Issue {
    Issue::new(name, IssueCode::MissingRequired, format!("is required with {because_of}"))
}

/// Texts and lists of texts are all that a field can hold.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(|item| item.as_str().is_some_and(|text| text.contains('\0'))),
        _ => false,
    }
}

/// The exact integer that a JSON number stands for, if it stands for one.
#[expect(clippy::cast_possible_truncation, reason = "bounded just before")]
pub(crate) fn as_integer(number: &Number) -> Option<i128> {
    if let Some(integer) = number.as_i64() {
        return Some(integer.into());
    }
    if let Some(integer) = number.as_u64() {
        return Some(integer.into());
    }
    let float = number.as_f64()?;
    // Beyond every bound of every field, and within i128.
    let clamped = float.clamp(-1e30, 1e30);
    (float.fract() == 0.0).then_some(clamped as i128)
}

/// The defaults of these fields.
pub(crate) fn defaults(fields: &[Field]) -> Map<String, Value> {
    fields.iter().filter_map(|field| Some((field.name.clone(), field.default.clone()?))).collect()
}
