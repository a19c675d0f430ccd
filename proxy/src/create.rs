//! Create, from the parsed route to the answer (api contract §3, steps 10–16). Answers when a provider has accepted, never
//! when it has finished.
//!
//! Nothing is sent to a provider before the reservation is committed, and no error is answered before it is given back.
//! Runs in a tracked task: a client that leaves does not stop it.

mod answer;
mod claim;
mod prepare;
mod reserve;

use std::{
    sync::Arc,
    time::{Duration, Instant as StdInstant},
};

use bytes::Bytes;
use ledger_contract::{
    ErrorCode, GenerationId, GenerationStatus, MediaKind, Plan, PublicError, command::AttemptEnd, wire::Caller,
};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout, timeout_at},
};
use tracing::{Instrument, Span, error, info_span};
use uuid::Uuid;

use crate::{
    answer::Reply,
    dispatch::{self, Dispatched, job::Job},
    engine::Engine,
    follow::{self, Acceptance, Begin},
    run::Run,
};

/// Kept back from create's budget, to settle with the ledger what the providers refused.
const SETTLE: Duration = Duration::from_secs(1);

/// How long the answer waits for an acceptance to be written. The client gets its generation either way; waiting only
/// lets it hear of a cancellation that came first.
const ACCEPTANCE_WAIT: Duration = Duration::from_secs(2);

/// How long a create that comes while we start waits for our first lease.
const LEASE_WAIT: Duration = Duration::from_secs(1);

/// A create request that passed steps 1–9 and the header checks of step 10.
#[derive(Clone, Debug)]
pub struct CreateRequest {
    /// Who asks.
    pub caller: Caller,
    /// What they pay for.
    pub plan: Plan,
    /// `req_…`.
    pub request_id: String,
    /// Which of the two routes.
    pub route_kind: MediaKind,
    /// As sent; part of the fingerprint.
    pub route_path: String,
    /// Public model id, as in the path.
    pub model: String,
    /// At most 102,400 bytes.
    pub body: Bytes,
    /// Of valid syntax.
    pub idempotency_key: Option<String>,
    /// How long the answer may wait for the end of the generation.
    pub prefer_wait: Option<Duration>,
    /// When the request came: the budget runs from here.
    pub received_at: StdInstant,
}

/// How long this create may take.
#[derive(Clone, Copy, Debug)]
struct Budget {
    /// Providers may be tried until then.
    submit_until: Instant,
    /// The answer leaves then.
    answer_at: Instant,
}

impl Budget {
    fn from(received_at: StdInstant, create_ms: u64) -> Self {
        let answer_at = Instant::from_std(received_at) + Duration::from_millis(create_ms);
        let submit_until = answer_at.checked_sub(SETTLE).unwrap_or(answer_at);
        Self { submit_until, answer_at }
    }
}

/// Creates a generation, or says why not.
pub async fn create(engine: &Arc<Engine>, request: CreateRequest) -> Reply {
    let generation_id = GenerationId(Uuid::now_v7());
    let span = info_span!(
        "generation",
        %generation_id,
        account_id = %request.caller.account_id,
        request_id = request.request_id,
        model = request.model,
    );
    let work = run(Arc::clone(engine), request, generation_id).instrument(span);
    let Ok(reply) = engine.tracker.spawn_on(work, &engine.runtime).await else {
        error!(%generation_id, "a create broke off");
        engine.settle_broken(generation_id);
        return Reply::internal_error();
    };
    reply
}

async fn run(engine: Arc<Engine>, request: CreateRequest, generation_id: GenerationId) -> Reply {
    let (Ok(mut reply) | Err(mut reply)) = steps(&engine, &request, generation_id).await;
    if let Some(wait) = request.prefer_wait {
        answer::add_generation(&engine, &request, &mut reply, wait).await;
    }
    reply
}

/// `Err` is an answer that came before any provider was asked.
async fn steps(engine: &Arc<Engine>, request: &CreateRequest, generation_id: GenerationId) -> Result<Reply, Reply> {
    let budget = Budget::from(request.received_at, engine.deadlines.create_ms);
    let prepared = prepare::prepare(engine, request).await?;
    // Without a lease the record would be given up for dead by others while we run it.
    if timeout(LEASE_WAIT, engine.lease.held()).await.is_err() {
        return Err(Reply::ledger_unavailable());
    }
    let run = reserve::reserve(engine, request, prepared, generation_id, budget.submit_until).await?;
    Ok(submit(run, budget).await)
}

async fn submit(mut run: Run, budget: Budget) -> Reply {
    let engine = Arc::clone(&run.engine);
    let settle_by = budget.answer_at.checked_sub(SETTLE / 2).unwrap_or(budget.answer_at);
    let Ok(dispatched) = timeout_at(settle_by, dispatch::dispatch(&mut run, budget.submit_until)).await else {
        // The ledger can't be reached to settle what the providers refused (api contract §6.1 rule 4).
        let error = PublicError::new(ErrorCode::InternalError, "The generation could not be settled in time");
        engine.follows.spawn(async move { run.refund(error, None).await }.instrument(Span::current()));
        return Reply::internal_error();
    };
    match dispatched {
        Dispatched::Accepted(job) => accepted(run, job, budget).await,
        Dispatched::UsedUp { error, end } => refused(run, error, end, budget).await,
        Dispatched::Ended(status) => {
            run.ended(status);
            answer::ended(run.generation_id, status)
        }
        // Recovery took this record for a gone process's: it settles it.
        Dispatched::Displaced => Reply::internal_error(),
    }
}

/// The follower tells the ledger and goes on from there.
async fn accepted(run: Run, job: Job, budget: Budget) -> Reply {
    let reply = answer::created(&run, &job);
    let (generation_id, unwritten) = (run.generation_id, run.engine.tracker.token());
    let (teller, told) = oneshot::channel();
    follow::spawn(run, Begin::Accepted { job, teller, unwritten });
    let wait = budget.answer_at.min(Instant::now() + ACCEPTANCE_WAIT);
    match timeout_at(wait, told).await {
        Ok(Ok(Acceptance::Ended(status))) => answer::ended(generation_id, status),
        // The follower broke off before it was written: the record is failed and refunded.
        Ok(Err(_)) => Reply::internal_error(),
        // Written, or a ledger that is away: the client gets its generation all the same.
        Ok(Ok(Acceptance::Written)) | Err(_) => reply,
    }
}

/// Refunded and terminal before the client hears of it.
async fn refused(run: Run, error: PublicError, end: Option<AttemptEnd>, budget: Budget) -> Reply {
    let (answer, generation_id) = (error.clone(), run.generation_id);
    let engine = Arc::clone(&run.engine);
    let settling = engine.tracker.spawn(async move { run.refund(error, end).await }.instrument(Span::current()));
    match timeout_at(budget.answer_at, settling).await {
        Ok(Ok(GenerationStatus::Failed)) => Reply::failure(answer),
        Ok(Ok(status)) => answer::ended(generation_id, status),
        Ok(Err(_)) | Err(_) => Reply::internal_error(),
    }
}
