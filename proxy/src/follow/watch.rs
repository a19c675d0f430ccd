//! Asks for a job until it is over or its deadline has come: quickly at first, then at the kind's own pace.

use std::time::Duration;

use futures::future::try_join_all;
use ledger_contract::{MediaKind, Provider};
use proxy_normalize::{
    Endpoint, JobHandle, JobResult, Model, Poll, ProviderFailure, least_poll_ms, poll, poll_interval_ms, read_poll,
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

/// Before the first question; each next wait is longer by half, up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(150);
/// The same where the provider calls back when the job is over: asking is a back-up then.
const FIRST_WAIT_REPORTED: Duration = Duration::from_secs(1);
/// How much longer the longest wait is then.
const BACKUP_FACTOR: u32 = 4;
/// For one question. A poll may be repeated, so an answer that hangs is given up.
const POLL_BUDGET: Duration = Duration::from_secs(10);
/// For the question at the deadline.
const LAST_POLL: Duration = Duration::from_secs(2);

/// When to ask.
#[derive(Clone, Debug)]
pub struct Pace {
    first: Duration,
    longest: Duration,
    /// Not to be asked sooner after a question than this, whoever calls.
    least: Duration,
    /// Ends a wait early.
    wake: Option<tokio::sync::watch::Receiver<u64>>,
}

impl Pace {
    /// Nobody calls.
    pub fn usual(engine: &Engine, provider: Provider, kind: MediaKind) -> Self {
        let endpoint = engine.endpoints.get(provider);
        let millis = |ms: Option<u64>| Duration::from_millis(ms.unwrap_or(1_000));
        let least = endpoint.map_or(FIRST_WAIT, |endpoint| Duration::from_millis(least_poll_ms(endpoint)));
        let least = least.max(FIRST_WAIT);
        let longest = millis(endpoint.map(|endpoint| poll_interval_ms(endpoint, kind)));
        Self { first: least, longest: longest.max(least), least, wake: None }
    }

    fn of(run: &Run, job: &Job) -> Self {
        let mut usual = Self::usual(&run.engine, job.provider, run.kind);
        if let Some(ms) = run.offered_model().and_then(Model::poll_ms) {
            usual.longest = Duration::from_millis(ms).max(usual.least);
        }
        let wake = Some(run.wake.receiver());
        if !job.is_reported {
            return Self { wake, ..usual };
        }
        let longest = usual.longest * BACKUP_FACTOR;
        Self { first: usual.first.max(FIRST_WAIT_REPORTED).min(longest), longest, wake, ..usual }
    }

    /// Waits for `wait`, or until somebody calls, but never shorter than the provider allows nor past `deadline`.
    async fn rest(&mut self, wait: Duration, deadline: Instant) {
        let began = Instant::now();
        let ends = deadline.min(began + jittered(wait));
        match &mut self.wake {
            Some(wake) => {
                tokio::select! {
                    Ok(()) = wake.changed() => sleep_until(ends.min(began + self.least)).await,
                    () = sleep_until(ends) => {}
                }
            }
            None => sleep_until(ends).await,
        }
    }
}

/// All results of `job`, in the order of its parts. The first failure is the job's.
pub async fn watch(run: &Run, job: &mut Job) -> Result<Vec<JobResult>, ProviderFailure> {
    let (deadline, provider, pace) = (job.deadline, job.provider, Pace::of(run, job));
    try_join_all(job.parts.iter_mut().map(|part| watch_part(run, provider, part, pace.clone(), deadline))).await
}

async fn watch_part(
    run: &Run,
    provider: Provider,
    part: &mut Part,
    pace: Pace,
    deadline: Instant,
) -> Result<JobResult, ProviderFailure> {
    match part {
        Part::Polled(handle) => watch_job(&run.engine, provider, pace, handle, deadline).await,
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
    mut pace: Pace,
    handle: &JobHandle,
    deadline: Instant,
) -> Result<JobResult, ProviderFailure> {
    let Some(endpoint) = engine.endpoints.get(provider) else { return Err(ProviderFailure::lost()) };
    let mut wait = pace.first;
    loop {
        pace.rest(wait, deadline).await;
        // Asked once more at the deadline: the job may have ended while nobody could ask.
        match ask(engine, endpoint, handle, deadline.max(Instant::now() + LAST_POLL)).await {
            Poll::Done(result) => return Ok(result),
            Poll::Failed(failure) => return Err(failure),
            Poll::Running | Poll::Unreadable | Poll::Fetch { .. } => {}
        }
        if Instant::now() >= deadline {
            return Err(ProviderFailure::timed_out());
        }
        wait = (wait + wait / 2).min(pace.longest);
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
