//! The shapes in which providers want values (providers §9). Refuses to know which provider wants which.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::offer::Target;

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
}

impl Write {
    /// Whether it reads a size, `"WxH"`.
    pub(crate) fn reads_size(self) -> bool {
        matches!(self, Self::WhPair | Self::WhObject | Self::WhStar | Self::WhColon)
    }
}

/// Width and height of `"1024x768"`.
pub(crate) fn size(value: &Value) -> Option<(u32, u32)> {
    let (width, height) = value.as_str()?.split_once('x')?;
    Some((width.parse().ok()?, height.parse().ok()?))
}

/// Puts one native value into the input. A value that the shape cannot read is left out; the catalogue's loader
/// accepts no such value.
pub(crate) fn write(input: &mut Map<String, Value>, target: &Target, how: Write, value: Value) {
    match target {
        Target::Pair(width_key, height_key) => {
            if let Some((width, height)) = size(&value) {
                put(input, width_key, width.into());
                put(input, height_key, height.into());
            }
        }
        Target::Key(key) => write_key(input, key, how, value),
    }
}

fn write_key(input: &mut Map<String, Value>, key: &str, how: Write, value: Value) {
    let shaped = match how {
        Write::AsIs => Some(value),
        Write::WhPair => None,
        Write::WhObject => size(&value).map(|(width, height)| json!({ "width": width, "height": height })),
        Write::WhStar => size(&value).map(|(width, height)| format!("{width}*{height}").into()),
        Write::WhColon => size(&value).map(|(width, height)| format!("{width}:{height}").into()),
        Write::Str => crate::offer::spelling(&value).map(Value::from),
        Write::StrS => crate::offer::spelling(&value).map(|text| format!("{text}s").into()),
        Write::Upper => value.as_str().map(|text| text.to_uppercase().into()),
        Write::First => value.as_array().and_then(|items| items.first()).cloned(),
        Write::Spread => return spread(input, key, &value),
    };
    if let Some(shaped) = shaped {
        put(input, key, shaped);
    }
}

fn spread(input: &mut Map<String, Value>, key: &str, value: &Value) {
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        let name = if index == 0 { key.to_owned() } else { format!("{key}_{}", index + 1) };
        put(input, &name, item.clone());
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
