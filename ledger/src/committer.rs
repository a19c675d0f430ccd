//! Gathers the commands that wait and commits them in one transaction; answers each caller only afterwards.
//!
//! While a transaction runs, the next calls gather: an idle ledger adds no delay, a busy one shares its commits. The
//! queue is bounded; a call that finds it full is refused at once, so nobody waits for what will not come.

mod batch;

use std::{sync::Arc, time::Instant};

use ledger_contract::command::{Answer, Command};
use ledger_store::{Store, StoreError};
use tokio::sync::{mpsc, oneshot};

use crate::{clock, config::Bounds, metrics::Metrics, recovery::Leases};
use batch::Batch;

/// Why commands got no answers. Nothing of them is in the book, but for `Lost` and a commit in doubt.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum CommitError {
    /// Too many calls wait.
    #[error("too many calls wait for the committer")]
    Full,
    /// The ledger is stopping.
    #[error("the ledger is stopping")]
    Stopping,
    /// The committer ended while it had them: perhaps they are committed, perhaps not.
    #[error("the outcome of the commit is unknown")]
    Lost,
    /// The transaction failed.
    #[error("the transaction failed")]
    Store(#[source] Arc<StoreError>),
}

/// One call's commands, and who waits for their answers.
struct Call {
    commands: Vec<Command>,
    reply: oneshot::Sender<Result<Vec<Answer>, CommitError>>,
}

/// The way in. Cheap to clone; the worker ends once every clone is gone.
#[derive(Clone)]
pub(crate) struct Committer {
    queue: mpsc::Sender<Call>,
}

/// The one task that writes. Runs until every [`Committer`] is gone and the queue is empty.
pub(crate) struct Worker {
    queue: mpsc::Receiver<Call>,
    store: Store,
    metrics: Arc<Metrics>,
    leases: Arc<Leases>,
    batch_commands: usize,
}

/// Both ends of the queue.
pub(crate) fn committer(
    store: Store,
    metrics: Arc<Metrics>,
    leases: Arc<Leases>,
    bounds: Bounds,
) -> (Committer, Worker) {
    let (sender, receiver) = mpsc::channel(bounds.queue_calls);
    let worker = Worker { queue: receiver, store, metrics, leases, batch_commands: bounds.batch_commands };
    (Committer { queue: sender }, worker)
}

impl Committer {
    /// One answer per command, once they are committed. Dropping the future does not stop the commit.
    pub(crate) async fn commit(&self, commands: Vec<Command>) -> Result<Vec<Answer>, CommitError> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let (reply, answer) = oneshot::channel();
        self.queue.try_send(Call { commands, reply }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => CommitError::Full,
            mpsc::error::TrySendError::Closed(_) => CommitError::Stopping,
        })?;
        answer.await.unwrap_or(Err(CommitError::Lost))
    }
}

impl Worker {
    /// Commits until nobody can ask any more.
    pub(crate) async fn run(mut self) {
        let mut held = None;
        while let Some(first) = Self::next(&mut self.queue, held.take()).await {
            let (batch, rest) = self.gather(first);
            held = rest;
            self.metrics.queue_depth(self.queue.len());
            self.settle(batch).await;
        }
    }

    async fn next(queue: &mut mpsc::Receiver<Call>, held: Option<Call>) -> Option<Call> {
        match held {
            Some(call) => Some(call),
            None => queue.recv().await,
        }
    }

    /// Takes what waits, up to the bound; a call that would pass it is held for the next batch.
    fn gather(&mut self, first: Call) -> (Batch, Option<Call>) {
        let mut batch = Batch::default();
        batch.push(first);
        while batch.len() < self.batch_commands {
            match self.queue.try_recv() {
                Ok(call) if batch.len() + call.commands.len() <= self.batch_commands => batch.push(call),
                Ok(call) => return (batch, Some(call)),
                Err(_) => break,
            }
        }
        (batch, None)
    }

    /// Commits a batch, in halves of its calls when it fails, so that one bad call never fails its neighbours.
    ///
    /// An outage is not halved: every half would fail alike, and the callers ask again by themselves. Nor is a commit in
    /// doubt: said again by its callers, a command finds its own trace.
    async fn settle(&self, batch: Batch) {
        let mut waiting = vec![batch];
        while let Some(batch) = waiting.pop() {
            match self.apply(batch.commands()).await {
                Ok(answers) => batch.answer(answers),
                Err(error @ (StoreError::Unavailable(_) | StoreError::InDoubt(_))) => {
                    self.leases.suspend();
                    batch.fail(error);
                }
                Err(error) => match batch.split() {
                    Ok((first, second)) => waiting.extend([second, first]),
                    Err(single) => single.fail(error),
                },
            }
        }
    }

    async fn apply(&self, commands: &[Command]) -> Result<Vec<Answer>, StoreError> {
        let started = Instant::now();
        match self.store.apply(commands, clock::now()).await {
            Ok(answers) => {
                self.metrics.committed(commands.len(), started.elapsed());
                for (command, answer) in commands.iter().zip(&answers) {
                    self.metrics.answered(command, answer);
                }
                Ok(answers)
            }
            Err(error) => {
                self.metrics.commit_failed();
                tracing::error!(%error, cause = ?error, commands = commands.len(), "a transaction failed");
                Err(error)
            }
        }
    }
}
