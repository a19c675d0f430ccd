//! `multipart/form-data` of a body that was read whole. Pure; a broken form is no form.

use axum::body::Bytes;
use serde_json::{Map, Value, json};

/// Most parts of a form: sixteen images and as many fields fit.
const PART_LIMIT: usize = 64;

/// One part.
#[derive(Clone, Debug)]
pub struct Part {
    /// The field's name, without a trailing `[]`.
    pub name: String,
    /// The file's name, when it is one.
    pub file_name: Option<String>,
    /// What it holds.
    pub bytes: Bytes,
}

/// A form in the order it was sent.
#[derive(Clone, Debug, Default)]
pub struct Form(pub Vec<Part>);

impl Form {
    /// Reads a body whose content type is `content_type`.
    pub fn read(content_type: &str, body: &Bytes) -> Option<Self> {
        let boundary = boundary(content_type)?;
        let (opening, separator) = (format!("--{boundary}"), format!("\r\n--{boundary}"));
        let mut at = find(body, opening.as_bytes(), 0)? + opening.len();
        let mut parts = Vec::new();
        while body.get(at..at + 2) == Some(b"\r\n") && parts.len() < PART_LIMIT {
            let head = at + 2;
            let begin = find(body, b"\r\n\r\n", head)? + 4;
            let end = find(body, separator.as_bytes(), begin)?;
            parts.push(part(std::str::from_utf8(&body[head..begin]).ok()?, body.slice(begin..end))?);
            at = end + separator.len();
        }
        (body.get(at..at + 2) == Some(b"--")).then_some(Self(parts))
    }

    /// The text fields as a JSON object, numbers as numbers where `numbers` names them.
    pub fn fields(&self, numbers: &[&str]) -> Map<String, Value> {
        let texts = self.0.iter().filter(|part| part.file_name.is_none());
        let value = |part: &Part| {
            let text = String::from_utf8_lossy(&part.bytes).into_owned();
            let number = numbers.contains(&part.name.as_str()).then(|| text.parse::<serde_json::Number>().ok());
            (part.name.clone(), number.flatten().map_or(Value::String(text), Value::Number))
        };
        texts.map(value).collect()
    }

    /// The files, by the field's name.
    pub fn files<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Part> {
        self.0.iter().filter(move |part| part.file_name.is_some() && part.name == name)
    }

    /// The form as it may be listed: files by name and length; what was sent twice is a list.
    pub fn shown(&self) -> Value {
        let mut shown = Map::new();
        for part in &self.0 {
            let value = match &part.file_name {
                Some(file_name) => json!({ "file_name": file_name, "bytes": part.bytes.len() }),
                None => String::from_utf8_lossy(&part.bytes).into_owned().into(),
            };
            match shown.get_mut(&part.name) {
                None => drop(shown.insert(part.name.clone(), value)),
                Some(Value::Array(values)) => values.push(value),
                Some(first) => *first = json!([first.take(), value]),
            }
        }
        Value::Object(shown)
    }
}

fn boundary(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let mut parameters = parameters.split(';').map(str::trim);
    let boundary = parameters.find_map(|parameter| parameter.strip_prefix("boundary="))?.trim_matches('"');
    (!boundary.is_empty() && boundary.len() <= 70).then_some(boundary)
}

fn part(head: &str, bytes: Bytes) -> Option<Part> {
    let disposition = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    let name = parameter(disposition, "name")?.trim_end_matches("[]").to_owned();
    Some(Part { name, file_name: parameter(disposition, "filename").map(str::to_owned), bytes })
}

fn parameter<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = line.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.trim_matches('"'))
}

fn find(bytes: &[u8], pattern: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(pattern.len()).position(|window| window == pattern).map(|at| from + at)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    const KIND: &str = "multipart/form-data; boundary=\"x--y\"";

    #[test]
    fn fields_and_files_are_told_apart() {
        let body = "--x--y\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n2\r\n\
            --x--y\r\ncontent-disposition: form-data; name=\"image[]\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\
            \r\n\r\nab\r\n--x--y--\r\n";
        let form = Form::read(KIND, &Bytes::from_static(body.as_bytes())).unwrap();
        assert_eq!(form.fields(&["n"])["n"], 2);
        let files: Vec<_> = form.files("image").map(|part| part.bytes.clone()).collect();
        assert_eq!(files, [Bytes::from_static(b"\r\n\r\nab")]);
        assert_eq!(form.shown()["image"]["bytes"], 6);
    }

    #[test]
    fn a_broken_form_is_no_form() {
        for body in ["", "--x--y", "--x--y\r\n", "--x--y\r\n\r\n\r\n", "--x--y\r\nContent-Disposition: a\r\n\r\nb"] {
            assert!(Form::read(KIND, &Bytes::from_static(body.as_bytes())).is_none(), "{body:?}");
        }
        assert!(Form::read("application/json", &Bytes::new()).is_none());
    }
}
