//! Calls the callers of jobs back. A callback that was due while the process was down is sent after the restart. What
//! is said, and how it is signed, is each provider's own [`Wording`].

use std::time::Duration;

use crate::behavior::Fault;
use crate::jobs::{Callback, Event, Job, Outcome, Stage};
use crate::world::{Desk, now_ms, sleep_until_ms};

/// Waits between tries of a terminal event; the last try is about a minute after the end.
const PAUSES_MS: [u64; 6] = [0, 1_000, 3_000, 7_000, 15_000, 31_000];
/// How long after the cancellation a late callback comes.
const LATE: Duration = Duration::from_millis(300);

/// A callback as it goes out.
pub struct Envelope {
    /// Header names and values, content type included.
    pub headers: Vec<(&'static str, String)>,
    /// The body, as signed.
    pub body: String,
}

/// Words and signs a callback about a job as it stands.
pub type Wording = fn(&Desk, &Job, &Callback, Event) -> Envelope;

/// Follows a job in the background when its caller wants to be called.
pub fn follow(desk: &Desk, job: &Job, wording: Wording) {
    let Some(callback) = job.callback.clone().filter(|callback| !callback.delivered) else { return };
    let (desk, job) = (desk.clone(), job.clone());
    let tracker = desk.world.tracker.clone();
    tracker.spawn(async move {
        let shutdown = desk.world.shutdown.clone();
        let sender = Sender { desk: &desk, callback: &callback, wording };
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = sender.follow(job) => {}
        }
    });
}

/// Reports a job that is over at once, before its submission is answered.
pub async fn report_first(desk: &Desk, job: &Job, wording: Wording) {
    let Some(callback) = &job.callback else { return };
    Sender { desk, callback, wording }.ended(job).await;
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

struct Sender<'a> {
    desk: &'a Desk,
    callback: &'a Callback,
    wording: Wording,
}

impl Sender<'_> {
    async fn follow(&self, job: Job) {
        if self.wants(Event::Queued) {
            self.send(&job, Event::Queued).await;
        }
        tokio::select! {
            () = self.progress(&job) => {}
            _ended = over(self.desk, &job) => {}
        }
        let Some(job) = over(self.desk, &job).await else { return };
        let job = self.belated(job).await;
        if self.wants(Event::Output) && job.stage(now_ms()) == Stage::Ended(Outcome::Succeed) {
            self.send(&job, Event::Output).await;
        }
        self.ended(&job).await;
    }

    fn wants(&self, event: Event) -> bool {
        self.callback.events.contains(&event)
    }

    /// One try each, at the beginning and in the middle; a restart after that does not repeat them.
    async fn progress(&self, job: &Job) {
        let Some(starts_at_ms) = job.starts_at_ms else { return };
        for (event, at_ms) in [(Event::Started, starts_at_ms), (Event::Logs, starts_at_ms + job.run_ms / 2)] {
            if !self.wants(event) || at_ms <= now_ms() {
                continue;
            }
            sleep_until_ms(at_ms).await;
            let job = self.desk.world.jobs.get(job.provider, &job.id);
            if let Some(job) = job.filter(|job| job.stage(now_ms()) == Stage::Running) {
                self.send(&job, event).await;
            }
        }
    }

    /// The lie about a cancelled job: it is told as one that succeeded.
    async fn belated(&self, job: Job) -> Job {
        if job.fault != Some(Fault::WebhookLateAfterCancel) || job.stage(now_ms()) != Stage::Cancelled {
            return job;
        }
        tokio::time::sleep(LATE).await;
        let starts_at_ms = job.cancelled_at_ms;
        Job { outcome: Outcome::Succeed, cancelled_at_ms: None, starts_at_ms, run_ms: 0, ..job }
    }

    async fn ended(&self, job: &Job) {
        if self.wants(Event::Ended) {
            for pause_ms in PAUSES_MS {
                tokio::time::sleep(Duration::from_millis(pause_ms)).await;
                if self.send(job, Event::Ended).await {
                    break;
                }
            }
        }
        if let Err(error) = self.desk.world.jobs.callback_delivered(job.number) {
            tracing::error!(%error, "noting a delivered callback");
        }
    }

    async fn send(&self, job: &Job, event: Event) -> bool {
        let mut envelope = (self.wording)(self.desk, job, self.callback, event);
        if job.fault == Some(Fault::WebhookBadSignature) {
            // The same JSON, but not the bytes that were signed.
            envelope.body.push(' ');
        }
        let delivered = self.post(&envelope).await;
        if job.fault == Some(Fault::WebhookTwice) { self.post(&envelope).await && delivered } else { delivered }
    }

    async fn post(&self, envelope: &Envelope) -> bool {
        let mut request = self.desk.world.client.post(&self.callback.url).body(envelope.body.clone());
        for (name, value) in &envelope.headers {
            request = request.header(*name, value);
        }
        match request.send().await {
            Ok(answer) => answer.status().is_success(),
            Err(error) => {
                tracing::debug!(error = %error.without_url(), "a callback was not delivered");
                false
            }
        }
    }
}
