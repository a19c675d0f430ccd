//! The job store: every accepted job, in memory and in a journal, so that jobs outlive the process like a real
//! provider's. Finished jobs are forgotten beyond a number and an age.

mod job;
mod queue;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

pub use job::{Callback, Draft, Event, Job, Outcome, Problem, Stage};

use crate::journal::Journal;
use crate::provider::Provider;

/// Most jobs kept; the oldest finished ones go first.
const LIMIT: usize = 20_000;
/// How long an ended job is kept, in milliseconds: fal keeps results for seven days.
const AGE_LIMIT_MS: i64 = 7 * 24 * 3_600_000;
/// How many of the oldest jobs are looked at to find one to forget.
const SEARCH: usize = 256;

#[derive(Debug)]
struct Inner {
    jobs: BTreeMap<u64, Job>,
    numbers: HashMap<String, u64>,
    next: u64,
    journal: Journal,
    /// Woken when a job's end has moved.
    watchers: HashMap<u64, Arc<Notify>>,
}

/// The store.
#[derive(Debug)]
pub struct Jobs(Mutex<Inner>);

impl Jobs {
    /// Reads what an earlier run kept in the folder.
    pub fn open(folder: &Path, now_ms: i64) -> std::io::Result<Self> {
        let mut jobs: BTreeMap<u64, Job> = BTreeMap::new();
        let journal = Journal::open(&folder.join("jobs.ndjson"), |job: Job| {
            jobs.insert(job.number, job);
            // Unfinished ones among the oldest are kept by `forget` below.
            if jobs.len() > 2 * LIMIT {
                jobs.pop_first();
            }
        })?;
        let next = jobs.last_key_value().map_or(0, |(number, _)| number + 1);
        let numbers = jobs.values().flat_map(|job| job.names().map(|name| (name, job.number))).collect();
        let mut inner = Inner { jobs, numbers, next, journal, watchers: HashMap::new() };
        inner.forget(now_ms);
        inner.rewrite()?;
        Ok(Self(Mutex::new(inner)))
    }

    /// Accepts a job: it is in the journal when this returns.
    pub fn accept(&self, draft: Draft) -> std::io::Result<Job> {
        let mut inner = self.lock();
        let number = inner.next;
        inner.next += 1;
        let accepted_at_ms = draft.accepted_at_ms;
        let mut job = draft.into_job(number);
        queue::schedule(&mut job, inner.jobs.values());
        inner.journal.append(&job)?;
        inner.numbers.extend(job.names().map(|name| (name, number)));
        inner.jobs.insert(number, job.clone());
        inner.forget(accepted_at_ms);
        if inner.journal.is_overgrown(inner.jobs.len()) {
            inner.rewrite()?;
        }
        Ok(job)
    }

    /// A provider's job by its id.
    pub fn get(&self, provider: Provider, id: &str) -> Option<Job> {
        let inner = self.lock();
        let job = inner.jobs.get(inner.numbers.get(id)?)?;
        (job.provider == provider && job.id == id && !job.deleted).then(|| job.clone())
    }

    /// A provider's job by the secret part of its output URLs.
    pub fn by_token(&self, provider: Provider, token: &str) -> Option<Job> {
        let inner = self.lock();
        let job = inner.jobs.get(inner.numbers.get(token)?)?;
        (job.provider == provider && job.token == token && !job.deleted).then(|| job.clone())
    }

    /// Unfinished jobs of a provider.
    pub fn active(&self, provider: Provider, now_ms: i64) -> usize {
        self.lock().jobs.values().filter(|job| job.provider == provider && !job.is_over(now_ms)).count()
    }

    /// Jobs of the same provider that wait before this one.
    pub fn waiting_before(&self, job: &Job, now_ms: i64) -> usize {
        if job.max_running.is_none() {
            return 0;
        }
        let waits = |other: &&Job| other.provider == job.provider && other.stage(now_ms) == Stage::Queued;
        self.lock().jobs.range(..job.number).map(|(_, other)| other).filter(waits).count()
    }

    /// A provider's jobs with a number below `before`, newest first.
    pub fn list(&self, provider: Provider, before: u64, limit: usize) -> Vec<Job> {
        let inner = self.lock();
        let jobs = inner.jobs.range(..before).rev().map(|(_, job)| job);
        jobs.filter(|job| job.provider == provider && !job.deleted).take(limit).cloned().collect()
    }

