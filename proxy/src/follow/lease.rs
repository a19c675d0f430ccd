//! This process's sign of life. As long as it is renewed, nobody else takes over what we follow; when it could not be
//! renewed for too long, somebody may have, and nothing new is submitted until it could.

use std::{sync::Arc, time::Duration};

use ledger_contract::wire::LEASE_MS;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use tracing::warn;

use crate::{clock::millis, engine::Engine};

const RENEW_EVERY: Duration = Duration::from_secs(5);
const RENEW_AGAIN: Duration = Duration::from_millis(500);
/// We stop before the others may start.
const SAFETY_MS: i64 = 2_000;

/// When the lease was last renewed.
#[derive(Debug)]
pub struct Lease {
    renewed_at: watch::Sender<Option<Instant>>,
}

impl Default for Lease {
    fn default() -> Self {
        Self { renewed_at: watch::Sender::new(None) }
    }
}

impl Lease {
    /// Whether it certainly still runs.
    pub fn is_held(&self) -> bool {
        self.renewed_at.borrow().is_some_and(|at| at.elapsed() < millis(LEASE_MS - SAFETY_MS))
    }

    /// Waits until it certainly runs.
    pub async fn held(&self) {
        let mut renewals = self.renewed_at.subscribe();
        // The sender lives as long as `self`, so waiting for a change can't fail.
        while !self.is_held() && renewals.changed().await.is_ok() {}
    }

    fn renewed(&self, at: Instant) {
        self.renewed_at.send_replace(Some(at));
    }
}

/// Renews the lease for ever. It counts from before the call: the ledger can't have heard of it earlier.
pub async fn renew(engine: Arc<Engine>) {
    loop {
        let asked_at = Instant::now();
        let pause = match engine.ledger.renew_lease(engine.holder).await {
            Ok(()) => {
                engine.lease.renewed(asked_at);
                RENEW_EVERY
            }
            Err(error) => {
                warn!(%error, "the lease could not be renewed");
                RENEW_AGAIN
            }
        };
        sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_was_not_renewed_for_long_is_not_held() {
        let lease = Lease::default();
        assert!(!lease.is_held());
        lease.renewed(Instant::now());
        lease.held().await;
        tokio::time::advance(millis(LEASE_MS)).await;
        assert!(!lease.is_held());
    }
}
