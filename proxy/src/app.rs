//! Builds the proxy in dependency order and runs it until it is told to stop.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread::available_parallelism,
    time::{Duration, Instant},
};

use anyhow::Context;
use async_trait::async_trait;
use pingora::{
    apps::HttpServerOptions,
    proxy::ProxyServiceBuilder,
    server::{RunArgs, Server, ShutdownSignal, ShutdownSignalWatch, configuration::ServerConf},
    services::listening::Service,
};
use prometheus::Registry;
use tokio::runtime::{Builder, Handle, Runtime};
use tracing::{info, warn};

use crate::{
    Config,
    counts::{CountSink, Counts, REPORT_EVERY},
    drain::{Drain, Stop},
    engine::Engine,
    identify::{self, Identifier},
    ledger::LedgerClient,
    limits::{
        limiter::Limiter,
        shared::{self, Shared},
    },
    metrics::Metrics,
    operator::Operator,
    phases::{LedgerKeys, Phases, Shell},
    reads::Upstream,
    request_log::RequestLog,
};

/// How long running requests may go on after a stop (create has 25 s).
const DRAIN_LIMIT: Duration = Duration::from_secs(25);
/// What is kept of that for the engine and the last report.
const REPORT_LIMIT: Duration = Duration::from_secs(1);
/// The engine only waits for the network: few threads carry much.
const WORK_THREADS: usize = 2;
/// A read is tried again when the pooled connection turns out to be closed, and not more often.
const READ_TRIES: usize = 2;
const POOLED_CONNECTIONS: usize = 64;

/// Runs the proxy on the calling thread, which must not be inside a tokio runtime, until `stop` has been asked for and
/// running requests have ended.
///
/// # Errors
/// When an address can't be bound, or the engine can't start; nothing is served then.
pub fn run(config: Config, registry: Registry, stop: Stop) -> anyhow::Result<()> {
    anyhow::ensure!(!config.ledger_token.is_empty(), "ledger.token is not set (BABYSEA_LEDGER_TOKEN)");
    check_bind(config.listen)?;
    config.metrics_listen.map(check_bind).transpose()?;
    // Someone else in this process may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();

    let metrics = Arc::new(Metrics::new(&registry).context("registering metrics")?);
    let work = work_runtime()?;
    let engine = work.block_on(Engine::start(&config, Arc::clone(&metrics)))?;
    let (drain, reports) = (Arc::new(Drain::default()), Reports::default());
    work.spawn(reports.clone().report_counts(engine.ledger.clone()));
    work.spawn(reports.clone().report_log(engine.ledger.clone()));

    let (threads, listen, metrics_listen) = (config.threads, config.listen, config.metrics_listen);
    let shell = build_shell(config, &engine, &work, &drain, &reports, Arc::clone(&metrics))?;
    let memory = shell.identifier.memory();
    work.spawn(identify::follow(engine.ledger.clone(), engine.holder, memory, Arc::clone(&metrics)));
    let mut server = Server::new_with_opt_and_conf(None, server_conf(threads));
    server.bootstrap();
    server.add_service(customer_service(&server.configuration, shell, listen));
    if let Some(listen) = metrics_listen {
        let operator = Operator {
            registry,
            metrics,
            drain: Arc::clone(&drain),
            engine: Arc::clone(&engine),
            work: work.handle().clone(),
        };
        server.add_service(operator_service(operator, listen));
    }
    info!(%listen, "proxy is starting");
    let closing = Closing { stop, drain, engine, reports, work: work.handle().clone() };
    server.run(RunArgs { shutdown_signal: Box::new(closing) });
    work.shutdown_timeout(Duration::from_millis(100));
    info!("proxy has stopped");
    Ok(())
}

/// Pingora panics in a thread of its own when it can't bind, and lives on without a listener: so it is tried before.
fn check_bind(address: SocketAddr) -> anyhow::Result<()> {
    TcpListener::bind(address).map(drop).with_context(|| format!("cannot listen on {address}"))
}

fn work_runtime() -> anyhow::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(WORK_THREADS)
        .thread_name("work")
        .enable_all()
        .build()
        .context("starting the work runtime")
}

