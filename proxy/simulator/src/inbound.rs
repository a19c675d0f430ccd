//! A request as the providers' modules see it: read whole, within a limit, with what may be shown of it.

mod form;

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::ConnectInfo;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use serde_json::{Map, Value};

pub use form::Form;

use crate::door::Line;

/// Most bytes of a request body; a form with a large photograph or two fits.
const BODY_LIMIT: usize = 64 << 20;
/// Longer strings (data URIs) are shortened wherever a body is kept.
const KEPT_STRING_LIMIT: usize = 40 << 10;
/// Larger bodies are not kept at all.
const KEPT_BODY_LIMIT: usize = 128 << 10;
/// Headers and body fields whose values are credentials.
const SECRET_HEADERS: [&str; 6] = ["authorization", "proxy-authorization", "x-key", "x-api-key", "api-key", "cookie"];
const SECRET_FIELDS: [&str; 3] = ["openai_api_key", "webhook_secret", "api_key"];
/// What stands in a credential's place.
const HIDDEN: &str = "[hidden]";

/// A request that was read.
#[derive(Debug)]
pub struct Inbound {
    /// Path without query.
    pub path: String,
    /// Query string, undecoded.
    pub query: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The body; `None` when it was longer than the limit.
    pub body: Option<Bytes>,
    /// The connection it came by.
    pub line: Option<Line>,
}

impl Inbound {
    /// Reads the body. A body that breaks off counts as too long: either way there is nothing to parse.
    pub async fn read(request: axum::extract::Request) -> Self {
        let (parts, body) = request.into_parts();
        let Parts { uri, headers, extensions, .. } = parts;
        let body = axum::body::to_bytes(body, BODY_LIMIT).await.ok();
        let line = extensions.get::<ConnectInfo<Line>>().map(|info| info.0.clone());
        Self { path: uri.path().to_owned(), query: uri.query().unwrap_or_default().to_owned(), headers, body, line }
    }

    /// The body as a JSON object.
    pub fn object(&self) -> Option<Map<String, Value>> {
        serde_json::from_slice(self.body.as_ref()?).ok()
    }

    /// The body as a form.
    pub fn form(&self) -> Option<Form> {
        Form::read(self.header("content-type")?, self.body.as_ref()?)
    }

    /// A header's value, when it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// True when `Authorization` carries a non-empty key after one of the schemes.
    pub fn has_key(&self, schemes: &[&str]) -> bool {
        let Some((scheme, key)) = self.header("authorization").and_then(|value| value.split_once(' ')) else {
            return false;
        };
        schemes.iter().any(|wanted| wanted.eq_ignore_ascii_case(scheme)) && !key.trim().is_empty()
    }

    /// The first value of a query parameter, percent-decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| decoded(value))
    }

    /// The headers as they may be listed.
    pub fn shown_headers(&self) -> BTreeMap<String, String> {
        let shown = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
            let secret = SECRET_HEADERS.contains(&name.as_str());
            let value = if secret { HIDDEN.into() } else { String::from_utf8_lossy(value.as_bytes()) };
            (name.as_str().to_owned(), value.into_owned())
        };
        self.headers.iter().map(shown).collect()
    }

    /// The JSON body or the form as it may be kept and listed.
    pub fn shown_body(&self) -> Value {
        if let Some(form) = self.form() {
            return kept(form.shown());
        }
        let body = self.body.as_ref().and_then(|body| serde_json::from_slice(body).ok());
        kept(body.unwrap_or(Value::Null))
    }
}

/// A body as it may be kept: without credentials, and within bounds.
pub fn kept(value: Value) -> Value {
    let shown = shown(value);
    let bytes = shown.to_string().len();
    if bytes > KEPT_BODY_LIMIT { Value::String(format!("[{bytes} bytes]")) } else { shown }
}

/// A JSON value without credentials and without very long strings.
fn shown(value: Value) -> Value {
    match value {
        Value::String(text) if text.len() > KEPT_STRING_LIMIT => {
            let head: String = text.chars().take(64).collect();
            Value::String(format!("{head}… ({} bytes)", text.len()))
        }
        Value::Array(items) => items.into_iter().map(shown).collect(),
        Value::Object(fields) => {
            let shown = |(key, value): (String, Value)| {
                let value = if SECRET_FIELDS.contains(&key.as_str()) { HIDDEN.into() } else { shown(value) };
                (key, value)
            };
            Value::Object(fields.into_iter().map(shown).collect())
        }
        other => other,
    }
}

/// Percent-decoding of a query value; a broken escape stays as it is.
fn decoded(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escape = (byte == b'%').then(|| tail.get(..2)).flatten().and_then(|digits| hex::decode(digits).ok());
        if let Some([decoded]) = escape.as_deref() {
            bytes.push(*decoded);
            rest = &tail[2..];
        } else {
            bytes.push(if byte == b'+' { b' ' } else { byte });
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
