//! One accepted job. Its fate is fixed when it is accepted, so its state is a function of the clock alone and nothing
//! has to run for a job to proceed, not even this process.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::behavior::Fault;
use crate::media::Artwork;
use crate::provider::Provider;

/// How a job will end when nobody cancels it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// With its files.
    Succeed,
    /// With a fault of the provider.
    Fault,
    /// With a complaint about the input, where the provider reports that on the job.
    RejectInput,
    /// With a complaint about the content, where the provider reports that on the job.
    RejectContent,
    /// Not at all.
    Never,
}

/// Where a job stands at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Accepted, not begun.
    Queued,
    /// Begun.
    Running,
    /// Over, as its outcome says (never [`Outcome::Never`]).
    Ended(Outcome),
    /// Cancelled by the caller.
    Cancelled,
    /// Its caller's own deadline passed; `begun` tells whether it was running.
    Expired {
        /// False when the job never left the queue.
        begun: bool,
    },
}

/// Something wrong with one field of an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The field's name.
    pub field: String,
    /// What is wrong, in the providers' tone.
    pub message: String,
    /// A short word for the kind of problem, as validators print it.
    pub kind: String,
}

/// What a caller can be called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Accepted.
    Queued,
    /// Begun.
    Started,
    /// Something to read while it runs.
    Logs,
    /// The output, just before the end.
    Output,
    /// Over.
    Ended,
}

/// A caller that wants to be called about the job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Callback {
    /// Where to.
    pub url: String,
    /// The caller's own secret, where the provider lets the caller choose one.
    pub secret: Option<String>,
    /// What for.
    pub events: Vec<Event>,
    /// True once delivered, or given up.
    pub delivered: bool,
}

/// What a provider asks the store to accept.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The provider's job id.
    pub id: String,
    /// The provider.
    pub provider: Provider,
    /// The provider's own name of the model.
    pub model: String,
    /// The input as it will be shown again.
    pub input: Value,
    /// How it will end.
    pub outcome: Outcome,
    /// What was wrong with the input, for [`Outcome::RejectInput`].
    pub problems: Vec<Problem>,
    /// Unix milliseconds.
    pub accepted_at_ms: i64,
    /// Milliseconds before it begins, when a place is free.
    pub queue_ms: i64,
    /// Milliseconds it runs.
    pub run_ms: i64,
    /// Most jobs of the provider that run at a time; the others wait.
    pub max_running: Option<u32>,
    /// Milliseconds after which the caller wants it stopped.
    pub cancel_after_ms: Option<i64>,
    /// Secret part of its output URLs.
    pub token: String,
    /// The seed it runs with, asked for or drawn.
    pub seed: u64,
    /// Its files.
    pub artworks: Vec<Artwork>,
    /// Who to call.
    pub callback: Option<Callback>,
    /// What goes wrong with its outputs and callbacks.
    pub fault: Option<Fault>,
}

impl Draft {
    /// The job, with times for an unlimited provider.
    pub(super) fn into_job(self, number: u64) -> Job {
        let Self { id, provider, model, input, outcome, problems, accepted_at_ms, queue_ms, run_ms, .. } = self;
        let Self { max_running, cancel_after_ms, token, seed, artworks, callback, fault, .. } = self;
        let mut job = Job {
            number,
            id,
            provider,
            model,
            input,
            outcome,
            problems,
            accepted_at_ms,
            queue_ms,
            run_ms,
            max_running,
            starts_at_ms: None,
            deadline_ms: cancel_after_ms.map(|after| accepted_at_ms.saturating_add(after)),
            cancelled_at_ms: None,
            token,
            seed,
            artworks,
            callback,
            fault,
            deleted: false,
        };
        job.starts_at_ms = Some(job.ready_at_ms());
        job
    }
}

/// An accepted job. Times are Unix milliseconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// Counts all jobs.
    pub number: u64,
    /// The provider's job id.
    pub id: String,
    /// The provider.
    pub provider: Provider,
    /// The provider's own name of the model.
    pub model: String,
    /// The input as it is shown again.
    pub input: Value,
    /// How it ends.
    pub outcome: Outcome,
    /// What was wrong with the input.
    pub problems: Vec<Problem>,
    /// When it was accepted.
    pub accepted_at_ms: i64,
    /// How long it waits at least.
    pub queue_ms: i64,
    /// How long it runs.
    pub run_ms: i64,
    /// Most jobs of the provider that run at a time.
    pub max_running: Option<u32>,
    /// When it begins; `None` while the jobs before it never end.
    pub starts_at_ms: Option<i64>,
    /// When its caller wants it stopped.
    pub deadline_ms: Option<i64>,
    /// When it was cancelled.
    pub cancelled_at_ms: Option<i64>,
    /// Secret part of its output URLs.
    pub token: String,
    /// The seed it runs with.
    pub seed: u64,
    /// Its files.
    pub artworks: Vec<Artwork>,
    /// Who to call.
    pub callback: Option<Callback>,
    /// What goes wrong with its outputs and callbacks.
    #[serde(default)]
    pub fault: Option<Fault>,
    /// True once its caller has deleted the record: it cannot be found any more.
    #[serde(default)]
    pub deleted: bool,
}

impl Job {
    /// Where the job stands.
    pub fn stage(&self, now_ms: i64) -> Stage {
        let begun = self.starts_at_ms.is_some_and(|at| at <= now_ms);
        let Some(ended_at_ms) = self.ended_at_ms(now_ms) else {
            return if begun { Stage::Running } else { Stage::Queued };
        };
        if self.cancelled_at_ms == Some(ended_at_ms) {
            Stage::Cancelled
        } else if self.deadline_ms == Some(ended_at_ms) {
            Stage::Expired { begun: self.starts_at_ms.is_some_and(|at| at < ended_at_ms) }
        } else {
            Stage::Ended(self.outcome)
        }
    }

    /// When it ends if nothing more happens.
    pub fn end_ms(&self) -> Option<i64> {
        let natural = match self.outcome {
            Outcome::Never => None,
            _ => self.starts_at_ms.map(|at| at.saturating_add(self.run_ms)),
        };
        [self.cancelled_at_ms, self.deadline_ms, natural].into_iter().flatten().min()
    }

    /// When it ended, if it has.
    pub fn ended_at_ms(&self, now_ms: i64) -> Option<i64> {
        self.end_ms().filter(|at| *at <= now_ms)
    }

    /// True when it is over in any way.
    pub fn is_over(&self, now_ms: i64) -> bool {
        self.ended_at_ms(now_ms).is_some()
    }

    /// Milliseconds it has run so far, or ran in all.
    pub fn ran_ms(&self, now_ms: i64) -> i64 {
        let until = self.ended_at_ms(now_ms).unwrap_or(now_ms);
        self.starts_at_ms.map_or(0, |at| (until - at).max(0))
    }

    /// When it could begin.
    pub fn ready_at_ms(&self) -> i64 {
        self.accepted_at_ms.saturating_add(self.queue_ms)
    }

    /// A job that waited does not begin in the past.
    pub(super) fn not_before(&mut self, now_ms: i64) {
        self.starts_at_ms = self.starts_at_ms.map(|at| at.max(now_ms));
    }

    /// What it can be found by.
    pub(super) fn names(&self) -> impl Iterator<Item = String> + use<> {
        [self.id.clone(), self.token.clone()].into_iter()
    }
}

#[cfg(test)]
mod tests;
