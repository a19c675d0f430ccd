//! The observatory as a process of its own: `babysea-intelligence [--config FILE] [--once]`.

use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use intelligence::Config;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// Reads attempt facts, ranks providers, publishes hints.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Configuration file; `babysea.toml` in the working folder if there is one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One pass, then end.
    #[arg(long)]
    once: bool,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_env("BABYSEA_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).init();
    let Arguments { config, once } = Arguments::parse();
    let config = Config::load(config.as_deref())?;
    if once {
        let ranked = intelligence::run_once(&config).await?;
        tracing::info!(models = ranked.len(), "rankings published");
        return Ok(());
    }
    let shutdown = CancellationToken::new();
    let running = intelligence::serve(config, &prometheus::Registry::new(), shutdown.clone()).await?;
    stop_asked().await?;
    shutdown.cancel();
    running.await.context("the observatory ended badly")?
}

async fn stop_asked() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
        _ = terminate.recv() => Ok(()),
    }
}
