//! Calls the callers of jobs back: replicate's and bfl's webhooks. A callback that was due while the process was down
//! is sent after the restart. (fal's callbacks need Ed25519 signatures and are not simulated yet; its jobs are polled.)

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::jobs::{Callback, Job, Stage};
use crate::provider::Provider;
use crate::providers;
use crate::world::{Desk, now_ms, sleep_until_ms};

/// Waits between tries of a terminal event; the last try is about a minute after the end.
const PAUSES_MS: [u64; 6] = [0, 1_000, 3_000, 7_000, 15_000, 31_000];

/// A callback as it goes out.
pub struct Envelope {
    /// Header names and values, content type included.
    pub headers: Vec<(&'static str, String)>,
    /// The body, as signed.
    pub body: String,
}

/// HMAC-SHA256 of a text.
pub fn signature(key: &[u8], text: &str) -> Vec<u8> {
    // HMAC takes keys of any length; the error type is a leftover of the general trait.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// Follows a job in the background when its caller wants to be called.
pub fn follow(desk: &Desk, job: &Job) {
    let Some(callback) = job.callback.clone().filter(|callback| !callback.delivered) else { return };
    let (desk, job) = (desk.clone(), job.clone());
    let tracker = desk.world.tracker.clone();
    tracker.spawn(async move {
        let shutdown = desk.world.shutdown.clone();
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = deliver(&desk, job, &callback) => {}
        }
    });
}

async fn deliver(desk: &Desk, job: Job, callback: &Callback) {
    if callback.on_start {
        started(desk, &job, callback).await;
    }
    let Some(job) = over(desk, &job).await else { return };
    if callback.on_end {
        for pause_ms in PAUSES_MS {
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            if send(desk, &job, callback).await {
                break;
            }
        }
    }
    if let Err(error) = desk.world.jobs.callback_delivered(job.number) {
        tracing::error!(%error, "noting a delivered callback");
    }
}

/// One try, when the job begins; a restart after that does not repeat it.
async fn started(desk: &Desk, job: &Job, callback: &Callback) {
    let Some(starts_at_ms) = job.starts_at_ms.filter(|at| *at > now_ms()) else { return };
    sleep_until_ms(starts_at_ms).await;
    let job = desk.world.jobs.get(job.provider, &job.id);
    if let Some(job) = job.filter(|job| job.stage(now_ms()) == Stage::Running) {
        send(desk, &job, callback).await;
    }
}

/// The job once it is over, `None` if it was forgotten.
pub async fn over(desk: &Desk, job: &Job) -> Option<Job> {
    let watcher = desk.world.jobs.watch(job.number);
    let ended = loop {
        // Registered before the job is looked at: a cancellation in between still wakes.
        let mut moved = std::pin::pin!(watcher.notified());
        moved.as_mut().enable();
        let Some(job) = desk.world.jobs.get(job.provider, &job.id) else { break None };
        if job.is_over(now_ms()) {
            break Some(job);
        }
        match job.end_ms() {
            Some(end_ms) => tokio::select! { () = moved => {}, () = sleep_until_ms(end_ms) => {} },
            None => moved.await,
        }
    };
    desk.world.jobs.unwatch(job.number, watcher);
    ended
}

async fn send(desk: &Desk, job: &Job, callback: &Callback) -> bool {
    let envelope = match desk.provider {
        Provider::Replicate => providers::replicate::callback(desk, job),
        Provider::Bfl => providers::bfl::callback(desk, job, callback),
        _ => return true,
    };
    let mut request = desk.world.client.post(&callback.url).body(envelope.body);
    for (name, value) in envelope.headers {
        request = request.header(name, value);
    }
    match request.send().await {
        Ok(answer) => answer.status().is_success(),
        Err(error) => {
            tracing::debug!(error = %error.without_url(), "a callback was not delivered");
            false
        }
    }
}
