//! The submission of one attempt: all its jobs, or none. Decides nothing about what comes after.

use std::{sync::Arc, time::Duration};

use ledger_contract::{ErrorCode, Provider};
use proxy_normalize::{
    Endpoint, JobResult, ProviderFailure, ProviderRequest, Standing, Submission, is_synchronous, read_submission,
    submissions,
};
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout_at},
};
use tokio_util::task::AbortOnDropHandle;
use tracing::error;

use super::{
    files,
    job::{Job, Part},
    late,
};
use crate::{engine::Engine, run::Run};

/// How long a synchronous call may still be refused before it counts as accepted (api contract §9 rule 5).
const EARLY_REFUSAL: Duration = Duration::from_secs(1);

/// How long a submission that passed its deadline is still listened to, to cancel what it started after all.
const LATE_ANSWER: Duration = Duration::from_mins(1);

type Outcome = Result<Part, ProviderFailure>;

/// Submits the open attempt of `run`.
pub async fn submit(run: &Run, until: Instant) -> Result<Job, ProviderFailure> {
    let started = Instant::now();
    let (Some(endpoint), Some(model)) = (run.endpoint(), run.offered_model()) else {
        return Err(not_submittable());
    };
    let endpoint = Arc::new(endpoint.serving(model));
    let provider = endpoint.provider;
    let target = run.engine.callbacks.target(&endpoint, run.generation_id, run.chain.attempt_order());
    let mut requests = submissions(model, provider, &run.canonical, &endpoint, target.as_ref()).map_err(|error| {
        error!(%provider, %error, "a submission can't be built");
        not_submittable()
    })?;
    let deadline = until.min(started + Duration::from_millis(run.engine.deadlines.submit_ms));
    let _room = files::fill(&run.engine, model, &mut requests, deadline).await?;
    let outcomes = if is_synchronous(model, provider) {
        call_all(run, &endpoint, requests, Instant::now()).await
    } else {
        submit_all(run, &endpoint, requests, started, deadline).await
    };
    run.engine.metrics.submitted(provider, started.elapsed().as_secs_f64());
    let parts = all_or_none(run, provider, outcomes)?;
    let attempt_ends = Instant::now() + Duration::from_millis(run.attempt_ms());
    let job = Job::new(provider, parts, attempt_ends.min(run.deadline));
    Ok(Job { is_reported: target.is_some(), ..job })
}

/// All jobs at once. Each answer has until the submission deadline; what comes later is stopped.
async fn submit_all(
    run: &Run,
    endpoint: &Arc<Endpoint>,
    requests: Vec<ProviderRequest>,
    started: Instant,
    deadline: Instant,
) -> Vec<Outcome> {
    let sent: Vec<_> = requests
        .into_iter()
        .map(|request| {
            let (engine, endpoint) = (Arc::clone(&run.engine), Arc::clone(endpoint));
            tokio::spawn(async move { send(&engine, &endpoint, request, started + LATE_ANSWER).await })
        })
        .collect();
    futures::future::join_all(sent.into_iter().map(|task| answered_by(run, endpoint.provider, deadline, task))).await
}

async fn answered_by(run: &Run, provider: Provider, deadline: Instant, mut task: JoinHandle<Outcome>) -> Outcome {
    if let Ok(ended) = timeout_at(deadline, &mut task).await {
        return ended.unwrap_or_else(|_| Err(ProviderFailure::lost()));
    }
    late::stop_when_answered(run, provider, task);
    Err(ProviderFailure::timed_out())
}

/// All calls at once, each in a task that outlives the answer to the customer.
async fn call_all(
    run: &Run,
    endpoint: &Arc<Endpoint>,
    requests: Vec<ProviderRequest>,
    started: Instant,
) -> Vec<Outcome> {
    let deadline = run.deadline.min(started + Duration::from_millis(run.attempt_ms()));
    let accepted_at = started + EARLY_REFUSAL;
    let calls = requests.into_iter().map(|request| {
        let (engine, endpoint) = (Arc::clone(&run.engine), Arc::clone(endpoint));
        AbortOnDropHandle::new(tokio::spawn(async move { call(&engine, &endpoint, request, deadline).await }))
    });
    let calls: Vec<_> = calls.collect();
    futures::future::join_all(calls.into_iter().map(|call| refused_by(accepted_at, call))).await
}

