//! Builds the ledger in dependency order, runs it, and stops it so that every answered promise is kept.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use axum::{Router, serve::ListenerExt};
use ledger_artifacts::Artifacts;
use ledger_store::Store;
use prometheus::Registry;
use tokio::{
    net::TcpListener,
    sync::Semaphore,
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

use crate::{
    archivist::Archivist,
    clock,
    committer::{Committer, Worker, committer},
    config::{Config, Timing, without_password},
    feed::Feeds,
    internal,
    metrics::Metrics,
    operator,
    recovery::{Leases, Recovery},
    request_log::{RequestLog, RequestLogSweeper},
    routes::{self, Token},
    sweeper::Sweeper,
    touches::Touches,
};

/// A ledger that serves.
#[derive(Debug)]
pub struct Running {
    /// Where; the port is the one that was really taken.
    pub address: SocketAddr,
    /// Ends after a stop, or with an error when a part of it ended by itself.
    pub done: JoinHandle<anyhow::Result<()>>,
}

/// What handlers share.
pub(crate) struct App {
    pub(crate) store: Store,
    pub(crate) committer: Committer,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) leases: Arc<Leases>,
    pub(crate) touches: Arc<Touches>,
    pub(crate) feeds: Arc<Feeds>,
    /// Keys of another region's stack are nobody's here.
    pub(crate) region: String,
    pub(crate) request_log: RequestLog,
    pub(crate) archivist: Archivist,
    pub(crate) routing: internal::routing::Applied,
    pub(crate) token: Token,
    /// Key hashes that may be computed at once.
    pub(crate) hashing: Semaphore,
    pub(crate) timing: Timing,
}

