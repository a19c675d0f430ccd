//! When passes happen: in a circle until told to stop, or once. And the same computation over a file.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use intelligence_hints::region_label;
use ledger_contract::Timestamp;
use polars::prelude::{IntoLazy, LazyFrame, PolarsResult, col, lit};
use prometheus::Registry;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::apart::apart;
use crate::archive::read_file;
use crate::config::Config;
use crate::csv;
use crate::frame::{REGION, SUBMITTED_AT, Window, frame};
use crate::lease;
use crate::metrics::Metrics;
use crate::operator;
use crate::pass::{Observatory, now};
use crate::policy::expected::Settings;
use crate::policy::{Policy, RankedModel, rank};

/// Ranks every `interval_s` and looks at health every `health_interval_s` until `shutdown`, beginning at once. A pass that
/// fails raises a metric and is tried again with the next; only a setting that can never work, or an address in use, is
/// an error here.
pub async fn serve(
    config: Config,
    registry: &Registry,
    shutdown: CancellationToken,
) -> anyhow::Result<JoinHandle<anyhow::Result<()>>> {
    let observatory = Observatory::open(&config)?;
    let metrics = Metrics::new(registry)?;
    let board = Arc::clone(&observatory.board);
    let operator = match config.metrics_listen {
        None => None,
        Some(address) => {
            let listener = TcpListener::bind(address).await.with_context(|| format!("metrics_listen {address}"))?;
            Some(operator::serve(listener, registry.clone(), metrics.clone(), board, shutdown.clone()))
        }
    };
    Ok(tokio::spawn(async move {
        let operator = tokio::spawn(async move { if let Some(serving) = operator { serving.await } else { Ok(()) } });
        circle(observatory, &config, &metrics, &shutdown).await;
        Ok(operator.await??)
    }))
}

async fn circle(mut observatory: Observatory, config: &Config, metrics: &Metrics, shutdown: &CancellationToken) {
    let mut healthy = true;
    let (mut rankings, mut watches) = (every(config.interval_s), every(config.health_interval_s));
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            due = rankings.tick() => {
                if due.elapsed() > Duration::from_secs(config.interval_s) {
                    metrics.missed();
                }
                // Waiting for a turn ends with shutdown; the pass itself is short and ends by itself.
                ranking(&mut observatory, metrics, shutdown).await;
            }
            _ = watches.tick() => healthy = watch(&mut observatory, metrics, healthy).await,
        }
    }
}

fn every(seconds: u64) -> Interval {
    let mut ticks = interval(Duration::from_secs(seconds.max(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// A ranking whose failure is a metric and a line in the log.
async fn ranking(observatory: &mut Observatory, metrics: &Metrics, shutdown: &CancellationToken) {
    let started = Instant::now();
    let Some(turn) = shutdown.run_until_cancelled(observatory.turn(lease::WAIT)).await else { return };
    let pass = match turn {
        Ok(turn) => observatory.rank(turn).await,
        Err(error) => Err(error),
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

/// A look at health whose failure is a metric, and a line in the log when it is the first in a row: it comes every few
/// seconds. Says whether it went well.
async fn watch(observatory: &mut Observatory, metrics: &Metrics, healthy: bool) -> bool {
    match observatory.watch().await {
        Ok(health) => metrics.watched(unix_seconds(health.computed_at), health.degraded.len()),
        Err(error) if error.is_held() => tracing::debug!("another job publishes health"),
        Err(error) => {
            metrics.failed("health");
            if healthy {
                tracing::warn!(%error, step = error.step(), "no health snapshots until this ends");
            }
            return false;
        }
    }
    true
}

/// One ranking and one look at health: waits for its turn, publishes, says what it published.
pub async fn run_once(config: &Config) -> anyhow::Result<Vec<RankedModel>> {
    let mut observatory = Observatory::open(config)?;
    let turn = observatory.turn(lease::WAIT).await?;
    let (_, ranked) = observatory.rank(turn).await?;
    match observatory.watch().await {
        Err(error) if !error.is_held() => Err(error.into()),
        _ => Ok(ranked),
    }
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
    let facts = facts_of(path)?;
    let Some(now) = (match now {
        Some(now) => Some(now),
        None => apart(|| latest(facts.clone()))??,
    }) else {
        return Ok(Vec::new());
    };
    let here = facts.filter(col(REGION).eq(lit(label)));
    Ok(rank(policy, here, Window { now, hours: window_hours }, &Settings::default())?)
}

/// The attempts of a CSV or Parquet file, with all columns a policy looks at.
pub fn facts_of(path: &Path) -> anyhow::Result<LazyFrame> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "csv" => Ok(frame(csv::read_file(path)?.iter())?.lazy()),
        "parquet" => Ok(apart(|| read_file(path))??),
        _ => bail!("{}: neither a .csv nor a .parquet file", path.display()),
    }
}

fn latest(facts: LazyFrame) -> PolarsResult<Option<Timestamp>> {
    let rows = facts.select([col(SUBMITTED_AT).max()]).collect()?;
    Ok(rows.column(SUBMITTED_AT)?.i64()?.get(0).map(Timestamp))
}

fn unix_seconds(moment: Timestamp) -> f64 {
    Duration::from_millis(moment.0.unsigned_abs()).as_secs_f64()
}
