//! One role in one process, as production runs them. Finds the other roles by configuration and starts none of them.

use std::future::Future;

use anyhow::{Context, anyhow};
use prometheus::Registry;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    answer::{Failure, Outcome, say},
    config::Places,
    up::{
        announce::{self, reachable},
        folder, settings, signals,
    },
};

/// Runs the front house.
pub fn proxy(places: &Places, json: bool) -> Outcome {
    let mut config =
        proxy::Config::load_in(places.file.as_deref(), Some(&places.data_dir)).map_err(anyhow::Error::new)?;
    if let Some(url) = &places.ledger_url {
        url.trim_end_matches('/').clone_into(&mut config.ledger_url);
    }
    if config.ledger_token.is_empty() {
        return Err(Failure::Failed(anyhow!("the ledger's token is unknown: set BABYSEA_LEDGER_TOKEN")));
    }
    let stop = proxy::Stop::on_signals().context("listening for signals")?;
    let beside = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let beside = beside.context("starting a runtime")?;
    let (address, probes) = (config.public_url.clone(), announce::probes(&config));
    beside.spawn(async move {
        announce::all_answer(&probes).await;
        ready(json, "proxy", Some(&address));
    });
    let served = proxy::run(config, Registry::new(), stop);
    beside.shutdown_background();
    served?;
    Ok(None)
}

/// Runs the book of record.
pub fn ledger(places: &Places, json: bool) -> Outcome {
    let mut config =
        ledger::Config::load_in(places.file.as_deref(), Some(&places.data_dir)).map_err(anyhow::Error::new)?;
    folder::make(&places.data_dir)?;
    if config.token.is_empty() {
        config.token = folder::kept_or_new_token(places)?;
    }
    until_stopped(async move |stop| {
        let running = ledger::serve(config, &Registry::new(), stop).await?;
        ready(json, "ledger", Some(&format!("http://{}", reachable(running.address))));
        running.done.await.context("the ledger broke")?
    })
}

/// Runs the provider simulator.
pub fn simulator(places: &Places, realistic: bool, json: bool) -> Outcome {
    folder::make(&places.data_dir)?;
    let config = settings::simulator(places, places.simulator_listen()?, realistic);
    until_stopped(async move |stop| {
        let running = proxy_simulator::serve(config, stop).await?;
        ready(json, "simulator", Some(&format!("http://{}", reachable(running.address))));
        running.done.await.context("the simulator broke")?
    })
}

/// Runs the observatory.
pub fn intelligence(places: &Places, json: bool) -> Outcome {
    let config = intelligence::Config::load_in(places.file.as_deref(), Some(&places.data_dir));
    let config = config.map_err(anyhow::Error::new)?;
    until_stopped(async move |stop| {
        let done = intelligence::serve(config, &Registry::new(), stop).await?;
        ready(json, "observatory", None);
        done.await.context("the observatory broke")?
    })
}

/// The line that says that a role serves.
fn ready(json: bool, role: &str, address: Option<&str>) {
    if json {
        say(&json!({ "status": "ready", "role": role, "address": address }).to_string());
    } else {
        say(&format!("ready     {role} {}", address.unwrap_or_default()));
    }
}

/// Runs a role on a runtime of its own until a signal, or until it ends by itself.
fn until_stopped<F: Future<Output = anyhow::Result<()>>>(role: impl FnOnce(CancellationToken) -> F) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting a runtime")?;
    let stop = CancellationToken::new();
    let signals = signals::listen(stop.clone())?;
    let ended = runtime.block_on(role(stop));
    runtime.shutdown_background();
    drop(signals);
    ended?;
    Ok(None)
}
