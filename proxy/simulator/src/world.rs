//! What all simulated providers share: knobs, jobs, submissions, doors, and the way a submission is admitted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::behavior::{Behavior, Draw, Fault, Knobs, Settings};
use crate::door::Handle;
use crate::inbound::Inbound;
use crate::jobs::{Draft, Job, Jobs, Outcome, Problem};
use crate::provider::Provider;
use crate::signing::Signing;
use crate::submissions::{Submission, Submissions};

/// Everything that lives as long as the simulator.
#[derive(Debug)]
pub struct World {
    /// Accepted jobs.
    pub jobs: Jobs,
    /// The list of submissions.
    pub submissions: Submissions,
    /// `http://127.0.0.1:PORT` of each provider.
    pub origins: BTreeMap<Provider, String>,
    /// Doors of the providers.
    pub doors: BTreeMap<Provider, Handle>,
    /// Knobs of the providers.
    pub knobs: BTreeMap<Provider, Mutex<Knobs>>,
    /// Open requests of synchronous providers.
    pub calls: BTreeMap<Provider, AtomicUsize>,
    /// Whether jobs take as long as real ones.
    pub realistic: bool,
    /// Limits how many files are made at a time: a 4K image is 48 MiB of pixels.
    pub renders: Semaphore,
    /// For callbacks.
    pub client: reqwest::Client,
    /// What callbacks are signed with where the provider chooses it.
    pub signing: Signing,
    /// Cancelled when the simulator ends.
    pub shutdown: CancellationToken,
    /// Background tasks.
    pub tracker: TaskTracker,
}

/// One provider's view of the world.
#[derive(Clone, Debug)]
pub struct Desk {
    /// The provider.
    pub provider: Provider,
    /// The world.
    pub world: Arc<World>,
}

/// Why a submission is not accepted; each provider says it in its own form.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// No key in the provider's header form.
    Unauthenticated,
    /// No JSON object in the body, or a body over the limit.
    Unreadable,
    /// Fields that are wrong.
    Invalid(Vec<Problem>),
    /// The content is refused, where that is reported at once.
    Content,
    /// A model or path the provider does not have.
    NoSuchModel,
    /// Over `requests_per_minute`, or asked for by `http_429`.
    Throttled,
    /// Over `max_active`.
    TooManyActive,
    /// Asked for by `http_402`.
    NoCredit,
    /// Asked for by `http_500`, or the folder cannot be written.
    Fault,
    /// Asked for by `malformed`.
    Malformed,
}

/// An admitted submission.
#[derive(Debug)]
pub struct Ticket {
    /// What it met.
    pub draw: Draw,
    /// Its number in the list.
    pub number: u64,
    /// The knobs as they were.
    pub settings: Settings,
    /// When it was received, Unix milliseconds.
    pub now_ms: i64,
}

impl Ticket {
    /// How an accepted job ends.
    pub fn outcome(&self) -> Outcome {
        match self.draw.behavior {
            Behavior::AcceptThenFail => Outcome::Fault,
            Behavior::NeverFinish => Outcome::Never,
            Behavior::RejectInput => Outcome::RejectInput,
            Behavior::RejectContent => Outcome::RejectContent,
            _ => Outcome::Succeed,
        }
    }

    /// The seed of a job that names none: differs from submission to submission, repeats under the same knobs.
    pub fn drawn_seed(&self) -> u64 {
        self.draw.number & 0x7fff_ffff
    }
}

