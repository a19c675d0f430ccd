//! What a request carries, and how it becomes bytes: JSON, JSON with files in base64, or a form. Files are named by their
//! URLs and handed in by whoever may fetch them; nothing here fetches.

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::digest::{Context, SHA256};
use serde_json::{Map, Value};

use super::ProviderRequest;
use crate::transform;

/// The body of a request to a provider.
#[derive(Clone, PartialEq)]
pub enum Body {
    /// Nothing is missing.
    Ready(Encoded),
    /// JSON that lacks input files: each goes to its place as base64.
    JsonWithFiles {
        /// Everything else.
        json: Map<String, Value>,
        /// What is missing.
        files: Vec<FileAt>,
    },
    /// `multipart/form-data`, in this order.
    Form(Vec<FormPart>),
}

/// An input file that a request needs.
#[derive(Clone, PartialEq, Eq)]
pub struct FileAt {
    /// The native name: a key, with dots down into objects, or the name of a form part.
    pub at: String,
    /// Where it is fetched. Chosen by a customer: only ever through the guarded client.
    pub url: String,
}

/// One part of a form.
#[derive(Clone, PartialEq, Eq)]
pub enum FormPart {
    /// A value.
    Text {
        /// Its name.
        name: String,
        /// Its text.
        text: String,
    },
    /// An input file.
    File(FileAt),
}

/// The last form of a request: nothing is missing any more.
#[derive(Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Value of the `content-type` header.
    pub content_type: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Body {
    /// A form of these values; what is not a text is written as JSON.
    pub(super) fn form(fields: &Map<String, Value>, files: Vec<FileAt>) -> Self {
        let is_missing = |name: &str| files.iter().any(|file| file.at == name);
        let texts = fields.iter().filter(|(name, _)| !is_missing(name)).map(|(name, value)| FormPart::Text {
            name: name.clone(),
            text: value.as_str().map_or_else(|| value.to_string(), str::to_owned),
        });
        let texts: Vec<_> = texts.collect();
        Self::Form(texts.into_iter().chain(files.into_iter().map(FormPart::File)).collect())
    }

    /// JSON, with these files still missing.
    pub(super) fn json(json: Map<String, Value>, files: Vec<FileAt>) -> Self {
        if files.is_empty() { Self::Ready(Encoded::json(json)) } else { Self::JsonWithFiles { json, files } }
    }

    fn files(&self) -> Vec<&FileAt> {
        match self {
            Self::Ready(_) => Vec::new(),
            Self::JsonWithFiles { files, .. } => files.iter().collect(),
            Self::Form(parts) => parts.iter().filter_map(FormPart::file).collect(),
        }
    }

    fn encode<T: AsRef<[u8]>>(self, files: &[T]) -> Encoded {
        match self {
            Self::Ready(encoded) => encoded,
            Self::JsonWithFiles { mut json, files: missing } => {
                for (file, bytes) in missing.iter().zip(files) {
                    transform::put(&mut json, &file.at, STANDARD.encode(bytes).into());
                }
                Encoded::json(json)
            }
            Self::Form(parts) => encode_form(&parts, files),
        }
    }
}

impl Encoded {
    fn json(json: Map<String, Value>) -> Self {
        Self { content_type: "application/json".to_owned(), bytes: Value::from(json).to_string().into_bytes() }
    }
}

impl FormPart {
    fn file(&self) -> Option<&FileAt> {
        match self {
            Self::Text { .. } => None,
            Self::File(file) => Some(file),
        }
    }
}

impl ProviderRequest {
    /// URLs of the input files that must be handed to [`ProviderRequest::encode`], in that order.
    pub fn input_urls(&self) -> Vec<&str> {
        self.body.iter().flat_map(Body::files).map(|file| file.url.as_str()).collect()
    }

    /// Puts the files in, in the order of [`ProviderRequest::input_urls`]; `false`: not as many as are missing.
    pub fn fill<T: AsRef<[u8]>>(&mut self, files: &[T]) -> bool {
        if self.input_urls().len() != files.len() {
            return false;
        }
        self.body = self.body.take().map(|body| Body::Ready(body.encode(files)));
        true
    }

