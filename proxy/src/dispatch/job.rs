//! An accepted attempt: one or more jobs at one provider, and what must be remembered to ask for them again.

use ledger_contract::Provider;
use proxy_normalize::{JobHandle, JobResult, ProviderFailure};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

/// What runs at the provider. Dropping it closes the connections of synchronous calls, which cancels them.
#[derive(Debug)]
pub struct Job {
    /// Who runs it.
    pub provider: Provider,
    /// Id of its first part.
    pub prediction_id: String,
    /// When it must be done.
    pub deadline: Instant,
    /// One per submission.
    pub parts: Vec<Part>,
    /// Whether the provider was asked to call back.
    pub is_reported: bool,
}

/// One submission's job.
#[derive(Debug)]
pub enum Part {
    /// Ask for it.
    Polled(JobHandle),
    /// An open call that will bring the result.
    Calling(AbortOnDropHandle<Result<JobResult, ProviderFailure>>),
    /// The result is here.
    Finished(JobResult),
}

/// What the ledger keeps of a job.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "delivery", rename_all = "snake_case")]
enum Handle {
    /// Any process can ask for these.
    Polled { jobs: Vec<JobHandle> },
    /// Only the process that called can receive the result.
    Synchronous,
}

impl Job {
    /// A job that was just accepted. A provider that issues no id gets one from us.
    pub fn new(provider: Provider, parts: Vec<Part>, deadline: Instant) -> Self {
        let issued = parts.iter().find_map(|part| match part {
            Part::Polled(handle) => Some(handle.prediction_id.clone()),
            Part::Calling(_) | Part::Finished(_) => None,
        });
        let prediction_id = issued.unwrap_or_else(|| Uuid::now_v7().to_string());
        Self { provider, prediction_id, deadline, parts, is_reported: false }
    }

    /// A job that another process started; `None` when only that process could have received its result.
    pub fn resume(provider: Provider, handle: &serde_json::Value, deadline: Instant) -> Option<Self> {
        match Handle::deserialize(handle).ok()? {
            Handle::Polled { jobs } if !jobs.is_empty() => {
                Some(Self::new(provider, jobs.into_iter().map(Part::Polled).collect(), deadline))
            }
            Handle::Polled { .. } | Handle::Synchronous => None,
        }
    }

    /// What another process needs to resume it.
    pub fn handle(&self) -> serde_json::Value {
        let polled = self.parts.iter().map(|part| match part {
            Part::Polled(handle) => Some(handle.clone()),
            Part::Calling(_) | Part::Finished(_) => None,
        });
        let handle = match polled.collect::<Option<Vec<_>>>() {
            Some(jobs) => Handle::Polled { jobs },
            None => Handle::Synchronous,
        };
        serde_json::to_value(handle).unwrap_or_default()
    }
}

/// The jobs that a stored handle names; none if it names none.
pub fn jobs_of(handle: &serde_json::Value) -> Vec<JobHandle> {
    match Handle::deserialize(handle) {
        Ok(Handle::Polled { jobs }) => jobs,
        Ok(Handle::Synchronous) | Err(_) => Vec::new(),
    }
}
