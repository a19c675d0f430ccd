//! One ledger per test, and the words to talk to it.

use std::{net::SocketAddr, time::Duration};

use ledger::{
    Config,
    config::{Bounds, Timing},
};
use ledger_artifacts::Artifacts;
use ledger_contract::{
    AccountId, Credits, GenerationId, HolderId, MediaKind, MicroUsd, Plan, Provider, Scope, Timestamp,
    access::Account,
    command::{AcceptAttempt, Answer, Charge, Command, Reserve},
    generation::{AttemptStart, Output},
    wire::{self, AnswerBatch, AuditReport, Caller, CommandBatch, CreatedKey, NewAccount, NewKey},
};
use ledger_store::Store;
use prometheus::Registry;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub const TOKEN: &str = "test-token";
pub const REQUEST_ID: &str = "req_0123456789abcdef0123456789abcdef";
pub const PUBLIC_URL: &str = "https://api.example.com";

/// A running ledger with a folder of its own.
pub struct Stack {
    pub url: String,
    pub registry: Registry,
    pub folder: tempfile::TempDir,
    http: reqwest::Client,
    shutdown: CancellationToken,
    done: tokio::task::JoinHandle<anyhow::Result<()>>,
}

/// A folder for a ledger that is not started yet.
pub struct Bed {
    pub folder: tempfile::TempDir,
    pub config: Config,
}

/// An account with a key.
#[derive(Clone)]
pub struct Tenant {
    pub caller: Caller,
    pub key: CreatedKey,
}

pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(since.as_millis()).unwrap())
}

/// Waits for what happens in the background.
pub async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !condition().await {
        assert!(tokio::time::Instant::now() < deadline, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

impl Bed {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        let hour = Duration::from_hours(1);
        let config = Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            database_url: format!("sqlite://{path}/book.db"),
            connections: 8,
            token: TOKEN.to_owned(),
            artifacts_url: format!("file://{path}/artifacts"),
            region: "us".to_owned(),
            metrics_listen: None,
            bounds: Bounds { queue_calls: 1_024, batch_commands: 4_096 },
            timing: Timing {
                request: Duration::from_secs(20),
                drain: Duration::from_secs(5),
                lease: hour,
                recovery_interval: hour,
                sweep_interval: hour,
                touch_interval: hour,
            },
        };
        Self { folder, config }
    }

    pub async fn store(&self) -> Store {
        Store::open(&self.config.database_url).await.unwrap()
    }

    pub fn artifacts(&self) -> Artifacts {
        Artifacts::open(&self.config.artifacts_url).unwrap()
    }

    pub async fn start(self) -> Stack {
        // Another test of this process may have installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let shutdown = CancellationToken::new();
        let registry = Registry::new();
        let running = ledger::serve(self.config, &registry, shutdown.clone()).await.unwrap();
        Stack {
            url: format!("http://{}", running.address),
            registry,
            folder: self.folder,
            http: reqwest::Client::new(),
            shutdown,
            done: running.done,
        }
    }
}

impl Stack {
    pub async fn start() -> Self {
        Bed::new().start().await
    }

    /// Stops it; every test ends with a clean book.
    pub async fn end(self) {
        let report: AuditReport = self.post(wire::AUDIT, &json!({})).await;
        assert_eq!(report.violations, Vec::<String>::new());
        self.stop().await;
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        let done = tokio::time::timeout(Duration::from_secs(10), self.done).await;
        done.expect("it stops in time").unwrap().unwrap();
    }

    /// Stops it, lets `commands` have happened ten minutes ago, and starts it again in the same folder.
    pub async fn restart_with(self, bed: Bed, commands: Vec<Command>) -> Self {
        let Self { folder, shutdown, done, .. } = self;
        shutdown.cancel();
        done.await.unwrap().unwrap();
        let path = folder.path().display();
        let database_url = format!("sqlite://{path}/book.db");
        let store = Store::open(&database_url).await.unwrap();
        store.apply(&commands, now().plus_ms(-600_000)).await.unwrap();
        let artifacts_url = format!("file://{path}/artifacts");
        let config = Config { database_url, artifacts_url, ..bed.config };
        Bed { folder, config }.start().await
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().unwrap();
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(TOKEN)
    }

