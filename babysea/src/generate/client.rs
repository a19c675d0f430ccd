//! The few calls of the public API that a generation needs. Repeats an answer that says `retryable`, as the official
//! clients do, and nothing else.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use reqwest::{Method, RequestBuilder, Response, header::CONTENT_TYPE};
use serde_json::{Map, Value};

use crate::config::Customer;

/// The server's own budget for a create is 25 s.
const TIMEOUT: Duration = Duration::from_secs(30);
/// A long video takes a while to download.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_mins(5);
const MAX_FILE_BYTES: usize = 1 << 30;
const TRIES: u32 = 3;

/// An HTTP client with a customer's key.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    customer: Customer,
}

/// A downloaded output.
#[derive(Debug)]
pub struct File {
    /// All of it.
    pub bytes: Vec<u8>,
    content_type: String,
}

impl File {
    /// The usual extension of its content type.
    pub fn extension(&self) -> &'static str {
        match self.content_type.split(';').next().unwrap_or_default().trim() {
            "image/png" => "png",
            "image/jpeg" => "jpg",
            "image/webp" => "webp",
            "video/mp4" => "mp4",
            _ => "bin",
        }
    }
}

impl Client {
    /// Ready to call.
    pub fn new(customer: &Customer) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).build().context("building an HTTP client")?;
        Ok(Self { http, customer: customer.clone() })
    }

    /// `image` or `video`: what the library says, or, where the key may not read it, what the request looks like.
    pub async fn kind_of(&self, model: &str, body: &Map<String, Value>) -> &'static str {
        let library = self.call(|| self.request(Method::GET, "library/models")).await.ok();
        let models = library.as_ref().and_then(|data| data["models"].as_array());
        let entry = models.and_then(|models| models.iter().find(|entry| entry["model_identifier"] == model));
        let is_video = match entry {
            Some(entry) => entry["model_type"] == "video",
            None => body.contains_key("generation_duration"),
        };
        if is_video { "video" } else { "image" }
    }

    /// Starts a generation; the answer's `data`.
    pub async fn create(
        &self,
        kind: &str,
        model: &str,
        body: &Map<String, Value>,
        idempotency_key: Option<&str>,
    ) -> anyhow::Result<Value> {
        self.call(|| {
            let request = self.request(Method::POST, &format!("generate/{kind}/{model}")).json(body);
            if let Some(key) = idempotency_key { request.header("Idempotency-Key", key) } else { request }
        })
        .await
    }

    /// The record of a generation.
    pub async fn generation(&self, id: &str) -> anyhow::Result<Value> {
        self.call(|| self.request(Method::GET, &format!("content/{id}"))).await
    }

    /// One output. The key is not sent: output URLs need none.
    pub async fn download(&self, url: &str) -> anyhow::Result<File> {
        let response = self.http.get(url).timeout(DOWNLOAD_TIMEOUT).send().await;
        let mut response = response.and_then(Response::error_for_status).context("downloading an output")?;
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.context("downloading an output")? {
            if bytes.len() + chunk.len() > MAX_FILE_BYTES {
                bail!("the output is larger than {MAX_FILE_BYTES} bytes");
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(File { bytes, content_type })
    }

    fn request(&self, method: Method, route: &str) -> RequestBuilder {
        let Customer { base_url, api_key } = &self.customer;
        self.http.request(method, format!("{base_url}/v1/{route}")).bearer_auth(api_key)
    }

    async fn call(&self, request: impl Fn() -> RequestBuilder) -> anyhow::Result<Value> {
        let mut tries = 1;
        loop {
            let response = request().send().await.with_context(|| format!("calling {}", self.customer.base_url))?;
            let after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
            let mut answer: Value = response.json().await.context("the answer is not JSON")?;
            if answer["status"] == "success" {
                return Ok(answer["data"].take());
            }
            if answer["error"]["retryable"] != true || tries == TRIES {
                return Err(refusal(&answer));
            }
            tokio::time::sleep(Duration::from_secs(after.unwrap_or(1))).await;
            tries += 1;
        }
    }
}

fn refusal(answer: &Value) -> anyhow::Error {
    let error = &answer["error"];
    let text = |name: &str| error[name].as_str().unwrap_or("?").to_owned();
    let issues = error["details"]["issues"].as_array().into_iter().flatten();
    let issues: Vec<String> = issues.filter_map(|issue| Some(format!("; {}", issue["message"].as_str()?))).collect();
    anyhow!("{} {}: {}{}", text("code"), text("type"), text("message"), issues.concat())
}