async fn refused_by(accepted_at: Instant, mut call: AbortOnDropHandle<Result<JobResult, ProviderFailure>>) -> Outcome {
    match timeout_at(accepted_at, &mut call).await {
        Ok(Ok(ended)) => ended.map(Part::Finished),
        Ok(Err(_)) => Err(ProviderFailure::lost()),
        Err(_) => Ok(Part::Calling(call)),
    }
}

async fn call(
    engine: &Engine,
    endpoint: &Endpoint,
    request: ProviderRequest,
    deadline: Instant,
) -> Result<JobResult, ProviderFailure> {
    match send(engine, endpoint, request, deadline).await? {
        Part::Finished(result) => Ok(result),
        // A synchronous provider that promises a job instead of a result has an adapter that is wrong about it.
        Part::Polled(_) | Part::Calling(_) => Err(ProviderFailure::lost()),
    }
}

async fn send(engine: &Engine, endpoint: &Endpoint, request: ProviderRequest, deadline: Instant) -> Outcome {
    let answer = engine.providers.call(request, deadline).await?;
    match read_submission(endpoint, &answer.as_response()) {
        Submission::Accepted(handle) => Ok(Part::Polled(handle)),
        Submission::Finished(result) => Ok(Part::Finished(result)),
        Submission::Refused(failure) => Err(failure),
    }
}

/// A fan-out is one attempt: when one of its jobs fails, the others are stopped, and what the attempt leaves behind is as
/// uncertain as the most uncertain of them.
fn all_or_none(run: &Run, provider: Provider, outcomes: Vec<Outcome>) -> Result<Vec<Part>, ProviderFailure> {
    let (mut parts, mut failures) = (Vec::new(), Vec::new());
    for outcome in outcomes {
        match outcome {
            Ok(part) => parts.push(part),
            Err(failure) => failures.push(failure),
        }
    }
    let Some(failure) = combine(failures, !parts.is_empty()) else { return Ok(parts) };
    late::stop(run, provider, parts);
    Err(failure)
}

/// The failure of an attempt some of whose jobs failed. One that ends the chain comes first, then one in doubt.
fn combine(failures: Vec<ProviderFailure>, something_runs: bool) -> Option<ProviderFailure> {
    let in_doubt = something_runs || failures.iter().any(ProviderFailure::is_in_doubt);
    let mut worst = failures.into_iter().max_by_key(|failure| (!failure.moves_on(), failure.is_in_doubt()))?;
    if in_doubt && worst.is_transient_refusal() {
        worst.standing = Standing::InDoubt;
    }
    Some(worst)
}

/// Our own mistake, or a change since the order was resolved: this provider can't be asked, the next one may.
fn not_submittable() -> ProviderFailure {
    ProviderFailure {
        code: ErrorCode::ProviderError,
        message: "the provider is not available for this model".to_owned(),
        standing: Standing::Refused { transient: false },
        alert: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: ErrorCode) -> ProviderFailure {
        ProviderFailure { code, message: String::new(), standing: Standing::Refused { transient: true }, alert: false }
    }

    #[test]
    fn a_refusal_beside_a_running_job_is_in_doubt() {
        let alone = combine(vec![refused(ErrorCode::ProviderRateLimited)], false);
        assert!(alone.is_some_and(|failure| failure.is_transient_refusal()));
        let beside = combine(vec![refused(ErrorCode::ProviderRateLimited)], true);
        assert!(beside.is_some_and(|failure| failure.is_in_doubt()));
        assert_eq!(combine(Vec::new(), true), None);
    }

    #[test]
    fn what_ends_the_chain_wins_over_what_moves_on() {
        let worst = combine(vec![ProviderFailure::timed_out(), refused(ErrorCode::ProviderContentRejected)], false);
        assert_eq!(worst.map(|failure| failure.code), Some(ErrorCode::ProviderContentRejected));
    }

    #[test]
    fn doubt_wins_over_a_clean_refusal() {
        let worst = combine(vec![refused(ErrorCode::ProviderRateLimited), ProviderFailure::lost()], false);
        assert!(worst.is_some_and(|failure| failure.is_in_doubt()));
    }
}
