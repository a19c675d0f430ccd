//! The roles beside the proxy: ledger, simulator, observatory. They start before it, outlive it, and end after it. The
//! ledger has a runtime of its own, so that nothing else can hold up a commit.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, anyhow};
use prometheus::Registry;
use tokio::{
    runtime::{Builder, Handle, Runtime},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{announce::reachable, first_start, folder::write_secret, settings::Settings};
use crate::{config::Places, operator::Operator};

/// A role that does not end by itself within this is left behind. The ledger alone gives running calls 5 s.
const END_LIMIT: Duration = Duration::from_secs(8);

type Role = (&'static str, JoinHandle<anyhow::Result<()>>);

/// The roles beside the proxy, running.
#[derive(Debug)]
#[must_use]
pub struct Stack {
    ledger_runtime: Runtime,
    runtime: Runtime,
    ledger: Role,
    others: Vec<Role>,
    end_ledger: CancellationToken,
    files: Vec<PathBuf>,
}

impl Stack {
    /// Starts them in the order in which they need each other, and tells the proxy's settings where they are.
    pub fn start(
        places: &Places,
        settings: &mut Settings,
        registry: &Registry,
        stop: CancellationToken,
    ) -> anyhow::Result<Self> {
        let ledger_runtime = runtime("ledger", 2)?;
        let runtime = runtime("beside", 2)?;
        // The ledger must outlive the proxy's drain, so it has a token that only `end` cancels.
        let end_ledger = CancellationToken::new();
        let ledger = ledger_runtime
            .block_on(ledger::serve(settings.ledger.clone(), registry, end_ledger.clone()))
            .context("starting the ledger")?;
        let ledger_url = format!("http://{}", reachable(ledger.address));
        settings.proxy.ledger_url.clone_from(&ledger_url);

        let operator = Operator::new(ledger_url.clone(), settings.ledger.token.clone())?;
        runtime.block_on(first_start::prepare(places, &operator))?;
        let others = runtime.block_on(start_others(settings, registry, &end_ledger))?;

        let files = vec![places.ledger_address_file(), places.proxy_address_file()];
        write_secret(&files[0], &ledger_url)?;
        write_secret(&files[1], &format!("http://{}", reachable(settings.proxy.listen)))?;
        // Without its ledger a stack is of no use: when the ledger ends by itself, everything ends.
        let ledger = runtime.block_on(async { watch("ledger", ledger.done, end_ledger.clone(), Some(stop)) });
        Ok(Self { ledger_runtime, runtime, ledger, others, end_ledger, files })
    }

    /// Runs what is neither the proxy's nor the ledger's.
    pub fn handle(&self) -> &Handle {
        self.runtime.handle()
    }

    /// The proxy's own kind of stop, asked for when ours is.
    pub fn proxy_stop(&self, stop: CancellationToken) -> proxy::Stop {
        let proxy_stop = proxy::Stop::new();
        let asked = proxy_stop.clone();
        self.runtime.spawn(async move {
            stop.cancelled().await;
            asked.gently();
        });
        proxy_stop
    }

    /// Ends all roles; the first failure of one is the stack's.
    pub fn end(self) -> anyhow::Result<()> {
        let Self { ledger_runtime, runtime, ledger, others, end_ledger, files } = self;
        end_ledger.cancel();
        let mut outcome = Ok(());
        for (name, done) in others.into_iter().chain([ledger]) {
            let ended = runtime.block_on(async { tokio::time::timeout(END_LIMIT, done).await });
            let ended = match ended {
                Ok(Ok(result)) => result.with_context(|| format!("the {name} failed")),
                Ok(Err(error)) => Err(anyhow!(error).context(format!("the {name} broke"))),
                Err(_) => Err(anyhow!("the {name} did not end within {} s", END_LIMIT.as_secs())),
            };
            outcome = outcome.and(ended);
        }
        for file in files {
            // Gone already is as good.
            let _ = fs::remove_file(file);
        }
        runtime.shutdown_background();
        ledger_runtime.shutdown_background();
        outcome
    }
}

async fn start_others(
    settings: &mut Settings,
    registry: &Registry,
    end: &CancellationToken,
) -> anyhow::Result<Vec<Role>> {
    let mut others = Vec::new();
    if let Some(config) = settings.simulator.clone() {
        let simulator = proxy_simulator::serve(config, end.clone()).await.context("starting the simulator")?;
        settings.proxy.simulator_url = Some(format!("http://{}", reachable(simulator.address)));
        others.push(watch("simulator", simulator.done, end.clone(), None));
    }
    let observatory = intelligence::serve(settings.intelligence.clone(), registry, end.clone()).await;
    let observatory = observatory.context("starting the observatory")?;
    others.push(watch("observatory", observatory, end.clone(), None));
    Ok(others)
}

/// Says so when a role ends without having been told to, and ends the whole with it when the whole needs it.
fn watch(
    name: &'static str,
    done: JoinHandle<anyhow::Result<()>>,
    told: CancellationToken,
    whole: Option<CancellationToken>,
) -> Role {
    let watched = tokio::spawn(async move {
        let ended = done.await;
        if !told.is_cancelled() {
            tracing::error!(role = name, "a role has ended by itself");
            whole.iter().for_each(CancellationToken::cancel);
        }
        ended.map_err(|error| anyhow!(error))?
    });
    (name, watched)
}

fn runtime(name: &str, threads: usize) -> anyhow::Result<Runtime> {
    let built = Builder::new_multi_thread().worker_threads(threads).thread_name(name).enable_all().build();
    built.with_context(|| format!("starting the runtime `{name}`"))
}
