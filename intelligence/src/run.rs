//! Passes: read, rank, publish. In a circle until told to stop, or once. The edge: it reads the clock and spawns.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use intelligence_hints::region_label;
use ledger_contract::Timestamp;
use polars::prelude::{IntoLazy, PolarsError};
use prometheus::Registry;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::csv;
use crate::frame::{Window, frame};
use crate::lease::{self, Lease};
use crate::metrics::Metrics;
use crate::operator;
use crate::policy::expected::Settings;
use crate::policy::{Policy, RankedModel, rank};
use crate::publish::{PublishError, Publisher};

use crate::source::{Memory, Source, SourceError};

/// Longest reading of the book; the lease outlives reading, ranking and publishing together.
const READ_WAIT: Duration = Duration::from_secs(30);
/// Longest publishing.
const PUBLISH_WAIT: Duration = Duration::from_secs(10);

/// Why a pass published nothing.
#[derive(Debug, thiserror::Error)]
enum PassError {
    #[error("waiting for the publishing lease: {0}")]
    Lease(#[source] PublishError),
    #[error("reading attempts: {0}")]
    Read(#[from] SourceError),
    #[error("reading attempts took too long")]
    ReadTimeout,
    #[error("ranking: {0}")]
    Rank(#[from] PolarsError),
    #[error("ranking was interrupted")]
    Interrupted,
    #[error("publishing: {0}")]
    Publish(#[source] PublishError),
    #[error("publishing took too long")]
    PublishTimeout,
}

impl PassError {
    fn step(&self) -> &'static str {
        match self {
            Self::Lease(_) => "lease",
            Self::Read(_) | Self::ReadTimeout => "read",
            Self::Rank(_) | Self::Interrupted => "rank",
            Self::Publish(_) | Self::PublishTimeout => "publish",
        }
    }
}

struct Observatory {
    source: Source,
    publisher: Publisher,
    region: String,
    window_hours: u32,
}

/// Ranks every `interval_s` until `shutdown`, beginning at once. A pass that fails raises a metric and is tried again
/// with the next; only a setting that can never work, or an address in use, is an error here.
pub async fn serve(
    config: Config,
    registry: &Registry,
    shutdown: CancellationToken,
) -> anyhow::Result<JoinHandle<anyhow::Result<()>>> {
    let mut observatory = Observatory::open(&config)?;
    let metrics = Metrics::new(registry)?;
    let operator = match config.metrics_listen {
        None => None,
        Some(address) => {
            let listener = TcpListener::bind(address).await.with_context(|| format!("metrics_listen {address}"))?;
            Some(operator::serve(listener, registry.clone(), metrics.clone(), shutdown.clone()))
        }
    };
    Ok(tokio::spawn(async move {
        let operator = tokio::spawn(async move { if let Some(serving) = operator { serving.await } else { Ok(()) } });
        let mut ticks = interval(Duration::from_secs(config.interval_s.max(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            observatory.watched_pass(&metrics, &shutdown).await;
        }
        Ok(operator.await??)
    }))
}

/// One pass: waits for its turn, ranks everything resolved before it started, publishes, says what it published.
pub async fn run_once(config: &Config) -> anyhow::Result<Vec<RankedModel>> {
    let mut observatory = Observatory::open(config)?;
    let lease = Lease::acquire(&observatory.publisher, &observatory.region, lease::WAIT).await;
    let lease = lease.map_err(PassError::Lease)?;
    let pass = observatory.pass().await;
    lease.release().await;
    Ok(pass?.1)
}

/// Ranks a file of attempts without publishing anything. `now` defaults to the latest submission in the file.
pub fn rank_file(
    policy: Policy,
    path: &Path,
    region: &str,
    window_hours: u32,
    now: Option<Timestamp>,
) -> anyhow::Result<Vec<RankedModel>> {
    let label = region_label(region).with_context(|| format!("unknown region `{region}`; one of: us, eu, apac"))?;
    if window_hours == 0 {
        bail!("a window has at least 1 hour");
    }
    match path.extension().and_then(|extension| extension.to_str()) {
        Some(extension) if extension.eq_ignore_ascii_case("csv") => {}
        Some(extension) if extension.eq_ignore_ascii_case("parquet") => {
            bail!("{}: Parquet is not supported in this build; use CSV", path.display())
        }
        _ => bail!("{}: not a .csv file", path.display()),
    }
    let facts = csv::read_file(path)?;
    let Some(now) = now.or_else(|| facts.iter().map(|fact| fact.submitted_at).max()) else { return Ok(Vec::new()) };
    let here = facts.iter().filter(|fact| &*fact.region == label);
    Ok(rank(policy, frame(here)?.lazy(), Window { now, hours: window_hours }, &Settings::default())?)
}

impl Observatory {
    fn open(config: &Config) -> anyhow::Result<Self> {
        Ok(Self {
            source: Source::new(&config.database_url, &config.region)?,
            publisher: Publisher::new(config)?,
            region: config.region.clone(),
            window_hours: config.window_hours.max(1),
        })
    }

    /// A pass whose failure is a metric and a line in the log. Waiting for a turn ends with `shutdown`; the pass itself
    /// is short and ends by itself.
    async fn watched_pass(&mut self, metrics: &Metrics, shutdown: &CancellationToken) {
        let lease = Lease::acquire(&self.publisher, &self.region, lease::WAIT);
        let Some(lease) = shutdown.run_until_cancelled(lease).await else { return };
        let started = Instant::now();
        let pass = match lease {
            Err(error) => Err(PassError::Lease(error)),
            Ok(lease) => {
                let pass = self.pass().await;
                lease.release().await;
                pass
            }
        };
        match pass {
            Ok((rows, ranked)) => {
                metrics.succeeded(unix_seconds(now()), started.elapsed().as_secs_f64(), rows, ranked.len());
                tracing::debug!(rows, models = ranked.len(), "rankings published");
            }
            Err(error) => {
                metrics.failed(error.step());
                tracing::warn!(%error, step = error.step(), "no ranking this time");
            }
        }
    }

    /// Rows read, and what was published.
    async fn pass(&mut self) -> Result<(u64, Vec<RankedModel>), PassError> {
        let window = Window { now: now(), hours: self.window_hours };
        let rows = timeout(READ_WAIT, self.source.refresh(window)).await.map_err(|_| PassError::ReadTimeout)??;
        let memory = self.source.take();
        let (memory, ranked) = rank_aside(memory, window).await?;
        self.source.restore(memory);
        let ranked = ranked?;
        let published = timeout(PUBLISH_WAIT, self.publisher.publish(&ranked, window.now)).await;
        published.map_err(|_| PassError::PublishTimeout)?.map_err(PassError::Publish)?;
        Ok((rows, ranked))
    }
}

/// Polars computes for as long as it takes, so it never does it on a thread that serves.
async fn rank_aside(
    memory: Memory,
    window: Window,
) -> Result<(Memory, Result<Vec<RankedModel>, PolarsError>), PassError> {
    let work = move || {
        let ranked = frame(memory.facts())
            .and_then(|facts| rank(Policy::Documented, facts.lazy(), window, &Settings::default()));
        (memory, ranked)
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| PassError::Interrupted)
}

fn now() -> Timestamp {
    Timestamp(chrono::Utc::now().timestamp_millis())
}

fn unix_seconds(moment: Timestamp) -> f64 {
    Duration::from_millis(moment.0.unsigned_abs()).as_secs_f64()
}