    /// Jobs whose callback has not been delivered.
    pub fn with_callback(&self) -> Vec<Job> {
        let waits = |job: &&Job| job.callback.as_ref().is_some_and(|callback| !callback.delivered);
        self.lock().jobs.values().filter(waits).cloned().collect()
    }

    /// Cancels a job unless it is over; returns it either way.
    pub fn cancel(&self, provider: Provider, id: &str, now_ms: i64) -> std::io::Result<Option<Job>> {
        let mut inner = self.lock();
        let Some(job) = inner.numbers.get(id).and_then(|number| inner.jobs.get(number)) else { return Ok(None) };
        if job.provider != provider || job.id != id || job.deleted {
            return Ok(None);
        }
        let mut job = job.clone();
        if !job.is_over(now_ms) {
            job.cancelled_at_ms = Some(now_ms);
            inner.replace(job.clone())?;
            inner.reschedule(provider, now_ms)?;
        }
        Ok(Some(job))
    }

    /// Deletes the record of a job that is over; true when there was one.
    pub fn delete(&self, provider: Provider, id: &str, now_ms: i64) -> std::io::Result<bool> {
        let mut inner = self.lock();
        let found = inner.numbers.get(id).and_then(|number| inner.jobs.get(number));
        let found = found.filter(|job| job.provider == provider && job.id == id && !job.deleted && job.is_over(now_ms));
        let Some(mut job) = found.cloned() else { return Ok(false) };
        job.deleted = true;
        inner.replace(job)?;
        Ok(true)
    }

    /// Notes that a job's callback was delivered, or given up.
    pub fn callback_delivered(&self, number: u64) -> std::io::Result<()> {
        let mut inner = self.lock();
        let Some(mut job) = inner.jobs.get(&number).cloned() else { return Ok(()) };
        if let Some(callback) = &mut job.callback {
            callback.delivered = true;
        }
        inner.replace(job)
    }

    /// What wakes when the job's end moves. Ask before looking at the job.
    pub fn watch(&self, number: u64) -> Arc<Notify> {
        Arc::clone(self.lock().watchers.entry(number).or_default())
    }

    /// Ends the watching of a job when nobody else watches it.
    pub fn unwatch(&self, number: u64, watcher: Arc<Notify>) {
        let mut inner = self.lock();
        drop(watcher);
        if inner.watchers.get(&number).is_some_and(|watcher| Arc::strong_count(watcher) == 1) {
            inner.watchers.remove(&number);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn replace(&mut self, job: Job) -> std::io::Result<()> {
        self.journal.append(&job)?;
        if let Some(watcher) = self.watchers.get(&job.number) {
            watcher.notify_waiters();
        }
        self.jobs.insert(job.number, job);
        Ok(())
    }

    /// A cancelled job gives its place to those that wait.
    fn reschedule(&mut self, provider: Provider, now_ms: i64) -> std::io::Result<()> {
        let waits = |job: &&Job| job.provider == provider && job.stage(now_ms) == Stage::Queued;
        let waiting: Vec<u64> = self.jobs.values().filter(waits).map(|job| job.number).collect();
        for number in waiting {
            let Some(mut job) = self.jobs.get(&number).cloned() else { continue };
            let before = job.starts_at_ms;
            queue::schedule(&mut job, self.jobs.range(..number).map(|(_, job)| job));
            job.not_before(now_ms);
            if job.starts_at_ms != before {
                self.replace(job)?;
            }
        }
        Ok(())
    }

    fn forget(&mut self, now_ms: i64) {
        while let Some((number, job)) = self.jobs.first_key_value() {
            let old = job.ended_at_ms(now_ms).is_some_and(|ended_at_ms| ended_at_ms < now_ms - AGE_LIMIT_MS);
            let number = *number;
            if old {
                self.remove(number);
            } else if self.jobs.len() > LIMIT {
                let finished = self.jobs.values().take(SEARCH).find(|job| job.is_over(now_ms));
                self.remove(finished.map_or(number, |job| job.number));
            } else {
                break;
            }
        }
    }

    fn remove(&mut self, number: u64) {
        if let Some(job) = self.jobs.remove(&number) {
            for name in job.names() {
                self.numbers.remove(&name);
            }
        }
    }

    fn rewrite(&mut self) -> std::io::Result<()> {
        self.journal.rewrite(self.jobs.values())
    }
}
