//! Follows an accepted generation to its end: watches the job, keeps its outputs, charges; fails over when the job fails;
//! refunds when the chain is used up.
//!
//! An accepted attempt is never guessed about: only what the provider says, or its deadline, resolves it.

pub mod lease;
pub mod takeover;
pub mod watch;

use std::sync::Arc;

use ledger_contract::{
    ErrorCode, GenerationStatus, PublicError,
    command::{AcceptAttempt, AttemptAnswer, AttemptEnd, Charge, ChargeAnswer},
    generation::Output,
};
use proxy_normalize::ProviderFailure;
use tokio::sync::oneshot;
use tokio_util::{sync::CancellationToken, task::task_tracker::TaskTrackerToken};
use tracing::{Instrument, Span, error, info, warn};

use crate::{
    dispatch::{self, Dispatched, job::Job, late},
    engine::Engine,
    ledger::Landed,
    outputs::{self, StoreError},
    run::Run,
};

/// Where following begins.
pub enum Begin {
    /// A provider accepted just now; the ledger is to be told.
    Accepted {
        /// What runs.
        job: Job,
        /// Hears whether the generation is still wanted.
        teller: oneshot::Sender<Acceptance>,
        /// Keeps a stopping process waiting until the ledger knows.
        unwritten: TaskTrackerToken,
    },
    /// The ledger knows the job: it is only to be watched.
    Watching(Job),
    /// The open attempt can't be asked for.
    Broken(ProviderFailure),
    /// No attempt is open.
    Between,
}

/// What the ledger said to the first acceptance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// Written.
    Written,
    /// The generation ended before.
    Ended(GenerationStatus),
}

/// Spawns the task that follows `run`. The same generation is never followed twice in one process.
pub fn spawn(run: Run, begin: Begin) {
    let engine = Arc::clone(&run.engine);
    let generation_id = run.generation_id;
    let stop = CancellationToken::new();
    let entry = Following::enter(&engine, generation_id, stop.clone());
    let life = async move {
        let _entry = entry;
        live(run, begin, stop).await;
    };
    engine.supervise(generation_id, life.instrument(Span::current()));
}

async fn live(mut run: Run, begin: Begin, stop: CancellationToken) {
    let Some(mut job) = begin_with(&mut run, begin).await else { return };
    while let Err(failure) = complete(&mut run, &mut job, &stop).await {
        // A job that is over has nothing to stop, unless it has siblings.
        if failure.is_in_doubt() || job.parts.len() > 1 {
            late::abandon(&run, job);
        }
        let deadline = run.deadline;
        let dispatched = dispatch::fail_over(&mut run, &failure, deadline).await;
        let Some(next) = enter(&mut run, dispatched).await else { return };
        job = next;
    }
}

async fn begin_with(run: &mut Run, begin: Begin) -> Option<Job> {
    let deadline = run.deadline;
    match begin {
        Begin::Accepted { job, teller, unwritten } => {
            let accepted = accept(run, &job).await;
            drop(unwritten);
            let _ = teller.send(accepted.map_or(Acceptance::Written, Acceptance::Ended));
            keep_unless_ended(run, job, accepted)
        }
        Begin::Watching(job) => Some(job),
        Begin::Broken(failure) => {
            let dispatched = dispatch::fail_over(run, &failure, deadline).await;
            enter(run, dispatched).await
        }
        Begin::Between => {
            let dispatched = dispatch::go_on(run, deadline).await;
            enter(run, dispatched).await
        }
    }
}

/// The job to follow next; `None`: there is nothing left to do here.
async fn enter(run: &mut Run, dispatched: Dispatched) -> Option<Job> {
    match dispatched {
        Dispatched::Accepted(job) => {
            let ended = accept(run, &job).await;
            keep_unless_ended(run, job, ended)
        }
        Dispatched::UsedUp { error, end } => {
            run.refund(error, end).await;
            None
        }
        Dispatched::Ended(_) | Dispatched::Displaced => None,
    }
}

