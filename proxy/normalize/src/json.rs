//! JSON at the border: strict reading (no key twice), and the canonical text that fingerprints are made of.

use std::fmt::{self, Write as _};

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads a JSON text in which no object says a key twice: which of the two is meant would be a guess.
/// Depth is limited by the parser (128 levels); numbers beyond its range are errors.
pub(crate) fn parse_strict(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice::<Strict>(bytes).map(|strict| strict.0)
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(flag.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        Number::from_f64(number).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(array.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((key, Strict(value))) = entries.next_entry::<String, _>()? {
            if object.insert(key, value).is_some() {
                return Err(A::Error::custom("the same key twice in one object"));
            }
        }
        Ok(object.into())
    }
}

/// The canonical text of a JSON value (api contract §8): keys sorted by code point at every level, no insignificant
/// whitespace, numbers in shortest form (`1.0` and `1e0` are `1`), array order kept.
pub fn canonical_json(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(&mut text, value);
    text
}

fn write_canonical(out: &mut String, value: &Value) {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => out.push_str(&value.to_string()),
        Value::Number(number) => write_number(out, number),
        Value::Array(items) => {
            write_list(out, ['[', ']'], items, write_canonical);
        }
        Value::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            write_list(out, ['{', '}'], entries, |out, (key, value)| {
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write_canonical(out, value);
            });
        }
    }
}

fn write_list<T>(
    out: &mut String,
    [open, close]: [char; 2],
    items: impl IntoIterator<Item = T>,
    write: impl Fn(&mut String, T),
) {
    out.push(open);
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(close);
}

/// Above this, a float is written with an exponent.
const LARGEST_PLAIN: f64 = 1e21;

#[expect(clippy::cast_possible_truncation, reason = "i128 holds every float below 1e21 exactly")]
fn write_number(out: &mut String, number: &Number) {
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < LARGEST_PLAIN => {
            // Writing to a string never fails.
            let _ = write!(out, "{}", float as i128);
        }
        _ => out.push_str(&number.to_string()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn canonical_text_does_not_depend_on_how_the_body_was_written() {
        let written = br#"{ "b": [ 1.0, -0.0, 1e2, 0.50 ], "a": {"z": null, "\u00e9": "x\n" } }"#;
        let text = canonical_json(&parse_strict(written).unwrap());
        assert_eq!(text, r#"{"a":{"z":null,"é":"x\n"},"b":[1,0,100,0.5]}"#);
        assert_eq!(canonical_json(&parse_strict(text.as_bytes()).unwrap()), text);
    }

    #[test]
    fn large_numbers_keep_one_spelling() {
        let of = |text: &str| canonical_json(&parse_strict(text.as_bytes()).unwrap());
        assert_eq!(of("100000000000000000000"), of("1e20"));
        assert_eq!(of("18446744073709551615"), "18446744073709551615");
        assert_eq!(of("1E300"), "1e+300");
        assert!(parse_strict(b"1e400").is_err());
    }

    #[test]
    fn a_key_said_twice_is_refused_at_every_depth() {
        for text in [r#"{"a":1,"a":1}"#, r#"[{"b":{"a":1,"a":2}}]"#] {
            assert!(parse_strict(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn deep_nesting_and_broken_text_are_errors() {
        let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
        assert!(parse_strict(deep.as_bytes()).is_err());
        for text in ["", "{", "\"\\ud800\"", "{\"a\":1} x", "\u{feff}{}", "NaN"] {
            assert!(parse_strict(text.as_bytes()).is_err(), "{text:?}");
        }
        assert!(parse_strict(b"\"\xff\"").is_err());
    }
}
