//! The shapes in which providers want values (providers §9). Refuses to know which provider wants which.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    offer::Target,
    providers::{FileAt, Input},
};

/// How a native value is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Write {
    /// Unchanged.
    #[default]
    AsIs,
    /// `"1024x768"` → two keys.
    WhPair,
    /// `"1024x768"` → `{"width":1024,"height":768}`.
    WhObject,
    /// `"1024x768"` → `"1024*768"`.
    WhStar,
    /// `"1024x768"` → `"1024:768"`.
    WhColon,
    /// `5` → `"5"`.
    Str,
    /// `5` → `"5s"`.
    StrS,
    /// `"720p"` → `"720P"`.
    Upper,
    /// `["a","b"]` → `"a"`.
    First,
    /// `["a","b"]` → `key: "a", key_2: "b"`.
    Spread,
    /// Each value, put into the counterpart's `item`, at the end of the list at `key`.
    Append,
    /// The n-th value into the n-th object of a list: `list.key`.
    Zip,
    /// The bytes of the first file.
    File,
    /// The bytes of every file, under one name.
    Files,
    /// The bytes of every file: `key0`, `key1`, ….
    FilesByIndex,
}

impl Write {
    /// Whether it reads a size, `"WxH"`.
    pub(crate) fn reads_size(self) -> bool {
        matches!(self, Self::WhPair | Self::WhObject | Self::WhStar | Self::WhColon)
    }

    /// Whether it reads a list of URLs and nothing else.
    pub(crate) fn reads_urls(self) -> bool {
        self.sends_bytes() || matches!(self, Self::First | Self::Spread)
    }

    /// Whether the provider gets files instead of URLs.
    pub(crate) fn sends_bytes(self) -> bool {
        matches!(self, Self::File | Self::Files | Self::FilesByIndex)
    }
}

/// What stands for the value in an `item`.
pub(crate) const HOLE: &str = "$";

/// Width and height of `"1024x768"`.
pub(crate) fn size(value: &Value) -> Option<(u32, u32)> {
    let (width, height) = value.as_str()?.split_once('x')?;
    Some((width.parse().ok()?, height.parse().ok()?))
}

/// Puts one native value into the input. A value that the shape cannot read is left out; the catalogue's loader
/// accepts no such value.
pub(crate) fn write(input: &mut Input, target: &Target, how: Write, item: Option<&Value>, value: Value) {
    match target {
        Target::Pair(width_key, height_key) => {
            if let Some((width, height)) = size(&value) {
                put(&mut input.fields, width_key, width.into());
                put(&mut input.fields, height_key, height.into());
            }
        }
        Target::Key(key) => write_key(input, key, how, item, value),
    }
}

fn write_key(input: &mut Input, key: &str, how: Write, item: Option<&Value>, value: Value) {
    let shaped = match how {
        Write::AsIs => Some(value),
        Write::WhPair => None,
        Write::WhObject => size(&value).map(|(width, height)| json!({ "width": width, "height": height })),
        Write::WhStar => size(&value).map(|(width, height)| format!("{width}*{height}").into()),
        Write::WhColon => size(&value).map(|(width, height)| format!("{width}:{height}").into()),
        Write::Str => crate::offer::spelling(&value).map(|text| text.into_owned().into()),
        Write::StrS => crate::offer::spelling(&value).map(|text| format!("{text}s").into()),
        Write::Upper => value.as_str().map(|text| text.to_uppercase().into()),
        Write::First => value.as_array().and_then(|items| items.first()).cloned(),
        Write::Spread => return spread(&mut input.fields, key, &value),
        Write::Append => return append(&mut input.fields, key, item, value),
        Write::Zip => return zip(&mut input.fields, key, value),
        Write::File | Write::Files | Write::FilesByIndex => return attach(input, key, how, &value),
    };
    if let Some(shaped) = shaped {
        put(&mut input.fields, key, shaped);
    }
}

fn spread(fields: &mut Map<String, Value>, key: &str, value: &Value) {
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        let name = if index == 0 { key.to_owned() } else { format!("{key}_{}", index + 1) };
        put(fields, &name, item.clone());
    }
}

fn append(fields: &mut Map<String, Value>, key: &str, item: Option<&Value>, value: Value) {
    let values = match value {
        Value::Array(values) => values,
        one => vec![one],
    };
    let filled: Vec<_> =
        values.iter().map(|value| item.map_or_else(|| value.clone(), |item| fill(item, value))).collect();
    match at(fields, key) {
        Some(Value::Array(list)) => list.extend(filled),
        _ => put(fields, key, filled.into()),
    }
}