/// Tells the ledger that the open attempt was accepted. `Some`: the generation ended meanwhile.
async fn accept(run: &Run, job: &Job) -> Option<GenerationStatus> {
    let accept = AcceptAttempt {
        generation_id: run.generation_id,
        attempt_order: run.chain.attempt_order(),
        prediction_id: job.prediction_id.clone(),
        handle: job.handle(),
    };
    info!(provider = %job.provider, attempt = accept.attempt_order, "accepted by provider");
    match run.engine.ledger.land(accept).await.map(|landed| landed.answer) {
        Ok(AttemptAnswer::Done | AttemptAnswer::AlreadyDone) => {
            run.engine.hub.moved(run.generation_id);
            None
        }
        Ok(AttemptAnswer::Ended { status }) => Some(status),
        // Recovery ended this attempt or this record: whatever runs upstream is no longer ours to deliver.
        Ok(AttemptAnswer::Conflict | AttemptAnswer::Missing) => Some(GenerationStatus::Failed),
        Err(error) => {
            error!(%error, "an acceptance was not understood");
            Some(GenerationStatus::Failed)
        }
    }
}

fn keep_unless_ended(run: &Run, job: Job, ended: Option<GenerationStatus>) -> Option<Job> {
    if let Some(status) = ended {
        info!(%status, "the generation ended before its provider accepted");
        run.ended(status);
        late::abandon(run, job);
        return None;
    }
    Some(job)
}

/// Waits for the job, keeps what it made, charges. `Ok`: the generation is over, or no longer ours.
async fn complete(run: &mut Run, job: &mut Job, stop: &CancellationToken) -> Result<(), ProviderFailure> {
    let results = tokio::select! {
        biased;
        () = stop.cancelled() => {
            info!("canceled by its owner");
            run.ended(GenerationStatus::Canceled);
            return Ok(());
        }
        results = watch::watch(run, job) => results?,
    };
    let predict_time_ms = results.iter().filter_map(|result| result.predict_time_ms).max();
    let sources = results.into_iter().flat_map(|result| result.outputs).collect();
    match outputs::store(run, sources).await {
        Ok(stored) => charge(run, stored, predict_time_ms).await,
        Err(StoreError::Provider(failure)) => return Err(failure),
        Err(StoreError::Storage) => give_up_storing(run).await,
    }
    Ok(())
}

async fn charge(run: &mut Run, stored: Vec<Output>, predict_time_ms: Option<i64>) {
    let attempt_order = Some(run.chain.attempt_order());
    let charge = Charge { generation_id: run.generation_id, attempt_order, outputs: stored.clone(), predict_time_ms };
    match run.engine.ledger.land(charge).await {
        Ok(
            Landed { answer: ChargeAnswer::Charged { .. }, .. }
            | Landed { answer: ChargeAnswer::AlreadyCharged, said_before: true },
        ) => {
            info!(attempt = attempt_order, outputs = stored.len(), "generation succeeded");
            run.use_attempt();
        }
        Ok(Landed { answer, .. }) => {
            warn!(?answer, "a result came back and was not used");
            outputs::remove(&run.engine, &stored).await;
        }
        Err(error) => error!(%error, "a charge was not understood"),
    }
}

/// Our storage was down until the deadline: the provider did its part (api contract §9 rule 3).
async fn give_up_storing(run: &mut Run) {
    if let Some(permit) = run.permit.take() {
        permit.succeed();
    }
    let error = PublicError::new(ErrorCode::InternalError, "The outputs could not be stored");
    let end = AttemptEnd { outcome: ledger_contract::AttemptOutcome::Discarded, error: None, in_doubt: false };
    run.refund(error, Some(end)).await;
}

/// The entry of a generation in the list of those this process follows; removed when following ends, however it ends.
struct Following {
    engine: Arc<Engine>,
    generation_id: ledger_contract::GenerationId,
}

impl Following {
    fn enter(engine: &Arc<Engine>, generation_id: ledger_contract::GenerationId, stop: CancellationToken) -> Self {
        engine.running.insert(generation_id, stop);
        engine.metrics.set_open_generations(engine.running.len());
        Self { engine: Arc::clone(engine), generation_id }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.engine.running.remove(&self.generation_id);
        self.engine.metrics.set_open_generations(self.engine.running.len());
    }
}
