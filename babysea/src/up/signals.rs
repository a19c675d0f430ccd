//! SIGTERM and Ctrl-C: the first asks everything to end, the second ends at once.

use std::{
    process,
    sync::mpsc,
    thread::{self, JoinHandle},
};

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What a shell expects of a program that Ctrl-C ended.
const EXIT_CODE_OF_AN_INTERRUPT: i32 = 130;

/// Listens on a thread of its own, which no work can hold up.
pub fn listen(stop: CancellationToken) -> anyhow::Result<JoinHandle<()>> {
    let (ready, is_ready) = mpsc::channel();
    let thread = thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime.map_err(|error| drop(ready.send(Err(error)))) else { return };
        runtime.block_on(async move {
            let both = signal(SignalKind::terminate()).and_then(|term| Ok((term, signal(SignalKind::interrupt())?)));
            match both {
                Ok((terminate, interrupt)) => {
                    let _ = ready.send(Ok(()));
                    obey(terminate, interrupt, stop).await;
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        });
    });
    let thread = thread.context("starting the signal thread")?;
    is_ready.recv().context("starting the signal thread")?.context("listening for signals")?;
    Ok(thread)
}

async fn obey(mut terminate: Signal, mut interrupt: Signal, stop: CancellationToken) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("ending: running requests are finished first; a second signal ends at once");
    stop.cancel();
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    process::exit(EXIT_CODE_OF_AN_INTERRUPT);
}