/// Starts a ledger on the current runtime: opens the database, lets every open lease run anew, listens. It serves from
/// the moment this returns until `shutdown` is cancelled; then running calls end and what they promised is committed.
///
/// # Errors
/// No token, a database or folder that can't be opened, an address that is taken.
pub async fn serve(config: Config, registry: &Registry, shutdown: CancellationToken) -> anyhow::Result<Running> {
    anyhow::ensure!(!config.token.is_empty(), "no ledger token: set BABYSEA_LEDGER_TOKEN or ledger.token");
    let metrics = Arc::new(Metrics::new(registry).context("cannot register the ledger's metrics")?);
    let listener = listen(config.listen).await?;
    let operator = match config.metrics_listen {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    let address = listener.local_addr()?;
    let artifacts = Artifacts::open(&config.artifacts_url).context("cannot open the artifact store")?;
    let store = Store::open_with(&config.database_url, config.connections)
        .await
        .with_context(|| format!("cannot open the database {}", without_password(&config.database_url)))?;
    let lease_ms = clock::millis(config.timing.lease);
    store.renew_all_leases(clock::now().plus_ms(lease_ms)).await.context("cannot renew leases")?;

    let request_log = RequestLog::open(&store).await.context("cannot read the deployment's secret")?;
    let leases = Arc::new(Leases::default());
    let (committer, worker) = committer(store.clone(), Arc::clone(&metrics), Arc::clone(&leases), config.bounds);
    let app = Arc::new(App {
        store: store.clone(),
        committer,
        metrics: Arc::clone(&metrics),
        leases,
        touches: Arc::default(),
        feeds: Arc::new(Feeds::new()),
        region: config.region.clone(),
        request_log,
        archivist: Archivist { store: store.clone(), artifacts: artifacts.clone() },
        routing: internal::routing::Applied::default(),
        token: Token::new(&config.token),
        hashing: Semaphore::new(std::thread::available_parallelism().map_or(1, std::num::NonZero::get)),
        timing: config.timing,
    });
    metrics.database_up(true);
    let (stop, closing) = (shutdown.child_token(), store.clone());
    let mut tasks = background(&app, artifacts, &stop);
    if let Some(operator) = operator {
        tasks.spawn(http("operator", operator, operator::router(registry.clone(), store), stop.clone()));
    }
    tasks.spawn(http("calls", listener, routes::router(app), stop.clone()));
    tracing::info!(%address, region = config.region, "the ledger serves");
    let done = tokio::spawn(supervise(tasks, worker, stop, config.timing.drain, closing));
    Ok(Running { address, done })
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

/// The part that ended, and how.
type Ended = (&'static str, anyhow::Result<()>);

fn background(app: &Arc<App>, artifacts: Artifacts, stop: &CancellationToken) -> JoinSet<Ended> {
    let mut tasks = JoinSet::new();
    let App { store, committer, metrics, leases, touches, timing, .. } = app.as_ref();
    let recovery = Recovery {
        store: store.clone(),
        committer: committer.clone(),
        metrics: Arc::clone(metrics),
        leases: Arc::clone(leases),
        lease: timing.lease,
        interval: timing.recovery_interval,
    };
    let sweeper = Sweeper {
        store: store.clone(),
        artifacts,
        archivist: app.archivist.clone(),
        metrics: Arc::clone(metrics),
        interval: timing.sweep_interval,
    };
    let touching = write_touches(store.clone(), Arc::clone(touches), timing.touch_interval, stop.clone());
    tasks.spawn(until_stopped("recovery", recovery.run(stop.clone())));
    tasks.spawn(until_stopped("sweeper", sweeper.run(stop.clone())));
    tasks.spawn(until_stopped("touches", touching));
    tasks.spawn(until_stopped("request log", RequestLogSweeper { store: store.clone() }.run(stop.clone())));
    tasks
}

async fn until_stopped(name: &'static str, task: impl Future<Output = ()>) -> Ended {
    task.await;
    (name, Ok(()))
}

/// Writes last uses every interval, and once more at the end.
async fn write_touches(store: Store, touches: Arc<Touches>, interval: Duration, stop: CancellationToken) {
    loop {
        let stopping = stop.run_until_cancelled(tokio::time::sleep(interval)).await.is_none();
        let uses = touches.take(clock::now());
        if !uses.is_empty()
            && let Err(error) = store.touch_keys(&uses).await
        {
            // A display value: the next use brings a newer one.
            tracing::warn!(%error, "last uses of keys were not written");
        }
        if stopping {
            return;
        }
    }
}

async fn http(name: &'static str, listener: TcpListener, router: Router, stop: CancellationToken) -> Ended {
    let listener = listener.tap_io(|stream| {
        // Small answers must not wait for an acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
    });
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await;
    (name, served.map_err(Into::into))
}

/// Waits for the stop, or for a part that ended without one; then for everything else, at most `drain`. The committer is
/// the last: it ends when nobody can ask it any more, and what it took is committed.
async fn supervise(
    mut tasks: JoinSet<Ended>,
    worker: Worker,
    stop: CancellationToken,
    drain: Duration,
    store: Store,
) -> anyhow::Result<()> {
    let mut worker = tokio::spawn(worker.run());
    let early = tokio::select! {
        // A stop also ends the parts: it is looked at first, so that they are not blamed for it.
        biased;
        () = stop.cancelled() => None,
        Some(ended) = tasks.join_next() => Some(name_of(ended)),
        _ = &mut worker => Some("the committer"),
    };
    stop.cancel();
    let rest = async {
        while tasks.join_next().await.is_some() {}
        if !worker.is_finished() {
            let _ = (&mut worker).await;
        }
    };
    if tokio::time::timeout(drain, rest).await.is_err() {
        tracing::warn!("calls that did not end in time are dropped");
    }
    // Leaves one whole database file behind; what is committed is safe without it.
    let _ = tokio::time::timeout(Duration::from_secs(1), store.close()).await;
    match early {
        Some(part) => Err(anyhow::anyhow!("the ledger's part `{part}` ended by itself")),
        None => Ok(()),
    }
}

fn name_of(ended: Result<Ended, tokio::task::JoinError>) -> &'static str {
    match ended {
        Ok((name, Ok(()))) => name,
        Ok((name, Err(error))) => {
            tracing::error!(part = name, %error, "a part failed");
            name
        }
        Err(error) => {
            tracing::error!(%error, "a part panicked");
            "a background task"
        }
    }
}
