//! One pass: read, rank or look at health, publish. The edge: it reads the clock, and waits for its turn.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use intelligence_hints::{Health, Ranking, health_key, ranking_key};
use ledger_contract::Timestamp;
use polars::prelude::{IntoLazy, PolarsError};
use serde::Serialize;
use tokio::time::timeout;

use crate::archive::{Archive, ArchiveError};
use crate::config::Config;
use crate::explain::{Board, Explained};
use crate::frame::{Fact, Window, frame};
use crate::health::{RECENT_MS, health, slow_after};
use crate::lease::Lease;
use crate::policy::expected::{Settings, standings};
use crate::policy::summed::Summed;
use crate::policy::{Policy, RankedModel, rank, ranked};
use crate::publish::{PublishError, Publisher};
use crate::source::{Source, SourceError};

/// Longest reading of the book; the lease outlives reading, ranking and publishing together.
const READ_WAIT: Duration = Duration::from_secs(30);
/// Longest publishing.
const PUBLISH_WAIT: Duration = Duration::from_secs(10);

/// Why a pass published nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PassError {
    #[error("waiting for the publishing lease: {0}")]
    Lease(#[source] PublishError),
    #[error("reading attempts: {0}")]
    Read(#[from] SourceError),
    #[error("reading attempts took too long")]
    ReadTimeout,
    #[error("ranking: {0}")]
    Rank(#[from] ArchiveError),
    #[error("ranking: {0}")]
    Polars(#[from] PolarsError),
    #[error("ranking was interrupted")]
    Interrupted,
    #[error("publishing: {0}")]
    Publish(#[source] PublishError),
    #[error("publishing took too long")]
    PublishTimeout,
}

impl PassError {
    pub fn step(&self) -> &'static str {
        match self {
            Self::Lease(_) => "lease",
            Self::Read(_) | Self::ReadTimeout => "read",
            Self::Rank(_) | Self::Polars(_) | Self::Interrupted => "rank",
            Self::Publish(_) | Self::PublishTimeout => "publish",
        }
    }

    /// Whether another job simply has its turn.
    pub fn is_held(&self) -> bool {
        matches!(self, Self::Lease(PublishError::LeaseHeld))
    }
}

/// What passes share.
pub(crate) struct Observatory {
    source: Source,
    publisher: Publisher,
    region: String,
    window_hours: u32,
    policy: Policy,
    settings: Settings,
    summed: Summed,
    slow_after_ms: Arc<HashMap<(String, String), f64>>,
    pub board: Arc<Board>,
}

/// Why a model's providers stand as they do: what the proxies are told, and what the attempts say now.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// What the attempts kept and in flight say now; `None` when there are none in the window.
    pub now: Option<Explained>,
    /// The ranking in force.
    pub ranking: Option<Ranking>,
    /// The health snapshot in force.
    pub health: Option<Health>,
}

/// Explains a model without publishing anything and without a turn: what a running job has kept is enough.
pub async fn explain(config: &Config, model: &str) -> anyhow::Result<Explanation> {
    let mut observatory = Observatory::open(config)?;
    let window = Window { now: now(), hours: observatory.window_hours };
    let open = observatory.source.in_flight(window).await?;
    let found = observatory.compute(open, window).await?;
    let published = |key: String| {
        let publisher = observatory.publisher.clone();
        async move { publisher.read(&key, window.now).await }
    };
    let ranking = published(ranking_key(&config.region, model)).await?;
    let health = published(health_key(&config.region)).await?.and_then(|text| Health::parse(&text, window.now).ok());
    let here = found.explained.into_iter().find(|one| one.model == model);
    Ok(Explanation {
        now: here.map(|one| one.under(health.as_ref())),
        ranking: ranking.and_then(|text| Ranking::parse(&text, window.now).ok()),
        health,
    })
}

/// What came out of a ranking.
struct Ranked {
    models: Vec<RankedModel>,
    explained: Vec<Explained>,
    slow_after_ms: HashMap<(String, String), f64>,
}

impl Observatory {
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let Config { database_url, region, attempts_folder, retention_days, .. } = config;
        Ok(Self {
            source: Source::new(database_url, region, attempts_folder, retention_days.saturating_mul(24))?,
            publisher: Publisher::new(config)?,
            region: region.clone(),
            window_hours: config.window_hours.max(1),
            policy: config.policy,
            settings: Settings::default(),
            summed: Summed::default(),
            slow_after_ms: Arc::default(),
            board: Arc::default(),
        })
    }

    /// Waits for its turn.
    pub async fn turn(&self, wait: Duration) -> Result<Lease, PassError> {
        Lease::acquire(&self.publisher, &self.region, wait).await.map_err(PassError::Lease)
    }

    /// Ranks everything resolved before it started, publishes. Says how many attempts were new, and what was published.
    pub async fn rank(&mut self, turn: Lease) -> Result<(u64, Vec<RankedModel>), PassError> {
        let pass = self.rank_holding_the_lease().await;
        turn.release().await;
        pass
    }

    /// Looks at the last minutes and publishes a snapshot, unless another job has its turn.
    pub async fn watch(&mut self) -> Result<Health, PassError> {
        let now = now();
        let reading = async {
            let mut facts = self.source.just_ended(now.plus_ms(-RECENT_MS)).await?;
            facts.extend(self.source.in_flight(Window { now, hours: self.window_hours }).await?);
            Ok::<_, SourceError>(facts)
        };
        let facts = timeout(READ_WAIT, reading).await.map_err(|_| PassError::ReadTimeout)??;
        let (region, slow) = (self.region.clone(), Arc::clone(&self.slow_after_ms));
        let found = aside(move || -> Result<Health, PolarsError> {
            let slow_after = |model: &str, provider: &str| slow.get(&(model.to_owned(), provider.to_owned())).copied();
            let slow_after = |model: &str, provider: &str| slow_after(model, provider).unwrap_or(f64::INFINITY);
            health(frame(facts.iter())?.lazy(), &region, now, &slow_after)
        });
        let found = found.await??;
        let lease = self.turn(Duration::ZERO).await?;
        let published = timeout(PUBLISH_WAIT, self.publisher.publish_health(&self.region, &found, now)).await;
        lease.release().await;
        published.map_err(|_| PassError::PublishTimeout)?.map_err(PassError::Publish)?;
        self.board.show_health(found.clone());
        Ok(found)
    }

    async fn rank_holding_the_lease(&mut self) -> Result<(u64, Vec<RankedModel>), PassError> {
        let window = Window { now: now(), hours: self.window_hours };
        let reading = async {
            let rows = self.source.refresh(window).await?;
            Ok::<_, SourceError>((rows, self.source.in_flight(window).await?))
        };
        let (rows, open) = timeout(READ_WAIT, reading).await.map_err(|_| PassError::ReadTimeout)??;
        let Ranked { models, explained, slow_after_ms } = self.compute(open, window).await?;
        let published = timeout(PUBLISH_WAIT, self.publisher.publish(&models, window.now)).await;
        published.map_err(|_| PassError::PublishTimeout)?.map_err(PassError::Publish)?;
        self.slow_after_ms = Arc::new(slow_after_ms);
        self.board.show(explained);
        Ok((rows, models))
    }

    /// Polars computes for as long as it takes, so it never does it on a thread that serves.
    async fn compute(&mut self, open: Vec<Fact>, window: Window) -> Result<Ranked, PassError> {
        let archive = self.source.open().await?;
        let (mut summed, policy, settings) = (std::mem::take(&mut self.summed), self.policy, self.settings);
        let (archive, summed, ranked) = aside(move || {
            let ranked = compute(&archive, &mut summed, &open, window, policy, &settings);
            (archive, summed, ranked)
        })
        .await?;
        self.source.restore(archive);
        self.summed = summed;
        Ok(ranked?)
    }
}

fn compute(
    archive: &Archive,
    summed: &mut Summed,
    open: &[Fact],
    window: Window,
    policy: Policy,
    settings: &Settings,
) -> Result<Ranked, ArchiveError> {
    let groups = summed.groups(archive, open, window, settings)?;
    let models: Vec<RankedModel> = match policy {
        Policy::Ours => groups.iter().cloned().map(|group| ranked(group, window, settings)).collect(),
        Policy::Documented => rank(policy, archive.facts(window, &[])?, window, settings)?,
    };
    let explained = models.iter().map(|model| Explained::new(model, policy, &groups, settings)).collect();
    let mut slow_after_ms = HashMap::new();
    for group in &groups {
        let standings = standings(&group.providers, settings);
        let slow = slow_after(&standings).map(|(provider, ms)| ((group.model.clone(), provider.to_owned()), ms));
        slow_after_ms.extend(slow);
    }
    Ok(Ranked { models, explained, slow_after_ms })
}

async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, PassError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| PassError::Interrupted)
}

/// The only clock of this package.
pub(crate) fn now() -> Timestamp {
    Timestamp(chrono::Utc::now().timestamp_millis())
}
