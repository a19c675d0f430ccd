//! A running simulator with a client, and the few calls every test makes.

use std::path::Path;
use std::time::{Duration, Instant};

use proxy_simulator::{Config, Running, serve};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// The providers whose formats are written.
pub const PROVIDERS: [&str; 8] =
    ["replicate", "fal", "bfl", "openai", "runway", "byteplus", "alibabacloud", "cloudflare"];
/// How long a condition may take to come true.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct Rig {
    pub running: Running,
    pub client: Client,
    shutdown: CancellationToken,
    folder: Option<TempDir>,
}

impl Rig {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut rig = Self::start_in(folder.path()).await;
        rig.folder = Some(folder);
        rig
    }

    pub async fn start_in(folder: &Path) -> Self {
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let shutdown = CancellationToken::new();
        let running = serve(config(folder), shutdown.clone()).await.unwrap();
        let client = Client::builder().timeout(PATIENCE).no_proxy().build().unwrap();
        Self { running, client, shutdown, folder: None }
    }

    pub fn base(&self, provider: &str) -> &str {
        &self.running.providers[provider]
    }

    pub fn control(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.address)
    }

    /// Turns knobs, which must be accepted.
    pub async fn turn(&self, provider: &str, change: Value) -> Value {
        let url = self.control(&format!("/_sim/providers/{provider}"));
        let answer = self.client.put(url).json(&change).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{change}");
        answer.json().await.unwrap()
    }

    pub async fn submissions(&self, query: &str) -> Vec<Value> {
        let answer = self.client.get(self.control(&format!("/_sim/submissions{query}"))).send().await.unwrap();
        answer.json().await.unwrap()
    }

    /// A good submission of one image, authorised, not yet sent.
    pub fn submission(&self, provider: &str) -> RequestBuilder {
        let (path, body) = match provider {
            "replicate" => {
                ("/models/black-forest-labs/flux-schnell/predictions", json!({"input": {"prompt": "a fox"}}))
            }
            "fal" => ("/fal-ai/flux/schnell", json!({"prompt": "a fox"})),
            "bfl" => ("/v1/flux-pro-1.1", json!({"prompt": "a fox"})),
            "cloudflare" => ("/accounts/abc/ai/run/@cf/black-forest-labs/flux-1-schnell", json!({"prompt": "a fox"})),
            "openai" => ("/images/generations", json!({"model": "gpt-image-1", "prompt": "a fox"})),
            "runway" => ("/text_to_image", json!({"model": "gen4_image", "promptText": "a fox", "ratio": "1280:720"})),
            "byteplus" => {
                ("/images/generations", json!({"model": "seedream-4-0-250828", "prompt": "a fox", "size": "1K"}))
            }
            "alibabacloud" => ("/services/aigc/multimodal-generation/generation", qwen()),
            other => panic!("{other} has no formats"),
        };
        Self::authorised(provider, self.client.post(format!("{}{path}", self.base(provider)))).json(&body)
    }

    pub fn authorised(provider: &str, request: RequestBuilder) -> RequestBuilder {
        match provider {
            "fal" => request.header("authorization", "Key id:SECRETKEY"),
            "bfl" => request.header("x-key", "SECRETKEY"),
            "runway" => request.header("authorization", "Bearer SECRETKEY").header("x-runway-version", "2024-11-06"),
            "alibabacloud" => request.header("authorization", "Bearer SECRETKEY").header("x-dashscope-async", "enable"),
            _ => request.header("authorization", "Bearer SECRETKEY"),
        }
    }

    pub async fn get(&self, provider: &str, url: &str) -> Response {
        Self::authorised(provider, self.client.get(url)).send().await.unwrap()
    }

    /// Sends a body to a path and reads status and answer.
    pub async fn post(&self, provider: &str, path: &str, body: &Value) -> (u16, Value) {
        let request = self.client.post(format!("{}{path}", self.base(provider))).json(body);
        let answer = Self::authorised(provider, request).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// Asks a URL until its JSON answer satisfies the condition.
    pub async fn until(&self, provider: &str, url: &str, done: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer: Value = self.get(provider, url).await.json().await.unwrap();
            if done(&answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "still {answer}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Fetches an output without a key: content type and bytes.
    pub async fn file(&self, url: &str) -> (String, Vec<u8>) {
        let answer = self.client.get(url).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        let length: usize = answer.headers()["content-length"].to_str().unwrap().parse().unwrap();
        let bytes = answer.bytes().await.unwrap().to_vec();
        assert_eq!(bytes.len(), length);
        (kind, bytes)
    }

    /// Fetches an output and decodes it: content type, width, height.
    pub async fn image(&self, url: &str) -> (String, u32, u32) {
        let (kind, bytes) = self.file(url).await;
        let guessed = image::guess_format(&bytes).unwrap();
        assert_eq!(guessed.to_mime_type(), kind);
        let decoded = image::load_from_memory(&bytes).unwrap();
        (kind, decoded.width(), decoded.height())
    }

    /// Stops and waits, which takes less than two seconds.
    pub async fn stop(mut self) {
        let began = Instant::now();
        self.shutdown.cancel();
        (&mut self.running.done).await.unwrap().unwrap();
        assert!(began.elapsed() < Duration::from_secs(2), "took {:?}", began.elapsed());
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

pub fn config(folder: &Path) -> Config {
    Config { listen: "127.0.0.1:0".parse().unwrap(), folder: folder.to_owned(), realistic: false }
}

/// A good synchronous image call of alibabacloud.
fn qwen() -> Value {
    json!({
        "model": "qwen-image",
        "input": {"messages": [{"role": "user", "content": [{"text": "a fox"}]}]},
        "parameters": {"size": "1328*1328", "n": 1},
    })
}

/// A `multipart/form-data` body with its content type: fields, then files that are small PNGs.
pub fn form(fields: &[(&str, &str)], files: &[&str]) -> (String, Vec<u8>) {
    let mut png = Vec::new();
    let picture = image::RgbImage::new(64, 64);
    picture.write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png).unwrap();
    let mut body = Vec::new();
    for (name, value) in fields {
        let part = format!("--sea\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    for name in files {
        let head = format!("--sea\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a.png\"\r\n");
        body.extend_from_slice(format!("{head}Content-Type: image/png\r\n\r\n").as_bytes());
        body.extend_from_slice(&png);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--sea--\r\n");
    ("multipart/form-data; boundary=sea".to_owned(), body)
}

/// Callbacks as they arrive, headers and body.
pub struct Hook {
    pub url: String,
    received: tokio::sync::mpsc::Receiver<(axum::http::HeaderMap, String)>,
}

impl Hook {
    pub async fn open() -> Self {
        let (sender, received) = tokio::sync::mpsc::channel(64);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let route = axum::routing::post(move |headers: axum::http::HeaderMap, body: String| async move {
            sender.send((headers, body)).await.unwrap();
        });
        tokio::spawn(async move { axum::serve(listener, axum::Router::new().route("/hook", route)).await });
        Self { url, received }
    }

    pub async fn next(&mut self) -> (axum::http::HeaderMap, Value, String) {
        let (headers, body) = tokio::time::timeout(PATIENCE, self.received.recv()).await.unwrap().unwrap();
        (headers, serde_json::from_str(&body).unwrap(), body)
    }

    /// What has arrived by now.
    pub fn waiting(&self) -> usize {
        self.received.len()
    }
}
