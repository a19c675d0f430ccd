//! Settles what a gone process left behind (api contract §9 rule 8): `pending` generations are failed as in doubt and
//! refunded, those past their deadline are failed and refunded. Living proxies take over the `processing` ones by
//! themselves. It refuses to act while it can't be sure that silence means death: see [`Leases`].

mod leases;
mod settlement;

use std::{sync::Arc, time::Duration};

use ledger_contract::{
    GenerationId, Timestamp,
    command::{Answer, Command, RefundAnswer},
};
use ledger_store::{Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::{clock, committer::Committer, metrics::Metrics};
pub(crate) use leases::Leases;
use settlement::Why;

/// Generations that are settled in one go.
const PAGE: u32 = 500;

/// Pages per round; what is left waits for the next one.
const PAGES_PER_ROUND: usize = 20;

/// The background task.
pub(crate) struct Recovery {
    pub(crate) store: Store,
    pub(crate) committer: Committer,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) leases: Arc<Leases>,
    pub(crate) lease: Duration,
    pub(crate) interval: Duration,
}

impl Recovery {
    /// A round every interval until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut last = clock::now();
        while stop.run_until_cancelled(tokio::time::sleep(self.interval)).await.is_some() {
            let now = clock::now();
            // The machine slept, or this process stood still: nobody could renew in that time.
            if now.since_ms(last) > clock::millis(self.interval + self.lease / 2) {
                self.leases.suspend();
            }
            last = now;
            let up = match self.round(now).await {
                Ok(()) => true,
                Err(error) => {
                    self.leases.suspend();
                    tracing::warn!(%error, cause = ?error, "recovery waits for the database");
                    false
                }
            };
            self.metrics.database_up(up);
        }
    }

    async fn round(&self, now: Timestamp) -> Result<(), StoreError> {
        if self.leases.are_suspended() {
            self.store.renew_all_leases(now.plus_ms(clock::millis(self.lease))).await?;
            self.leases.resume();
        } else {
            self.settle_all(Why::Abandoned, now).await?;
            self.settle_all(Why::Overdue, now).await?;
        }
        self.metrics.open_generations(self.store.open_generations().await?);
        Ok(())
    }

    async fn settle_all(&self, why: Why, now: Timestamp) -> Result<(), StoreError> {
        for _ in 0..PAGES_PER_ROUND {
            let found = match why {
                Why::Abandoned => self.store.abandoned(PAGE, now).await?,
                Why::Overdue => self.store.overdue(PAGE, now).await?,
            };
            let settled = self.settle(why, &found).await?;
            if settled < found.len() || found.len() < PAGE as usize {
                break;
            }
        }
        Ok(())
    }

    /// Ends these generations; how many it ended. Each is a call of its own, so that one that can't be ended never
    /// keeps the others open; the committer takes them together anyhow.
    async fn settle(&self, why: Why, found: &[GenerationId]) -> Result<usize, StoreError> {
        let mut commits = Vec::with_capacity(found.len());
        for &generation_id in found {
            if let Some(open) = self.store.open_generation(generation_id).await? {
                let refund = settlement::refund(why, &open);
                commits.push(self.committer.commit(vec![Command::Refund(refund)]));
            }
        }
        let results = futures::future::join_all(commits).await;
        let refunded = |answers: &Vec<Answer>| matches!(answers[..], [Answer::Refund(RefundAnswer::Refunded { .. })]);
        let settled = results.iter().flatten().filter(|answers| refunded(answers)).count();
        if settled > 0 {
            tracing::warn!(generations = settled, why = why.as_str(), "settled generations whose process is gone");
            self.metrics.recovered(why.as_str(), settled);
        }
        Ok(settled)
    }
}
