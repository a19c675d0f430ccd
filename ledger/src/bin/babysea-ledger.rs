//! The ledger as a process of its own: reads its configuration, serves, stops on SIGTERM or Ctrl-C.

use std::{
    io::{IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// The book of record.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Configuration file; otherwise `babysea.toml` in the working folder, if there is one.
    #[arg(long)]
    config: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    start_logging();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line, whatever RUST_BACKTRACE says: it is for whoever started us.
            let _ = writeln!(std::io::stderr(), "babysea-ledger: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let config = ledger::Config::load(arguments.config.as_deref())?;
    let shutdown = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut running = ledger::serve(config, prometheus::default_registry(), shutdown.clone()).await?;
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        ended = &mut running.done => return ended?,
    }
    shutdown.cancel();
    running.done.await?
}

/// For people on a terminal, as JSON elsewhere.
fn start_logging() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() { logs.init() } else { logs.json().flatten_event(true).init() }
}
