//! Asks for a job until it is over or its deadline has come: quickly at first, then at the kind's own pace.

use std::time::Duration;

use futures::future::try_join_all;
use ledger_contract::{MediaKind, Provider};
use proxy_normalize::{
    Endpoint, JobHandle, JobResult, Poll, ProviderFailure, least_poll_ms, poll, poll_interval_ms, read_poll,
    read_result,
};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::{
    clock::jittered,
    dispatch::job::{Job, Part},
    engine::Engine,
    provider::ProviderAnswer,
    run::Run,
};

/// Before the first question; each next wait is longer by half, up to the kind's interval.
const FIRST_WAIT: Duration = Duration::from_millis(150);
/// For one question. A poll may be repeated, so an answer that hangs is given up.
const POLL_BUDGET: Duration = Duration::from_secs(10);
/// For the question at the deadline.
const LAST_POLL: Duration = Duration::from_secs(2);

/// All results of `job`, in the order of its parts. The first failure is the job's.
pub async fn watch(run: &Run, job: &mut Job) -> Result<Vec<JobResult>, ProviderFailure> {
    let (deadline, provider) = (job.deadline, job.provider);
    try_join_all(job.parts.iter_mut().map(|part| watch_part(run, provider, part, deadline))).await
}

async fn watch_part(
    run: &Run,
    provider: Provider,
    part: &mut Part,
    deadline: Instant,
) -> Result<JobResult, ProviderFailure> {
    match part {
        Part::Polled(handle) => watch_job(&run.engine, provider, run.kind, handle, deadline).await,
        Part::Calling(call) => match timeout_at(deadline, call).await {
            Ok(ended) => ended.unwrap_or_else(|_| Err(ProviderFailure::lost())),
            Err(_) => Err(ProviderFailure::timed_out()),
        },
        // Taken, not copied: the bytes of a synchronous result are large.
        Part::Finished(result) => {
            Ok(JobResult { outputs: std::mem::take(&mut result.outputs), predict_time_ms: result.predict_time_ms })
        }
    }
}

/// The result of one job.
pub async fn watch_job(
    engine: &Engine,
    provider: Provider,
    kind: MediaKind,
    handle: &JobHandle,
    deadline: Instant,
) -> Result<JobResult, ProviderFailure> {
    let Some(endpoint) = engine.endpoints.get(provider) else { return Err(ProviderFailure::lost()) };
    let longest = Duration::from_millis(poll_interval_ms(endpoint, kind));
    let mut wait = FIRST_WAIT.max(Duration::from_millis(least_poll_ms(endpoint)));
    loop {
        sleep_until(deadline.min(Instant::now() + jittered(wait))).await;
        // Asked once more at the deadline: the job may have ended while nobody could ask.
        match ask(engine, endpoint, handle, deadline.max(Instant::now() + LAST_POLL)).await {
            Poll::Done(result) => return Ok(result),
            Poll::Failed(failure) => return Err(failure),
            Poll::Running | Poll::Unreadable | Poll::Fetch { .. } => {}
        }
        if Instant::now() >= deadline {
            return Err(ProviderFailure::timed_out());
        }
        wait = (wait + wait / 2).min(longest);
    }
}

/// One question, and the call for the output where that is apart.
async fn ask(engine: &Engine, endpoint: &Endpoint, handle: &JobHandle, deadline: Instant) -> Poll {
    let provider = endpoint.provider;
    let Some(answer) = call(engine, poll(provider, handle, endpoint), deadline).await else { return Poll::Unreadable };
    let Poll::Fetch { request, predict_time_ms } = read_poll(provider, handle, endpoint, &answer.as_response()) else {
        return read_poll(provider, handle, endpoint, &answer.as_response());
    };
    let Some(answer) = call(engine, request, deadline).await else { return Poll::Unreadable };
    match read_result(provider, handle, &answer.as_response()) {
        Poll::Done(result) => {
            Poll::Done(JobResult { predict_time_ms: result.predict_time_ms.or(predict_time_ms), ..result })
        }
        other => other,
    }
}

async fn call(engine: &Engine, request: proxy_normalize::ProviderRequest, deadline: Instant) -> Option<ProviderAnswer> {
    engine.providers.call(request, deadline.min(Instant::now() + POLL_BUDGET)).await.ok()
}