    /// Status and body of any call.
    pub async fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let answer = self.request(method, path).json(body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> T {
        let answer = self.request("POST", path).json(body).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    pub async fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> T {
        let answer = self.request("PUT", path).json(body).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        let answer = self.request("GET", path).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.unwrap()
    }

    pub async fn commit(&self, commands: Vec<Command>) -> Vec<Answer> {
        self.post::<AnswerBatch>(wire::COMMANDS, &CommandBatch { commands }).await.answers
    }

    /// A public read as the proxy asks for it.
    pub async fn read(&self, caller: Caller, path: &str) -> (u16, Value) {
        let request = self
            .request("GET", path)
            .header(wire::HEADER_ACCOUNT_ID, caller.account_id.to_string())
            .header(wire::HEADER_APIKEY_ID, caller.apikey_id.to_string())
            .header(wire::HEADER_REQUEST_ID, REQUEST_ID)
            .header(wire::HEADER_PUBLIC_URL, PUBLIC_URL);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/json; charset=utf-8");
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// `data` of a public read that succeeds.
    pub async fn data(&self, caller: Caller, path: &str) -> Value {
        let (status, mut body) = self.read(caller, path).await;
        assert_eq!(status, 200, "{path}: {body}");
        body["data"].take()
    }

    pub async fn account(&self, credits: Credits) -> Account {
        self.post(wire::ACCOUNTS, &NewAccount { name: "Test".to_owned(), plan: Plan::Pro, credits }).await
    }

    pub async fn tenant(&self, credits: Credits) -> Tenant {
        let account_id = self.account(credits).await.account_id;
        let key: CreatedKey = self.post(wire::KEYS, &new_key(account_id)).await;
        Tenant { caller: Caller { account_id, apikey_id: key.key.apikey_id }, key }
    }

    pub async fn balance(&self, account_id: AccountId) -> Credits {
        self.get::<wire::Balance>(&format!("{}/{account_id}", wire::BALANCES)).await.balance
    }

    /// The database behind the ledger's back.
    pub async fn database(&self) -> sqlx::SqliteConnection {
        use sqlx::Connection;
        let path = self.folder.path().join("book.db");
        sqlx::SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap()
    }

    /// Value of the metric line that begins like this.
    pub fn metric(&self, line: &str) -> Option<f64> {
        let text = prometheus::TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap();
        let found = text.lines().find_map(|found| found.strip_prefix(line).map(str::to_owned));
        found.and_then(|value| value.trim().parse().ok())
    }
}

pub fn new_key(account_id: AccountId) -> NewKey {
    NewKey {
        account_id,
        name: "main".to_owned(),
        scopes: Scope::ALL.to_vec(),
        allow_ips: Vec::new(),
        expires_at: None,
        budget: None,
    }
}

pub fn start_at(provider: Provider) -> AttemptStart {
    AttemptStart { provider, native_model: "native".to_owned(), estimated_cost: MicroUsd(3_000), simulated: true }
}

pub fn reserve(caller: Caller, amount: Credits) -> Reserve {
    let Value::Object(request) = json!({
        "generation_prompt": "a sea",
        "generation_ratio": "16:9",
        "generation_output_format": "png",
        "generation_output_number": 1,
        "generation_seed": 7,
    }) else {
        unreachable!()
    };
    Reserve {
        account_id: caller.account_id,
        apikey_id: caller.apikey_id,
        generation_id: GenerationId(Uuid::now_v7()),
        amount,
        model: "bfl/flux-schnell".to_owned(),
        kind: MediaKind::Image,
        request,
        provider_order: vec![Provider::Replicate, Provider::Fal],
        deadline_at: now().plus_ms(300_000),
        claim: None,
        first_attempt: Some(start_at(Provider::Replicate)),
        holder: HolderId(Uuid::now_v7()),
    }
}

pub fn accept(generation_id: GenerationId) -> Command {
    let handle = json!({"prediction_id": "p-1"});
    Command::AcceptAttempt(AcceptAttempt { generation_id, attempt_order: 1, prediction_id: "p-1".to_owned(), handle })
}

pub fn charge(generation_id: GenerationId, key: &str) -> Command {
    let output = Output { key: key.to_owned(), content_type: "image/png".to_owned(), bytes: 3 };
    let outputs = vec![output];
    Command::Charge(Charge { generation_id, attempt_order: Some(1), outputs, predict_time_ms: Some(1_250) })
}

/// The keys of an object, in the order they were sent.
pub fn names(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}