    /// The body as bytes; `None`: there is none, or files are missing.
    pub fn encoded(&mut self) -> Option<Encoded> {
        if !self.fill::<&[u8]>(&[]) {
            return None;
        }
        match self.body.take()? {
            Body::Ready(encoded) => Some(encoded),
            Body::JsonWithFiles { .. } | Body::Form(_) => None,
        }
    }
}

fn encode_form<T: AsRef<[u8]>>(parts: &[FormPart], files: &[T]) -> Encoded {
    let boundary = boundary(parts, files);
    let mut files = files.iter();
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        match part {
            FormPart::Text { name, text } => {
                bytes.extend_from_slice(format!("{}\r\n\r\n{text}", disposition(name)).as_bytes());
            }
            FormPart::File(file) => {
                let content = files.next().map(AsRef::as_ref).unwrap_or_default();
                let (media, extension) = media(content);
                let head = format!(
                    "{}; filename=\"input.{extension}\"\r\nContent-Type: {media}\r\n\r\n",
                    disposition(&file.at)
                );
                bytes.extend_from_slice(head.as_bytes());
                bytes.extend_from_slice(content);
            }
        }
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Encoded { content_type: format!("multipart/form-data; boundary={boundary}"), bytes }
}

/// Names come from the catalogue; whatever could end the header is left out all the same.
fn disposition(name: &str) -> String {
    let name: String = name.chars().filter(|c| !c.is_control() && *c != '"').collect();
    format!("Content-Disposition: form-data; name=\"{name}\"")
}

/// A hash of what it separates: nobody can write a text that contains its own hash.
fn boundary<T: AsRef<[u8]>>(parts: &[FormPart], files: &[T]) -> String {
    let mut hash = Context::new(&SHA256);
    for part in parts {
        if let FormPart::Text { text, .. } = part {
            hash.update(text.as_bytes());
        }
    }
    for file in files {
        hash.update(file.as_ref());
    }
    format!("form-{}", hex::encode(hash.finish()))
}

/// By content, not by name.
fn media(content: &[u8]) -> (&'static str, &'static str) {
    match content {
        [0x89, b'P', b'N', b'G', ..] => ("image/png", "png"),
        [0xff, 0xd8, ..] => ("image/jpeg", "jpg"),
        [b'R', b'I', b'F', b'F', ..] => ("image/webp", "webp"),
        _ => ("application/octet-stream", "bin"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Method;

    fn request(body: Body) -> ProviderRequest {
        ProviderRequest { method: Method::Post, url: String::new(), headers: Vec::new(), body: Some(body) }
    }

    fn file(at: &str) -> FileAt {
        FileAt { at: at.to_owned(), url: format!("https://example.com/{at}") }
    }

    #[test]
    fn a_form_has_its_values_then_its_files_and_one_closing_boundary() {
        let fields = json!({"prompt": "a \"cat\"\r\n--x", "n": 2}).as_object().unwrap().clone();
        let mut request = request(Body::form(&fields, vec![file("image[]"), file("image[]")]));
        assert_eq!(request.input_urls(), ["https://example.com/image[]"; 2]);
        assert!(request.encoded().is_none(), "files are missing");
        assert!(request.fill(&[b"\x89PNG1", b"\x89PNG2"]));
        let encoded = request.encoded().unwrap();
        let boundary = encoded.content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
        let text = String::from_utf8_lossy(&encoded.bytes);
        assert_eq!(text.matches(&format!("--{boundary}\r\n")).count(), 4);
        assert!(text.ends_with(&format!("\r\n--{boundary}--\r\n")));
        assert!(text.contains("name=\"n\"\r\n\r\n2\r\n"), "{text}");
        assert!(text.contains("name=\"image[]\"; filename=\"input.png\"\r\nContent-Type: image/png\r\n\r\n"), "{text}");
    }

    #[test]
    fn a_file_goes_into_json_as_base64_at_its_place() {
        let json = json!({"prompt": "x", "image_prompt": null, "seed": 1}).as_object().unwrap().clone();
        let mut request = request(Body::json(json, vec![file("image_prompt")]));
        assert!(!request.fill::<&[u8]>(&[]));
        assert!(request.fill(&[b"abc"]));
        let encoded = request.encoded().unwrap();
        assert_eq!(String::from_utf8(encoded.bytes).unwrap(), r#"{"prompt":"x","image_prompt":"YWJj","seed":1}"#);
    }
}
