//! Removes what is over: output files past their plan's retention, expired idempotency keys, and files that no record
//! ever named; has old entries archived. The record says `generation_removed` from the moment of expiry on, whether or
//! not the sweep has come by.

use std::{sync::Arc, time::Duration};

use ledger_artifacts::{ArtifactError, Artifacts};
use ledger_contract::{GenerationId, Timestamp, wire::Archived};
use ledger_store::{Store, StoreError, SweptOutputs};
use tokio_util::sync::CancellationToken;

use crate::{archivist::Archivist, clock, metrics::Metrics};

/// Generations per page.
const PAGE: u32 = 200;

/// Pages per sweep; what is left waits for the next one.
const PAGES_PER_SWEEP: usize = 50;

/// Orphans are looked for, and old entries archived, in every n-th sweep: the one lists the whole store, the other is due
/// hourly.
const SWEEPS_PER_ORPHAN_HUNT: u32 = 6;

/// Orphans removed in one hunt.
const ORPHANS_PER_HUNT: usize = 1_000;

/// A file with a record is gone after seven days, the longest retention; one day more leaves no doubt.
const ORPHAN_AGE_MS: i64 = 8 * 24 * 3_600_000;

/// The background task.
pub(crate) struct Sweeper {
    pub(crate) store: Store,
    pub(crate) artifacts: Artifacts,
    pub(crate) archivist: Archivist,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) interval: Duration,
}

#[derive(Debug, thiserror::Error)]
enum SweepError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

impl Sweeper {
    /// A sweep at once and every interval until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        for sweep in 0_u32.. {
            if let Some(Err(error)) = stop.run_until_cancelled(self.sweep(sweep)).await {
                tracing::warn!(%error, cause = ?error, "a sweep broke off; the next one goes on");
            }
            if stop.run_until_cancelled(tokio::time::sleep(self.interval)).await.is_none() {
                return;
            }
        }
    }

    async fn sweep(&self, sweep: u32) -> Result<(), SweepError> {
        let now = clock::now();
        self.store.sweep_keys(now).await?;
        for _ in 0..PAGES_PER_SWEEP {
            let expired = self.store.expired_outputs(now, PAGE).await?;
            let swept = self.remove(&expired).await;
            self.store.mark_swept(&swept).await?;
            // Files that can't be removed come first again: they must not keep the sweep here for ever.
            if swept.len() < expired.len() || expired.len() < PAGE as usize {
                break;
            }
        }
        if sweep.is_multiple_of(SWEEPS_PER_ORPHAN_HUNT) {
            self.remove_orphans(now).await?;
            self.archive(now).await;
        }
        Ok(())
    }

    /// The generations whose files are all gone now.
    async fn remove(&self, expired: &[SweptOutputs]) -> Vec<GenerationId> {
        let mut swept = Vec::with_capacity(expired.len());
        for SweptOutputs { generation_id, outputs } in expired {
            let mut gone = true;
            for output in outputs {
                match self.artifacts.delete(&output.key).await {
                    Ok(deleted) => self.metrics.swept(u64::from(deleted)),
                    Err(error) => {
                        tracing::warn!(%generation_id, %error, cause = ?error, "an expired file could not be removed");
                        gone = false;
                    }
                }
            }
            if gone {
                swept.push(*generation_id);
            }
        }
        swept
    }

    async fn archive(&self, now: Timestamp) {
        match self.archivist.run(now).await {
            Ok(archived) if archived.entries > 0 => {
                let Archived { accounts, entries, files } = archived;
                tracing::info!(accounts, entries, files = files.len(), "archived entries behind checkpoints");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(error = format!("{error:#}"), "the archive broke off; the next run goes on"),
        }
    }

    async fn remove_orphans(&self, now: Timestamp) -> Result<(), ArtifactError> {
        let orphans = self.artifacts.orphans(now.plus_ms(-ORPHAN_AGE_MS), now, ORPHANS_PER_HUNT).await?;
        for key in &orphans {
            self.artifacts.delete(key).await?;
        }
        if !orphans.is_empty() {
            tracing::info!(files = orphans.len(), "removed files that no record names");
        }
        self.metrics.swept(orphans.len() as u64);
        Ok(())
    }
}
