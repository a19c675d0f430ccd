//! Stops what nobody wants any more: jobs of a failed attempt, submissions answered after their deadline, generations
//! that ended meanwhile. Best effort, in the background. A result that comes back all the same is noted as discarded,
//! and what it cost is ours.

use std::{sync::Arc, time::Duration};

use ledger_contract::{
    AttemptOutcome, GenerationId, MediaKind, Provider,
    command::{AttemptEnd, FinishAttempt},
};
use proxy_normalize::{JobHandle, ProviderFailure};
use tokio::{task::JoinHandle, time::Instant};
use tracing::{Instrument, Span, info};

use super::job::{Job, Part};
use crate::{
    engine::Engine,
    follow::watch::{Pace, watch_job},
    run::Run,
};

/// For one upstream cancel (api contract §1.4).
pub const CANCEL_BUDGET: Duration = Duration::from_secs(3);

/// The attempt that is given up.
#[derive(Clone)]
struct GivenUp {
    engine: Arc<Engine>,
    generation_id: GenerationId,
    attempt_order: u32,
    provider: Provider,
    kind: MediaKind,
    /// How long a job that can't be cancelled is watched.
    watch_for: Duration,
}

/// Stops all of `job`, an attempt of `run` that is open no more.
pub fn abandon(run: &Run, job: Job) {
    stop(run, job.provider, job.parts);
}

/// Stops these jobs of the open attempt of `run`. Calls are stopped by closing their connections.
pub fn stop(run: &Run, provider: Provider, parts: Vec<Part>) {
    for part in parts {
        if let Part::Polled(handle) = part {
            let attempt = GivenUp::of(run, provider);
            spawn(run, async move { attempt.stop_job(handle).await });
        }
    }
}

/// Waits for the answer of a submission that passed its deadline, and stops what it started.
pub fn stop_when_answered(run: &Run, provider: Provider, task: JoinHandle<Result<Part, ProviderFailure>>) {
    let attempt = GivenUp::of(run, provider);
    spawn(run, async move {
        match task.await {
            Ok(Ok(Part::Polled(handle))) => attempt.stop_job(handle).await,
            Ok(Ok(Part::Finished(_))) => attempt.discard().await,
            Ok(Ok(Part::Calling(_)) | Err(_)) | Err(_) => {}
        }
    });
}

/// Cancels one job upstream; `true`: the provider took it.
pub async fn cancel_upstream(engine: &Engine, provider: Provider, handle: &JobHandle) -> bool {
    let Some(endpoint) = engine.endpoints.get(provider) else { return false };
    let Some(request) = proxy_normalize::cancel(provider, handle, endpoint) else { return false };
    match engine.providers.call(request, Instant::now() + CANCEL_BUDGET).await {
        Ok(answer) => proxy_normalize::read_cancel(provider, &answer.as_response()),
        Err(_) => false,
    }
}

fn spawn(run: &Run, work: impl Future<Output = ()> + Send + 'static) {
    run.engine.follows.spawn(work.instrument(Span::current()));
}

impl GivenUp {
    fn of(run: &Run, provider: Provider) -> Self {
        Self {
            engine: Arc::clone(&run.engine),
            generation_id: run.generation_id,
            attempt_order: run.chain.attempt_order(),
            provider,
            kind: run.kind,
            watch_for: Duration::from_millis(run.attempt_ms()),
        }
    }

    async fn stop_job(self, handle: JobHandle) {
        if cancel_upstream(&self.engine, self.provider, &handle).await {
            info!(provider = %self.provider, attempt = self.attempt_order, "cancelled upstream");
            return;
        }
        let deadline = Instant::now() + self.watch_for;
        if watch_job(
            &self.engine,
            self.provider,
            Pace::usual(&self.engine, self.provider, self.kind),
            &handle,
            deadline,
        )
        .await
        .is_ok()
        {
            self.discard().await;
        }
    }

    async fn discard(self) {
        info!(provider = %self.provider, attempt = self.attempt_order, "a late result was discarded");
        self.engine.metrics.attempt_ended(self.provider, AttemptOutcome::Discarded, None);
        let end = AttemptEnd { outcome: AttemptOutcome::Discarded, error: None, in_doubt: false };
        let (generation_id, attempt_order) = (self.generation_id, self.attempt_order);
        let _ = self.engine.ledger.land(FinishAttempt { generation_id, attempt_order, end }).await;
    }
}
