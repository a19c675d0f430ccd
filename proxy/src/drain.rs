//! Stopping in order: a stop that is asked for twice, and the count of requests that are still being answered.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Notify,
};
use tokio_util::sync::CancellationToken;

/// Tells a running proxy to stop: first gently, then at once. Clones tell the same proxy.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    gently: CancellationToken,
    at_once: CancellationToken,
}

impl Stop {
    /// A stop that nothing has asked for yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuse new requests, let running ones end.
    pub fn gently(&self) {
        self.gently.cancel();
    }

    /// Drop everything that still runs.
    pub fn at_once(&self) {
        self.gently.cancel();
        self.at_once.cancel();
    }

    /// Ends when a stop is asked for.
    pub async fn asked(&self) {
        self.gently.cancelled().await;
    }

    /// Ends when everything is to be dropped.
    pub async fn asked_at_once(&self) {
        self.at_once.cancelled().await;
    }

    /// Listens on a thread of its own: the first SIGTERM or SIGINT stops gently, the second at once.
    pub fn on_signals() -> std::io::Result<Self> {
        let stop = Self::new();
        let told = stop.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (mut term, mut int) = {
            let _inside = runtime.enter();
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            runtime.block_on(async move {
                tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
                told.gently();
                tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
                told.at_once();
            });
        })?;
        Ok(stop)
    }
}

/// Which requests are being answered, and whether new ones still are.
#[derive(Debug, Default)]
pub struct Drain {
    draining: AtomicBool,
    running: AtomicUsize,
    one_ended: Notify,
}

/// One request being answered. Gives its place back when dropped.
#[must_use]
#[derive(Debug)]
pub struct Place(Arc<Drain>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
        self.0.one_ended.notify_waiters();
    }
}

impl Drain {
    /// Counts a request. Counted before [`Drain::is_draining`] is asked, so that a drain cannot miss one it let in.
    pub fn enter(self: &Arc<Self>) -> Place {
        self.running.fetch_add(1, Ordering::SeqCst);
        Place(Arc::clone(self))
    }

    /// From now on new requests are refused.
    pub fn begin(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    /// Whether new requests are refused.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// How many requests are being answered.
    pub fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    /// Ends when no request runs, or after `limit`; says whether none runs.
    pub async fn wait_idle(&self, limit: Duration) -> bool {
        let idle = async {
            loop {
                let mut ended = std::pin::pin!(self.one_ended.notified());
                ended.as_mut().enable();
                if self.running() == 0 {
                    return;
                }
                ended.await;
            }
        };
        tokio::time::timeout(limit, idle).await.is_ok()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_drain_waits_for_running_requests_and_not_longer_than_its_limit() {
        let drain = Arc::new(Drain::default());
        let place = drain.enter();
        drain.begin();
        assert!(drain.is_draining());
        assert!(!drain.wait_idle(Duration::from_secs(25)).await);
        let waiting = tokio::spawn({
            let drain = Arc::clone(&drain);
            async move { drain.wait_idle(Duration::from_secs(25)).await }
        });
        tokio::task::yield_now().await;
        drop(place);
        assert!(waiting.await.unwrap());
        assert_eq!(drain.running(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_drain_ends_at_once() {
        assert!(Arc::new(Drain::default()).wait_idle(Duration::ZERO).await);
    }
}
