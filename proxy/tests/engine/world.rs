//! The engine between a fake ledger and fake providers, for the tests beside this file. Holds no tests itself.

pub mod book;
pub mod stage;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration, time::Instant};

use bytes::Bytes;
use ledger_contract::{AccountId, ApiKeyId, MediaKind, Plan, Provider, wire::Caller};
use proxy::{
    Config,
    answer::Reply,
    config::{Deadlines, ProviderSettings},
    engine::{CreateRequest, Engine, create},
    metrics::Metrics,
};
use serde_json::{Value, json};
use uuid::Uuid;

pub use book::{Book, Fault};
pub use stage::{Behaviour, Stage};

/// A model with two polled providers, and one with a synchronous provider.
pub const POLLED: &str = "bfl/flux-1.1-pro";
pub const SYNCHRONOUS: &str = "bfl/flux-schnell";

/// What the operator's content policy refuses.
pub const FORBIDDEN: &str = "(?i)kraken";

pub struct World {
    pub engine: Arc<Engine>,
    pub book: Book,
    pub stage: Stage,
    pub caller: Caller,
    pub folder: tempfile::TempDir,
}

impl World {
    /// With deadlines short enough for a test.
    pub async fn new() -> Self {
        Self::with(short_deadlines()).await
    }

    pub async fn with(deadlines: Deadlines) -> Self {
        Self::changed(deadlines, |_| {}).await
    }

    /// With another configuration.
    pub async fn changed(deadlines: Deadlines, change: impl FnOnce(&mut Config)) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (book, stage) = (Book::default(), Stage::default());
        let ledger = serve(book::routes(book.clone())).await;
        stage.set_address(serve(stage::routes(stage.clone())).await);
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(&ledger, &stage.address(), folder.path(), deadlines);
        change(&mut config);
        let metrics = Arc::new(Metrics::new(&prometheus::Registry::new()).unwrap());
        let engine = Engine::start(&config, metrics).await.unwrap();
        let caller = Caller { account_id: AccountId(Uuid::now_v7()), apikey_id: ApiKeyId(Uuid::now_v7()) };
        Self { engine, book, stage, caller, folder }
    }

    /// A create on the image route over these providers.
    pub async fn create(&self, model: &str, order: &str) -> Reply {
        create(
            &self.engine,
            self.request(model, &json!({"generation_prompt": "x", "generation_provider_order": order})),
        )
        .await
    }

    pub fn request(&self, model: &str, body: &Value) -> CreateRequest {
        CreateRequest {
            caller: self.caller,
            plan: Plan::Pro,
            request_id: "req_1".into(),
            route_kind: MediaKind::Image,
            route_path: format!("/v1/generate/image/{model}"),
            model: model.into(),
            body: Bytes::from(body.to_string()),
            idempotency_key: None,
            prefer_wait: None,
            received_at: Instant::now(),
        }
    }

    /// Waits until the ledger was told this, in this order, other commands between.
    pub async fn told(&self, names: &[&str]) {
        let said = || {
            let mut rest = names.iter();
            let mut next = rest.next();
            for name in self.book.names() {
                if next == Some(&name) {
                    next = rest.next();
                }
            }
            next.is_none()
        };
        eventually(said, || format!("the ledger heard {:?}", self.book.names())).await;
    }

    /// Files in the artifact store, without sidecars.
    pub fn files(&self) -> usize {
        count_files(&self.folder.path().join("artifacts"))
    }
}

/// Short enough for a test, long enough for a busy machine.
pub fn short_deadlines() -> Deadlines {
    Deadlines {
        submit_ms: 800,
        image_attempt_ms: 4_000,
        video_attempt_ms: 4_000,
        image_total_ms: 12_000,
        video_total_ms: 12_000,
        create_ms: 25_000,
    }
}

/// Polls `condition`; after twenty seconds it is a failure.
pub async fn eventually(condition: impl Fn() -> bool, otherwise: impl Fn() -> String) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "{}", otherwise());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn serve(routes: axum::Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("http://{address}")
}

fn count_files(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries
        .map(|entry| {
            let path = entry.unwrap().path();
            let is_output = path.extension().is_some_and(|extension| extension != "meta");
            if path.is_dir() { count_files(&path) } else { usize::from(is_output) }
        })
        .sum()
}

fn config(ledger: &str, stage: &str, folder: &Path, deadlines: Deadlines) -> Config {
    let settings = |path: &str| ProviderSettings {
        api_key: Some("key".into()),
        base_url: Some(format!("{stage}/{path}")),
        account_id: Some("account".into()),
    };
    Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        public_url: "http://127.0.0.1".into(),
        trusted_proxies: Vec::new(),
        region: "us".into(),
        metrics_listen: None,
        ledger_url: ledger.into(),
        ledger_token: "token".into(),
        redis_url: None,
        hints_file: folder.join("hints.json"),
        artifacts_url: format!("file://{}", folder.join("artifacts").display()),
        providers: BTreeMap::from([
            (Provider::Replicate, settings("replicate")),
            (Provider::Bfl, settings("bfl")),
            (Provider::Cloudflare, settings("cloudflare")),
        ]),
        simulator_url: None,
        simulate: Vec::new(),
        catalog_folder: None,
        deadlines,
        adaptive_routing: true,
        exploration_share: 0.0,
        input_allow_private: true,
        failed_auth_per_minute: 30,
        content_policy: proxy::content::ContentPolicy::new(&[FORBIDDEN.to_owned()]).unwrap(),
        threads: 1,
    }
}