/// `item` with the value in every hole.
fn fill(item: &Value, value: &Value) -> Value {
    match item {
        Value::String(text) if text == HOLE => value.clone(),
        Value::Array(items) => items.iter().map(|item| fill(item, value)).collect(),
        Value::Object(object) => {
            object.iter().map(|(key, item)| (key.clone(), fill(item, value))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

fn zip(fields: &mut Map<String, Value>, key: &str, value: Value) {
    let Some((list, name)) = key.rsplit_once('.') else { return };
    let (Some(Value::Array(items)), Value::Array(values)) = (at(fields, list), value) else { return };
    for (item, value) in items.iter_mut().zip(values) {
        if let Value::Object(item) = item {
            item.insert(name.to_owned(), value);
        }
    }
}

/// A place is kept in the fields, so that a file in JSON stands where the catalogue says it does.
fn attach(input: &mut Input, key: &str, how: Write, value: &Value) {
    let urls = value.as_array().into_iter().flatten().filter_map(Value::as_str);
    let most = if how == Write::File { 1 } else { usize::MAX };
    for (index, url) in urls.take(most).enumerate() {
        let at = if how == Write::FilesByIndex { format!("{key}{index}") } else { key.to_owned() };
        put(&mut input.fields, &at, Value::Null);
        input.files.push(FileAt { at, url: url.to_owned() });
    }
}

/// Sets a key, going down into objects at dots.
pub(crate) fn put(input: &mut Map<String, Value>, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            input.insert(key.to_owned(), value);
        }
        Some((outer, inner)) => {
            let entry = input.entry(outer).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(object) = entry {
                put(object, inner, value);
            }
        }
    }
}

/// What is at a key.
fn at<'a>(input: &'a mut Map<String, Value>, key: &str) -> Option<&'a mut Value> {
    match key.split_once('.') {
        None => input.get_mut(key),
        Some((outer, inner)) => at(input.get_mut(outer)?.as_object_mut()?, inner),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(steps: &[(&str, Write, Option<Value>, Value)]) -> Input {
        let mut input = Input::default();
        for (key, how, item, value) in steps {
            write(&mut input, &Target::Key((*key).to_owned()), *how, item.as_ref(), value.clone());
        }
        input
    }

    #[test]
    fn several_fields_append_their_items_to_one_list() {
        let text = json!({"type": "text", "text": "$"});
        let frame = |role: &str| json!({"type": "image_url", "image_url": {"url": "$"}, "role": role});
        let input = written(&[
            ("content", Write::Append, Some(text), json!("a cat")),
            ("content", Write::Append, Some(frame("first_frame")), json!(["u"])),
            ("content", Write::Append, Some(frame("last_frame")), json!("v")),
        ]);
        let image = |url: &str, role: &str| json!({"type": "image_url", "image_url": {"url": url}, "role": role});
        let expected = json!([{"type": "text", "text": "a cat"}, image("u", "first_frame"), image("v", "last_frame")]);
        assert_eq!(input.fields.get("content"), Some(&expected));
    }

    #[test]
    fn tags_go_into_the_objects_that_are_there() {
        let input = written(&[
            ("refs", Write::Append, Some(json!({"uri": "$"})), json!(["u", "v"])),
            ("refs.tag", Write::Zip, None, json!(["one"])),
        ]);
        assert_eq!(input.fields.get("refs"), Some(&json!([{"uri": "u", "tag": "one"}, {"uri": "v"}])));
        assert!(written(&[("refs.tag", Write::Zip, None, json!(["one"]))]).fields.is_empty());
    }

    #[test]
    fn files_are_named_one_by_one_under_one_name_or_counted() {
        let urls = json!(["u", "v"]);
        let names = |how| {
            let input = written(&[("f", how, None, urls.clone())]);
            input.files.into_iter().map(|file| (file.at, file.url)).collect::<Vec<_>>()
        };
        let pair = |at: &str, url: &str| (at.to_owned(), url.to_owned());
        assert_eq!(names(Write::File), [pair("f", "u")]);
        assert_eq!(names(Write::Files), [pair("f", "u"), pair("f", "v")]);
        assert_eq!(names(Write::FilesByIndex), [pair("f0", "u"), pair("f1", "v")]);
    }
}