impl World {
    /// A provider's knobs.
    pub fn knobs(&self, provider: Provider) -> Option<MutexGuard<'_, Knobs>> {
        Some(self.knobs.get(&provider)?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Desk {
    /// `http://127.0.0.1:PORT` of this provider.
    pub fn origin(&self) -> &str {
        self.world.origins.get(&self.provider).map_or("", String::as_str)
    }

    /// Lists a submission and decides whether it goes on. Never returns from behaviours that never answer.
    pub async fn admit(&self, inbound: &Inbound, model: &str, authenticated: bool) -> Result<Ticket, Refusal> {
        let now_ms = now_ms();
        let number = self.record(inbound, model, now_ms)?;
        if !authenticated {
            return Err(Refusal::Unauthenticated);
        }
        let (draw, settings) = self.draw(now_ms)?;
        let ticket = Ticket { draw, number, settings, now_ms };
        if draw.fault == Some(Fault::ThrottleBursts) {
            return Err(Refusal::Throttled);
        }
        match draw.behavior {
            Behavior::Http500 => Err(Refusal::Fault),
            Behavior::Http429 => Err(Refusal::Throttled),
            Behavior::Http402 => Err(Refusal::NoCredit),
            Behavior::HangSubmit => std::future::pending().await,
            Behavior::RefuseConnection => {
                inbound.line.iter().for_each(crate::door::Line::cut);
                std::future::pending().await
            }
            Behavior::Malformed => {
                self.pause(&ticket).await;
                Err(Refusal::Malformed)
            }
            _ => Ok(ticket),
        }
    }

    fn record(&self, inbound: &Inbound, model: &str, now_ms: i64) -> Result<u64, Refusal> {
        let submission = Submission {
            provider: self.provider,
            native_model: model.to_owned(),
            body: inbound.shown_body(),
            headers_seen: inbound.shown_headers(),
            prediction_id: None,
            submitted_at: iso(now_ms),
            cancelled: false,
        };
        self.world.submissions.record(submission).map_err(|error| storage(&error))
    }

    fn draw(&self, now_ms: i64) -> Result<(Draw, Settings), Refusal> {
        let mut knobs = self.world.knobs(self.provider).ok_or(Refusal::Fault)?;
        if !knobs.within_rate(now_ms) {
            return Err(Refusal::Throttled);
        }
        Ok((knobs.draw(), knobs.settings().clone()))
    }

    /// Refuses what exceeds `max_active`, for providers that do not queue.
    pub fn within_active(&self, ticket: &Ticket) -> Result<(), Refusal> {
        let Some(limit) = ticket.settings.max_active else { return Ok(()) };
        let active = self.world.jobs.active(self.provider, ticket.now_ms);
        if active < limit as usize { Ok(()) } else { Err(Refusal::TooManyActive) }
    }

    /// Keeps a job and notes its id beside the submission.
    pub fn accept(&self, ticket: &Ticket, draft: Draft) -> Result<Job, Refusal> {
        let job = self.keep(draft)?;
        self.world.submissions.name(ticket.number, &job.id).map_err(|error| storage(&error))?;
        Ok(job)
    }

    /// Keeps a job without a name of its own: the files of a synchronous answer.
    pub fn keep(&self, draft: Draft) -> Result<Job, Refusal> {
        self.world.jobs.accept(draft).map_err(|error| storage(&error))
    }

    /// Deletes the record of a job that is over; true when there was one.
    pub fn delete(&self, id: &str) -> Result<bool, Refusal> {
        self.world.jobs.delete(self.provider, id, now_ms()).map_err(|error| storage(&error))
    }

    /// Cancels a job of this provider; `None` when there is none.
    pub fn cancel(&self, id: &str) -> Result<Option<Job>, Refusal> {
        let cancelled = self.world.jobs.cancel(self.provider, id, now_ms()).map_err(|error| storage(&error))?;
        if cancelled.as_ref().is_some_and(|job| job.cancelled_at_ms.is_some()) {
            self.world.submissions.cancel_job(self.provider, id).map_err(|error| storage(&error))?;
        }
        Ok(cancelled)
    }

    /// Waits until the submission may be answered.
    pub async fn pause(&self, ticket: &Ticket) {
        let answer_at_ms = ticket.now_ms + i64::try_from(ticket.settings.submit_latency_ms).unwrap_or(i64::MAX / 2);
        sleep_until_ms(answer_at_ms).await;
    }

    /// Counts an open request of a synchronous provider until it is dropped.
    pub fn open_call(&self, ticket: &Ticket) -> Result<Call, Refusal> {
        let calls = self.world.calls.get(&self.provider).ok_or(Refusal::Fault)?;
        let limit = ticket.settings.max_active.map_or(usize::MAX, |limit| limit as usize);
        let call = Call { desk: self.clone(), number: ticket.number, answered: false };
        // The new call counts itself, and its drop takes that back.
        if calls.fetch_add(1, Ordering::Relaxed) >= limit {
            call.answered();
            return Err(Refusal::TooManyActive);
        }
        Ok(call)
    }
}

/// An open request: at a synchronous provider, closing it is the cancellation.
#[must_use = "dropping it notes a cancellation"]
#[derive(Debug)]
pub struct Call {
    desk: Desk,
    number: u64,
    answered: bool,
}

impl Call {
    /// The request was answered.
    pub fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(calls) = self.desk.world.calls.get(&self.desk.provider) {
            calls.fetch_sub(1, Ordering::Relaxed);
        }
        if !self.answered
            && let Err(error) = self.desk.world.submissions.cancel(self.number)
        {
            storage(&error);
        }
    }
}

fn storage(error: &std::io::Error) -> Refusal {
    tracing::error!(%error, "the simulator's folder cannot be written");
    Refusal::Fault
}

/// Unix milliseconds.
pub fn now_ms() -> i64 {
    Utc::now().timestamp_millis()
}

/// RFC 3339 with milliseconds.
pub fn iso(at_ms: i64) -> String {
    let time = DateTime::<Utc>::from_timestamp_millis(at_ms).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Sleeps until a time of the wall clock, which is what jobs are measured by.
pub async fn sleep_until_ms(at_ms: i64) {
    let rest = u64::try_from(at_ms - now_ms()).unwrap_or(0);
    tokio::time::sleep(Duration::from_millis(rest)).await;
}
