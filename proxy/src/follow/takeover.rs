//! Resumes what processes that are gone left in `processing`: jobs that can be asked for are watched, the others fail as
//! in doubt and their chains move on (api contract §9 rules 5 and 8).

use std::{sync::Arc, time::Duration};

use ledger_contract::{
    AttemptOutcome, ErrorCode, PublicError,
    command::{AttemptEnd, Refund},
    generation::{OpenAttempt, OpenGeneration},
};
use proxy_normalize::{Canonical, ProviderFailure, job_count};
use tokio::time::sleep;
use tracing::{Instrument, error, info, info_span, warn};

use super::Begin;
use crate::{
    chain::Chain,
    clock,
    dispatch::job::Job,
    engine::Engine,
    run::{Run, lane_of},
};

const TAKE_EVERY: Duration = Duration::from_secs(3);
/// Taken at once; more are taken right afterwards.
const BATCH: u32 = 64;

/// Takes over for ever, until the process drains.
pub async fn take_over(engine: Arc<Engine>) {
    while !engine.draining.is_cancelled() {
        let taken = if engine.lease.is_held() { take_batch(&engine).await } else { 0 };
        if taken < BATCH as usize {
            sleep(TAKE_EVERY).await;
        }
    }
}

async fn take_batch(engine: &Arc<Engine>) -> usize {
    let taken = match engine.ledger.take_leases(engine.holder, BATCH).await {
        Ok(taken) => taken.generations,
        Err(error) => {
            warn!(%error, "nothing could be taken over");
            return 0;
        }
    };
    let count = taken.len();
    for generation in taken {
        if engine.running.contains_key(&generation.generation_id) {
            continue;
        }
        let span =
            info_span!("generation", generation_id = %generation.generation_id, account_id = %generation.account_id);
        span.in_scope(|| resume(engine, generation));
    }
    count
}

fn resume(engine: &Arc<Engine>, generation: OpenGeneration) {
    info!(model = generation.model, "taken over");
    let canonical =
        engine.catalogue.model(&generation.model).map(|model| Canonical::from_record(model, &generation.request));
    let Some(canonical) = canonical else {
        error!(model = generation.model, "the catalogue no longer knows what this generation asks for");
        let lost = give_up(Arc::clone(engine), generation).in_current_span();
        engine.follows.spawn(lost);
        return;
    };
    let chain = Chain::resume(generation.provider_order, &generation.ended, generation.open.as_ref());
    let permit = generation.open.as_ref().map(|open| {
        let model = engine.catalogue.model(&generation.model);
        let jobs = model.map_or(1, |model| job_count(model, open.start.provider, &canonical));
        engine.breakers.resumed(lane_of(&open.start, generation.kind), jobs)
    });
    let run = Run {
        engine: Arc::clone(engine),
        generation_id: generation.generation_id,
        account_id: generation.account_id,
        plan: generation.plan,
        model: generation.model,
        kind: generation.kind,
        canonical,
        created_at: generation.created_at,
        deadline: clock::instant_of(generation.deadline_at),
        chain,
        permit,
        wake: engine.callbacks.listen(generation.generation_id),
    };
    let begin = generation.open.map_or(Begin::Between, |open| begin_with(&run, &open));
    super::spawn(run, begin);
}

/// An attempt without a handle never got an answer; a handle without jobs belonged to a call whose process is gone.
fn begin_with(run: &Run, open: &OpenAttempt) -> Begin {
    let watched = open.accepted_at.zip(open.handle.as_ref()).and_then(|(accepted_at, handle)| {
        let attempt_ms = i64::try_from(run.attempt_ms()).unwrap_or(i64::MAX);
        let deadline = clock::instant_of(accepted_at.plus_ms(attempt_ms)).min(run.deadline);
        Job::resume(open.start.provider, handle, deadline)
    });
    watched.map_or_else(|| Begin::Broken(ProviderFailure::lost()), Begin::Watching)
}

async fn give_up(engine: Arc<Engine>, generation: OpenGeneration) {
    let attempt = generation.open.map(|open| AttemptEnd {
        outcome: AttemptOutcome::Failed,
        error: Some(ProviderFailure::lost().to_error(open.start.provider)),
        in_doubt: true,
    });
    let error = PublicError::new(ErrorCode::InternalError, "The generation could not be resumed");
    let refund = Refund { generation_id: generation.generation_id, error, attempt };
    let _ = engine.ledger.land(refund).await;
}
