//! Every submission received, the last ten thousand: what the control routes show to tests.
//!
//! Credentials never enter the list. It survives a restart, so that a test which kills the process can still count.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::journal::Journal;
use crate::provider::Provider;

/// The promise of the control routes.
const LIMIT: usize = 10_000;
/// Bytes of kept bodies, so that ten thousand large ones do not fill the memory.
const BYTES_LIMIT: usize = 64 << 20;

/// One submission as it is listed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Submission {
    /// Whose wire it came in on.
    pub provider: Provider,
    /// The provider's own name of the model.
    pub native_model: String,
    /// The JSON body; `null` when it was none.
    pub body: Value,
    /// Header names and values, credentials replaced.
    pub headers_seen: BTreeMap<String, String>,
    /// The job's id, once there is one; synchronous providers have none.
    pub prediction_id: Option<String>,
    /// When it was received, RFC 3339.
    pub submitted_at: String,
    /// True once the job was cancelled, or the open request of a synchronous provider was closed.
    pub cancelled: bool,
}

/// A submission with its number and weight.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    number: u64,
    #[serde(skip)]
    bytes: usize,
    submission: Submission,
}

#[derive(Debug)]
struct Inner {
    kept: VecDeque<Kept>,
    bytes: usize,
    next: u64,
    journal: Journal,
}

/// The list.
#[derive(Debug)]
pub struct Submissions(Mutex<Inner>);

impl Submissions {
    /// Reads what an earlier run kept in the folder.
    pub fn open(folder: &Path) -> std::io::Result<Self> {
        let mut last: BTreeMap<u64, Kept> = BTreeMap::new();
        let journal = Journal::open(&folder.join("submissions.ndjson"), |kept: Kept| {
            last.insert(kept.number, kept);
            if last.len() > LIMIT {
                last.pop_first();
            }
        })?;
        let next = last.last_key_value().map_or(0, |(number, _)| number + 1);
        let mut inner = Inner { kept: VecDeque::new(), bytes: 0, next, journal };
        for kept in last.into_values() {
            inner.keep(kept);
        }
        inner.rewrite()?;
        Ok(Self(Mutex::new(inner)))
    }

    /// Adds one and returns its number.
    pub fn record(&self, submission: Submission) -> std::io::Result<u64> {
        let mut inner = self.lock();
        let number = inner.next;
        inner.next += 1;
        let kept = Kept { number, bytes: 0, submission };
        inner.journal.append(&kept)?;
        inner.keep(kept);
        if inner.journal.is_overgrown(inner.kept.len()) {
            inner.rewrite()?;
        }
        Ok(number)
    }

    /// Notes the job a submission became.
    pub fn name(&self, number: u64, prediction_id: &str) -> std::io::Result<()> {
        self.change(number, |submission| submission.prediction_id = Some(prediction_id.to_owned()))
    }

    /// Notes that a submission's open request was closed.
    pub fn cancel(&self, number: u64) -> std::io::Result<()> {
        self.change(number, |submission| submission.cancelled = true)
    }

    /// Notes that a job was cancelled.
    pub fn cancel_job(&self, provider: Provider, prediction_id: &str) -> std::io::Result<()> {
        let belongs = |kept: &&Kept| {
            kept.submission.provider == provider && kept.submission.prediction_id.as_deref() == Some(prediction_id)
        };
        let number = self.lock().kept.iter().rev().find(belongs).map(|kept| kept.number);
        number.map_or(Ok(()), |number| self.cancel(number))
    }

    /// The list, oldest first.
    pub fn list(&self, provider: Option<Provider>) -> Vec<Submission> {
        let wanted = |submission: &Submission| provider.is_none_or(|provider| submission.provider == provider);
        let inner = self.lock();
        inner.kept.iter().map(|kept| &kept.submission).filter(|submission| wanted(submission)).cloned().collect()
    }

    /// Forgets all of them.
    pub fn forget(&self) -> std::io::Result<()> {
        let mut inner = self.lock();
        inner.kept.clear();
        inner.bytes = 0;
        inner.rewrite()
    }

    fn change(&self, number: u64, change: impl FnOnce(&mut Submission)) -> std::io::Result<()> {
        let mut inner = self.lock();
        let position = inner.kept.binary_search_by_key(&number, |kept| kept.number);
        let Some(kept) = position.ok().and_then(|position| inner.kept.get_mut(position)) else { return Ok(()) };
        change(&mut kept.submission);
        let line = kept.clone();
        inner.journal.append(&line)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn keep(&mut self, mut kept: Kept) {
        kept.bytes = kept.submission.body.to_string().len();
        self.bytes += kept.bytes;
        self.kept.push_back(kept);
        while self.kept.len() > LIMIT || self.bytes > BYTES_LIMIT {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.bytes -= oldest.bytes;
        }
    }

    fn rewrite(&mut self) -> std::io::Result<()> {
        self.journal.rewrite(self.kept.iter())
    }
}
