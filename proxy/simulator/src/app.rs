//! Builds the simulator and runs it: one control server, one server per provider, one end for all of them.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::behavior::Knobs;
use crate::door::{Door, Line};
use crate::jobs::Jobs;
use crate::provider::Provider;
use crate::signing::Signing;
use crate::submissions::Submissions;
use crate::world::{Desk, World, now_ms};
use crate::{control, ports, providers};

/// Open requests get this long at the end; hung ones never finish by themselves.
const GRACE: Duration = Duration::from_millis(800);
/// After the grace connections are cut, which takes no time; the limit is for the unforeseen.
const CUT: Duration = Duration::from_millis(700);
/// Files made at a time.
const RENDERS: usize = 2;

/// What the simulator needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address of the control routes. Providers listen on loopback ports of their own.
    pub listen: SocketAddr,
    /// Where ports, jobs and submissions are kept; created when missing.
    pub folder: PathBuf,
    /// True for the paces of the real providers.
    pub realistic: bool,
}

/// A simulator that serves.
#[derive(Debug)]
pub struct Running {
    /// Address of the control routes, with the port that was chosen when the configured one was 0.
    pub address: SocketAddr,
    /// Base URL of each provider, by id, in the shape of the real one.
    pub providers: BTreeMap<String, String>,
    /// Ends after `shutdown`, within two seconds.
    pub done: JoinHandle<anyhow::Result<()>>,
}

/// Starts all servers and returns when they listen.
///
/// # Errors
/// When the control address is taken, or the folder cannot be used or is used by another simulator.
pub async fn serve(config: Config, shutdown: CancellationToken) -> anyhow::Result<Running> {
    let folder = &config.folder;
    std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    let lock = lock(folder)?;
    let control = TcpListener::bind(config.listen);
    let control = control.await.with_context(|| format!("the simulator's address {} is taken", config.listen))?;
    let address = control.local_addr()?;

    let cut = CancellationToken::new();
    let mut doors = BTreeMap::new();
    let mut origins = BTreeMap::new();
    for (provider, listener) in ports::bind(folder).await? {
        origins.insert(provider, format!("http://{}", listener.local_addr()?));
        doors.insert(provider, Door::new(listener, cut.clone())?);
    }
    let (control, control_handle) = Door::new(control, cut.clone())?;
    let handles = doors.iter().map(|(provider, (_, handle))| (*provider, handle.clone())).collect();
    let world = Arc::new(world(&config, shutdown.clone(), origins, handles)?);
    for job in world.jobs.with_callback() {
        providers::follow(&Desk { provider: job.provider, world: Arc::clone(&world) }, &job);
    }

    let servers = TaskTracker::new();
    servers.spawn(run(control, control::router(Arc::clone(&world)), shutdown.clone()));
    for (provider, (door, _)) in doors {
        let router = providers::router(Desk { provider, world: Arc::clone(&world) });
        servers.spawn(run(door, router, shutdown.clone()));
    }
    servers.close();
    let base_urls = world
        .origins
        .iter()
        .map(|(provider, origin)| (provider.id().to_owned(), format!("{origin}{}", provider.base_path())));
    let providers = base_urls.collect();
    let done = tokio::spawn(async move {
        let ended = end(&servers, &world, &shutdown, &cut).await;
        drop((lock, control_handle));
        ended
    });
    Ok(Running { address, providers, done })
}

fn world(
    config: &Config,
    shutdown: CancellationToken,
    origins: BTreeMap<Provider, String>,
    doors: BTreeMap<Provider, crate::door::Handle>,
) -> anyhow::Result<World> {
    let knobs = Provider::ALL.map(|provider| (provider, Mutex::new(Knobs::new(provider, config.realistic))));
    Ok(World {
        jobs: Jobs::open(&config.folder, now_ms()).context("reading the simulator's jobs")?,
        submissions: Submissions::open(&config.folder).context("reading the simulator's submissions")?,
        origins,
        doors,
        knobs: knobs.into_iter().collect(),
        calls: Provider::ALL.into_iter().map(|provider| (provider, AtomicUsize::new(0))).collect(),
        realistic: config.realistic,
        renders: Semaphore::new(RENDERS),
        client: client()?,
        signing: Signing::open(&config.folder).context("the simulator's signing keys")?,
        shutdown,
        tracker: TaskTracker::new(),
    })
}

/// The client for callbacks. Redirects are not followed, as with the real ones.
fn client() -> anyhow::Result<reqwest::Client> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Somebody else may install one at the same instant; either is good.
        let _first = rustls::crypto::ring::default_provider().install_default();
    }
    let builder = reqwest::Client::builder().timeout(Duration::from_secs(15)).no_proxy();
    Ok(builder.redirect(reqwest::redirect::Policy::none()).build()?)
}

/// Held until the end; the system gives it back however the process ends.
fn lock(folder: &Path) -> anyhow::Result<File> {
    let file = File::create(folder.join("lock"))?;
    if file.try_lock().is_err() {
        bail!("another simulator uses {}", folder.display());
    }
    Ok(file)
}

async fn run(door: Door, router: Router, shutdown: CancellationToken) {
    let service = router.into_make_service_with_connect_info::<Line>();
    let server = axum::serve(door, service).with_graceful_shutdown(shutdown.cancelled_owned());
    if let Err(error) = server.await {
        tracing::error!(%error, "a simulated provider ended");
    }
}

async fn end(
    servers: &TaskTracker,
    world: &World,
    shutdown: &CancellationToken,
    cut: &CancellationToken,
) -> anyhow::Result<()> {
    shutdown.cancelled().await;
    if tokio::time::timeout(GRACE, servers.wait()).await.is_err() {
        cut.cancel();
        if tokio::time::timeout(CUT, servers.wait()).await.is_err() {
            tracing::warn!("connections of the simulator did not end");
        }
    }
    world.tracker.close();
    let _late = tokio::time::timeout(Duration::from_millis(200), world.tracker.wait()).await;
    Ok(())
}
