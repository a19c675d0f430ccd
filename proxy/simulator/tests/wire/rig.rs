//! A running simulator with a client, and the few calls every test makes.

use std::path::Path;
use std::time::{Duration, Instant};

use proxy_simulator::{Config, Running, serve};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// The providers whose formats are written.
pub const PROVIDERS: [&str; 4] = ["replicate", "fal", "bfl", "cloudflare"];
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
            "replicate" => (
                "/models/black-forest-labs/flux-schnell/predictions",
                serde_json::json!({"input": {"prompt": "a fox"}}),
            ),
            "fal" => ("/fal-ai/flux/schnell", serde_json::json!({"prompt": "a fox"})),
            "bfl" => ("/v1/flux-pro-1.1", serde_json::json!({"prompt": "a fox"})),
            "cloudflare" => {
                ("/accounts/abc/ai/run/@cf/black-forest-labs/flux-1-schnell", serde_json::json!({"prompt": "a fox"}))
            }
            other => panic!("{other} has no formats"),
        };
        Self::authorised(provider, self.client.post(format!("{}{path}", self.base(provider)))).json(&body)
    }

    pub fn authorised(provider: &str, request: RequestBuilder) -> RequestBuilder {
        match provider {
            "fal" => request.header("authorization", "Key id:SECRETKEY"),
            "bfl" => request.header("x-key", "SECRETKEY"),
            _ => request.header("authorization", "Bearer SECRETKEY"),
        }
    }

    pub async fn get(&self, provider: &str, url: &str) -> Response {
        Self::authorised(provider, self.client.get(url)).send().await.unwrap()
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
