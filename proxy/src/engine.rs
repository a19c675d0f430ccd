//! Everything that talks to the ledger and to providers, built once and shared. Lives on the runtime it was started on; the
//! request side calls into it and waits.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use dashmap::DashMap;
use ledger_artifacts::Artifacts;
use ledger_contract::{ErrorCode, GenerationId, HolderId, PublicError, command::Refund};
use ledger_guard::GuardedClient;
use proxy_normalize::Catalogue;
use tokio::{runtime::Handle, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, info};
use uuid::Uuid;

use crate::{
    Config,
    breaker::{Breakers, shared},
    callbacks::Callbacks,
    config::Deadlines,
    content::ContentPolicy,
    follow::{
        lease::{self, Lease},
        takeover,
    },
    hints::{self, Rankings, Source},
    inputs,
    ledger::LedgerClient,
    metrics::Metrics,
    outputs::{self, budget::MediaBudget},
    provider::{ProviderClient, endpoints::Endpoints},
    routing::{self, Routing},
    wait::hub::Hub,
};

pub use crate::{
    cancel::{cancel, delete},
    create::{CreateRequest, create},
};

/// How often time-driven gauges are refreshed.
const SHOW_EVERY: Duration = Duration::from_secs(5);

/// What the engine is made of.
pub struct Engine {
    /// The book of record.
    pub ledger: LedgerClient,
    /// Models, prices, mappings.
    pub catalogue: Arc<Catalogue>,
    /// Who can be called, and where.
    pub endpoints: Endpoints,
    /// How they are called.
    pub providers: ProviderClient,
    /// Who may be called right now.
    pub breakers: Breakers,
    /// Who is not to be called, by an operator's word.
    pub routing: Routing,
    /// Who should be called first.
    pub rankings: Arc<Rankings>,
    /// Where outputs are kept.
    pub artifacts: Artifacts,
    /// Which prompts are refused.
    pub content: ContentPolicy,
    /// Fetches what customers name.
    pub inputs: GuardedClient,
    /// Fetches what providers made.
    pub downloads: reqwest::Client,
    /// Media that may be in memory at once.
    pub media: MediaBudget,
    /// Numbers for operators.
    pub metrics: Arc<Metrics>,
    /// How long things may take.
    pub deadlines: Deadlines,
    /// Whether `fastest` uses rankings.
    pub adaptive_routing: bool,
    /// Share of `fastest` requests that explore.
    pub exploration_share: f64,
    /// This process, for as long as it lives.
    pub holder: HolderId,
    /// Its sign of life.
    pub lease: Lease,
    /// Generations that this process follows, and how to stop following one.
    pub running: DashMap<GenerationId, CancellationToken>,
    /// Work that a stopping process waits for.
    pub tracker: TaskTracker,
    /// Work that is resumed at the next start.
    pub follows: TaskTracker,
    /// Set when the process stops.
    pub draining: CancellationToken,
    /// Who waits for a generation to move.
    pub hub: Arc<Hub>,
    /// What providers say unasked.
    pub callbacks: Callbacks,
    /// Base of every URL that points at us, without a trailing slash.
    pub public_url: String,
    /// Set when the process begins to stop: nobody is kept waiting from then on.
    pub closing: CancellationToken,
    /// Where the work runs.
    pub runtime: Handle,
}

impl Engine {
    /// Builds everything and starts the background work, on the current runtime. The process must have installed a rustls
    /// provider.
    pub async fn start(config: &Config, metrics: Arc<Metrics>) -> anyhow::Result<Arc<Self>> {
        let source = match &config.redis_url {
            Some(url) => Source::redis(url).context("redis_url")?,
            None => Source::File(config.hints_file.clone()),
        };
        let engine = Arc::new(Self::build(config, metrics).await?);
        if let Some(url) = &config.redis_url {
            let client = redis::Client::open(url.as_str()).context("redis_url")?;
            tokio::spawn(shared::share(engine.breakers.clone(), client, config.region.clone(), engine.holder));
        }
        engine.start_background(config, source);
        Ok(engine)
    }

