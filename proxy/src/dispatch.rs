//! Takes a generation through its providers until one accepts. Before and after the first acceptance alike: create and
//! follow differ only in how long they may take.
//!
//! Providers are tried one after another, each attempt is written ahead of its submission, and nothing is sent unless the
//! ledger said that this process is the one to send it.

mod files;
pub mod job;
pub mod late;
mod places;
mod submit;

use std::time::Duration;

use ledger_contract::{
    GenerationStatus, Provider, PublicError,
    command::{AttemptAnswer, AttemptEnd, FinishAttempt, StartAttempt},
};
use proxy_normalize::ProviderFailure;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{error, info, warn};

use crate::{
    chain::Next,
    ledger::{Landed, LedgerError},
    run::Run,
};
use job::Job;
use places::{Taken, Waited};

/// With less than this left, the next provider is not tried (api contract §9 rule 9).
const LEAST_TIME_FOR_A_TRY: Duration = Duration::from_secs(1);

/// Where a generation got to.
#[derive(Debug)]
pub enum Dispatched {
    /// A provider runs the job; the ledger doesn't know yet.
    Accepted(Job),
    /// The chain is over. The generation is still open, and so is the attempt that ended with `end`.
    UsedUp {
        /// For the record and for the customer.
        error: PublicError,
        /// How the last attempt ended, unless none is open.
        end: Option<AttemptEnd>,
    },
    /// The generation is terminal already.
    Ended(GenerationStatus),
    /// Another process runs it now: nothing more may be done here.
    Displaced,
}

/// Submits the open attempt, and the ones after it, until a provider accepts or `until` has come.
pub async fn dispatch(run: &mut Run, until: Instant) -> Dispatched {
    loop {
        let failure = if leaves_time(until) {
            match submit::submit(run, until).await {
                Ok(job) => return Dispatched::Accepted(job),
                Err(failure) => failure,
            }
        } else {
            // Says nothing about the provider.
            run.permit = None;
            out_of_time()
        };
        if let Some(over) = move_on(run, &failure, until).await {
            return over;
        }
    }
}

/// The open attempt failed: goes on to the next provider.
pub async fn fail_over(run: &mut Run, failure: &ProviderFailure, until: Instant) -> Dispatched {
    match move_on(run, failure, until).await {
        Some(over) => over,
        None => dispatch(run, until).await,
    }
}

/// No attempt is open: starts the next one.
pub async fn go_on(run: &mut Run, until: Instant) -> Dispatched {
    let next = run.chain.pass();
    match start(run, next, None, until).await {
        Some(over) => over,
        None => dispatch(run, until).await,
    }
}

/// Ends the open attempt and starts the next one; `None`: it is started.
async fn move_on(run: &mut Run, failure: &ProviderFailure, until: Instant) -> Option<Dispatched> {
    let Some(provider) = run.chain.provider() else {
        return Some(Dispatched::UsedUp { error: run.chain.error(false), end: None });
    };
    let end = run.fail_attempt(provider, failure);
    let next = run.chain.fail(provider, failure, rand::random());
    start(run, next, Some(end), until).await
}

/// Starts the first provider from `next` on that may be tried; `None`: it is started. Full ones are waited for when nobody
/// else is left.
async fn start(run: &mut Run, mut next: Next, end: Option<AttemptEnd>, until: Instant) -> Option<Dispatched> {
    loop {
        let (provider, wait) = match next {
            Next::Nobody => {
                return match places::wait(run, until).await {
                    Waited::Place(start) => write_ahead(run, end, start, until).await,
                    Waited::NoTime => Some(Dispatched::UsedUp { error: run.chain.error(true), end }),
                    Waited::Nobody => Some(Dispatched::UsedUp { error: run.chain.error(false), end }),
                };
            }
            Next::Try(provider) => (provider, Duration::ZERO),
            Next::Repeat(provider, wait) => (provider, wait),
        };
        if until.checked_sub(wait).is_none_or(|until| !leaves_time(until)) {
            return Some(Dispatched::UsedUp { error: run.chain.error(true), end });
        }
        sleep(wait).await;
        next = match places::take(run, provider) {
            Taken::Place(start) => return write_ahead(run, end, start, until).await,
            Taken::Full => run.chain.pass_over(),
            Taken::Refused => run.chain.pass(),
        };
        info!(%provider, "provider passed over");
    }
}

fn leaves_time(until: Instant) -> bool {
    Instant::now() + LEAST_TIME_FOR_A_TRY <= until
}

/// The open attempt was never submitted: certainly nothing was accepted.
fn out_of_time() -> ProviderFailure {
    ProviderFailure { standing: proxy_normalize::Standing::Refused { transient: true }, ..ProviderFailure::timed_out() }
}

/// Nothing is submitted by a process that may have been given up for dead: another one may be doing the same.
async fn write_ahead(
    run: &mut Run,
    end: Option<AttemptEnd>,
    start: StartAttempt,
    until: Instant,
) -> Option<Dispatched> {
    let engine = std::sync::Arc::clone(&run.engine);
    if timeout_at(until, engine.lease.held()).await.is_err() {
        return Some(Dispatched::UsedUp { error: run.chain.error(true), end });
    }
    let (attempt_order, generation_id, provider) = (run.chain.attempt_order(), run.generation_id, start.start.provider);
    let landed = match end {
        Some(end) => engine.ledger.land_both(FinishAttempt { generation_id, attempt_order, end }, start).await,
        None => engine.ledger.land(start).await,
    };
    read_start(run, provider, landed)
}

fn read_start(
    run: &mut Run,
    provider: Provider,
    landed: Result<Landed<AttemptAnswer>, LedgerError>,
) -> Option<Dispatched> {
    match landed {
        Ok(
            Landed { answer: AttemptAnswer::Done, .. }
            | Landed { answer: AttemptAnswer::AlreadyDone, said_before: true },
        ) => {
            run.chain.started();
            None
        }
        Ok(Landed { answer: AttemptAnswer::Ended { status }, .. }) => Some(Dispatched::Ended(status)),
        Ok(Landed { answer, .. }) => {
            warn!(%provider, ?answer, "another process runs this generation");
            Some(Dispatched::Displaced)
        }
        Err(error) => {
            error!(%provider, %error, "the start of an attempt was not understood");
            Some(Dispatched::Displaced)
        }
    }
}
