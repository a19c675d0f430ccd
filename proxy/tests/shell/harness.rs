//! Starts a real proxy on a free port in front of a fake ledger, and asks it things.

use std::{
    net::SocketAddr,
    path::Path,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use proxy::{Config, Stop, config::Deadlines};
use serde_json::Value;

use crate::fake_ledger::{FakeLedger, TOKEN};

pub struct Running {
    pub address: SocketAddr,
    pub metrics: SocketAddr,
    pub ledger: FakeLedger,
    pub stop: Stop,
    pub folder: tempfile::TempDir,
    pub thread: Option<JoinHandle<anyhow::Result<()>>>,
}

pub fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

pub fn config(ledger: SocketAddr, folder: &Path) -> Config {
    let listen = free_address();
    Config {
        listen,
        public_url: format!("http://{listen}"),
        trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()],
        region: "us".to_owned(),
        metrics_listen: Some(free_address()),
        ledger_url: format!("http://{ledger}"),
        ledger_token: TOKEN.to_owned(),
        redis_url: None,
        hints_file: folder.join("hints.json"),
        artifacts_url: format!("file://{}", folder.join("artifacts").display()),
        providers: std::collections::BTreeMap::new(),
        simulator_url: None,
        simulate: Vec::new(),
        catalog_folder: None,
        deadlines: Deadlines {
            submit_ms: 8_000,
            image_attempt_ms: 120_000,
            video_attempt_ms: 600_000,
            image_total_ms: 300_000,
            video_total_ms: 1_200_000,
            create_ms: 25_000,
        },
        adaptive_routing: true,
        exploration_share: 0.0,
        input_allow_private: false,
        failed_auth_per_minute: 30,
        content_policy: proxy::content::ContentPolicy::default(),
        threads: 2,
    }
}

impl Running {
    pub fn start() -> Self {
        let ledger = FakeLedger::new();
        let folder = tempfile::tempdir().unwrap();
        let config = config(ledger.serve(), folder.path());
        let (address, metrics) = (config.listen, config.metrics_listen.unwrap());
        let stop = Stop::new();
        let told = stop.clone();
        let thread = std::thread::spawn(move || proxy::run(config, prometheus::Registry::new(), told));
        eventually("the proxy listens", || {
            std::net::TcpStream::connect(address).is_ok() && std::net::TcpStream::connect(metrics).is_ok()
        });
        Self { address, metrics, ledger, stop, folder, thread: Some(thread) }
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Got {
        let url = format!("http://{}{path}", self.address);
        let mut request = client().request(method.parse().unwrap(), url).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Got::read(request.send().await.unwrap()).await
    }

    pub async fn get(&self, path: &str, key: &str) -> Got {
        self.send("GET", path, &[("authorization", &format!("Bearer {key}"))], "").await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.at_once();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(std::thread::panicking() || ended.is_ok_and(|ended| ended.is_ok()));
        }
    }
}

/// A client without a memory of its own: each test has its own address.
fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap()
}

#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
}

impl Got {
    async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, body: response.bytes().await.unwrap().to_vec() }
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("no JSON: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The error code; empty for a success.
    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let gives_up_at = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < gives_up_at, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