    async fn build(config: &Config, metrics: Arc<Metrics>) -> anyhow::Result<Self> {
        Ok(Self {
            ledger: LedgerClient::start(&config.ledger_url, &config.ledger_token, Arc::clone(&metrics))?,
            catalogue: Arc::new(read_catalogue(config.catalog_folder.as_deref())?),
            endpoints: Endpoints::find(config).await?,
            providers: ProviderClient::new()?,
            breakers: Breakers::new(Arc::clone(&metrics)),
            routing: Routing::default(),
            rankings: Arc::new(Rankings::default()),
            artifacts: Artifacts::open(&config.artifacts_url)?,
            content: config.content_policy.clone(),
            inputs: inputs::client(config.input_allow_private)?,
            downloads: outputs::download_client()?,
            media: MediaBudget::default(),
            metrics,
            deadlines: config.deadlines,
            adaptive_routing: config.adaptive_routing,
            exploration_share: config.exploration_share,
            holder: HolderId(Uuid::now_v7()),
            lease: Lease::default(),
            running: DashMap::new(),
            tracker: TaskTracker::new(),
            follows: TaskTracker::new(),
            draining: CancellationToken::new(),
            hub: Arc::default(),
            callbacks: Callbacks::new(&config.public_url, &config.ledger_token),
            public_url: config.public_url.clone(),
            closing: CancellationToken::new(),
            runtime: Handle::current(),
        })
    }

    fn start_background(self: &Arc<Self>, config: &Config, source: Source) {
        let models = self.catalogue.models().map(|model| model.id().to_owned()).collect();
        let (rankings, metrics) = (Arc::clone(&self.rankings), Arc::clone(&self.metrics));
        tokio::spawn(hints::refresh(rankings, source, config.region.clone(), models, metrics));
        tokio::spawn(lease::renew(Arc::clone(self)));
        tokio::spawn(routing::follow(Arc::clone(self)));
        tokio::spawn(takeover::take_over(Arc::clone(self)));
        tokio::spawn(show_breakers(self.breakers.clone()));
    }

    /// Stops taking over, and waits at most `limit` for creates to be answered and written. What is followed is dropped with
    /// the runtime: its lease runs out and it is resumed by another process, or at the next start.
    pub async fn drain(&self, limit: Duration) {
        self.draining.cancel();
        self.tracker.close();
        if timeout(limit, self.tracker.wait()).await.is_err() {
            error!(unfinished = self.tracker.len(), "stopping although creates still run");
        }
        info!(open = self.running.len(), "drained");
    }

    /// Spawns work that owns an open generation. If it breaks off, the generation is failed and refunded: a bug must not
    /// hold a customer's credits.
    pub fn supervise(self: &Arc<Self>, generation_id: GenerationId, work: impl Future<Output = ()> + Send + 'static) {
        let engine = Arc::clone(self);
        self.follows.spawn_on(
            async move {
                if tokio::spawn(work).await.is_err_and(|error| error.is_panic()) {
                    error!(%generation_id, "following broke off");
                    engine.refund_broken(generation_id).await;
                }
            },
            &self.runtime,
        );
    }

    /// In the background, see [`Engine::refund_broken`].
    pub fn settle_broken(self: &Arc<Self>, generation_id: GenerationId) {
        let engine = Arc::clone(self);
        self.follows.spawn_on(async move { engine.refund_broken(generation_id).await }, &self.runtime);
    }

    /// Fails and refunds a generation that this process lost track of.
    pub async fn refund_broken(&self, generation_id: GenerationId) {
        let error = PublicError::new(ErrorCode::InternalError, "The generation was interrupted");
        let _ = self.ledger.land(Refund { generation_id, error, attempt: None }).await;
    }
}

async fn show_breakers(breakers: Breakers) {
    let mut ticks = tokio::time::interval(SHOW_EVERY);
    loop {
        ticks.tick().await;
        breakers.show();
    }
}

/// The built-in models, overridden by those in `folder`.
fn read_catalogue(folder: Option<&Path>) -> anyhow::Result<Catalogue> {
    let catalogue = Catalogue::embedded()?;
    let Some(folder) = folder else { return Ok(catalogue) };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("catalog_folder {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            files.push((path.display().to_string(), text));
        }
    }
    files.sort();
    Ok(catalogue.with_overrides(&files)?)
}
