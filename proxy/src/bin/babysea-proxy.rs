//! The proxy as a process of its own: `babysea-proxy [--config FILE]`.

use std::path::PathBuf;

use anyhow::{Context, bail};
use proxy::{Config, Stop};
use tracing_subscriber::{EnvFilter, fmt};

fn main() -> anyhow::Result<()> {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,pingora=warn,pingora_core=warn"));
    fmt().json().flatten_event(true).with_env_filter(filter).with_writer(std::io::stderr).init();
    let config = Config::load(config_file()?.as_deref())?;
    let stop = Stop::on_signals().context("listening for signals")?;
    proxy::run(config, prometheus::Registry::new(), stop)
}

fn config_file() -> anyhow::Result<Option<PathBuf>> {
    let mut words = std::env::args_os().skip(1);
    match (words.next(), words.next(), words.next()) {
        (None, _, _) => Ok(None),
        (Some(flag), Some(file), None) if flag == "--config" => Ok(Some(file.into())),
        _ => bail!("usage: babysea-proxy [--config FILE]"),
    }
}