fn build_shell(
    config: Config,
    engine: &Arc<Engine>,
    work: &Runtime,
    drain: &Arc<Drain>,
    reports: &Reports,
    metrics: Arc<Metrics>,
) -> anyhow::Result<Arc<Shell>> {
    let source = LedgerKeys::new(&config.ledger_url, &config.ledger_token, &config.region, Arc::clone(&metrics));
    let shared = config.redis_url.as_deref().map(|url| Shared::new(url, shared::BUDGET, Arc::clone(&metrics)));
    let shared = shared.transpose().context("redis_url")?;
    let cores = available_parallelism().map_or(1, std::num::NonZero::get);
    Ok(Arc::new(Shell {
        engine: Arc::clone(engine),
        work: work.handle().clone(),
        identifier: Identifier::new(source, cores, config.failed_auth_per_minute, Arc::clone(&metrics)),
        limits: Limiter::new(shared),
        counts: Arc::clone(&reports.counts),
        log: Arc::clone(&reports.log),
        drain: Arc::clone(drain),
        metrics,
        upstream: Upstream::new(&config.ledger_url, &config.ledger_token, &config.public_url)?,
        trusted_proxies: config.trusted_proxies,
        artifacts_url: config.artifacts_url,
        redis_url: config.redis_url,
    }))
}

/// The drain happens before Pingora hears of the stop, so its own grace, a plain sleep, is none.
fn server_conf(threads: usize) -> ServerConf {
    ServerConf {
        threads,
        grace_period_seconds: Some(0),
        graceful_shutdown_timeout_seconds: Some(1),
        max_retries: READ_TRIES,
        upstream_keepalive_pool_size: POOLED_CONNECTIONS,
        ..ServerConf::default()
    }
}

fn customer_service(
    conf: &Arc<ServerConf>,
    shell: Arc<Shell>,
    listen: SocketAddr,
) -> Service<pingora::proxy::HttpProxy<Phases, ()>> {
    let mut options = HttpServerOptions::default();
    options.h2c = true;
    let builder = ProxyServiceBuilder::new(conf, Phases(shell)).name("customers").server_options(options);
    let mut service = builder.build();
    // Pingora sets TCP_NODELAY on every accepted connection.
    service.add_tcp(&listen.to_string());
    service
}

fn operator_service(operator: Operator, listen: SocketAddr) -> Service<Operator> {
    let mut service = Service::new("operators".to_owned(), operator);
    service.threads = Some(1);
    service.add_tcp(&listen.to_string());
    service
}

/// What is reported to the ledger besides the requests' own business.
#[derive(Clone, Default)]
struct Reports {
    counts: Arc<Counts>,
    log: Arc<RequestLog>,
}

impl Reports {
    async fn report_counts(self, ledger: LedgerClient) {
        let mut tick = tokio::time::interval(REPORT_EVERY);
        loop {
            tick.tick().await;
            self.counts.report(&ledger).await;
        }
    }

    async fn report_log(self, ledger: LedgerClient) {
        loop {
            // Full, or after a while: and never in a tight loop while the ledger is away.
            let _ = tokio::time::timeout(REPORT_EVERY, self.log.filled()).await;
            if !self.log.report(&ledger).await {
                tokio::time::sleep(REPORT_EVERY).await;
            }
        }
    }

    /// Everything there is, once.
    async fn finish(self, ledger: &LedgerClient) {
        tokio::join!(self.counts.report(ledger), self.log.report(ledger));
    }
}

impl CountSink for LedgerClient {
    async fn report(&self, counts: &ledger_contract::wire::RequestCounts) -> bool {
        self.count_requests(counts).await.is_ok()
    }
}

/// Waits for the stop, drains, and only then tells Pingora.
struct Closing {
    stop: Stop,
    drain: Arc<Drain>,
    engine: Arc<Engine>,
    reports: Reports,
    work: Handle,
}

#[async_trait]
impl ShutdownSignalWatch for Closing {
    async fn recv(&self) -> ShutdownSignal {
        self.stop.asked().await;
        info!(running = self.drain.running(), "stopping: running requests may end");
        self.drain.begin();
        self.engine.closing.cancel();
        tokio::select! {
            () = self.close() => ShutdownSignal::GracefulTerminate,
            () = self.stop.asked_at_once() => ShutdownSignal::FastShutdown,
        }
    }
}

impl Closing {
    async fn close(&self) {
        let ends_at = Instant::now() + DRAIN_LIMIT;
        if !self.drain.wait_idle(DRAIN_LIMIT.saturating_sub(REPORT_LIMIT)).await {
            warn!(running = self.drain.running(), "stopping: requests are cut off");
        }
        let (engine, reports) = (Arc::clone(&self.engine), self.reports.clone());
        let left = ends_at.saturating_duration_since(Instant::now());
        let last = self.work.spawn(async move {
            engine.drain(left).await;
            let _ = tokio::time::timeout(REPORT_LIMIT, reports.finish(&engine.ledger)).await;
        });
        // A panic there must not keep the process from stopping.
        let _ = last.await;
    }
}
