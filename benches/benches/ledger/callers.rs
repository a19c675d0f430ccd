//! Concurrent callers: as fast as they get answers, or at a given rate. Counts, and keeps every latency.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

/// What came of a run.
pub struct Run {
    pub per_second: f64,
    /// Milliseconds, ascending.
    pub latencies: Vec<f64>,
}

impl Run {
    pub fn percentile(&self, percent: usize) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get((self.latencies.len() * percent / 100).min(last)).copied().unwrap_or_default()
    }
}

/// `callers` do `work` (of the caller's number and its step) one after another for `length`.
pub async fn flat_out<F: Future<Output = ()> + Send + 'static>(
    callers: usize,
    length: Duration,
    work: impl Fn(usize, usize) -> F + Clone + Send + 'static,
) -> Run {
    paced(callers, length, None, work).await
}

/// The same, but together at most `per_second`; who is late does not catch up more than its own step.
pub async fn paced<F: Future<Output = ()> + Send + 'static>(
    callers: usize,
    length: Duration,
    per_second: Option<f64>,
    work: impl Fn(usize, usize) -> F + Clone + Send + 'static,
) -> Run {
    let began = Instant::now();
    let pause = per_second.map(|rate| Duration::from_secs_f64(callers as f64 / rate));
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let work = work.clone();
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            let mut due = began + pause.unwrap_or_default().mul_f64(caller as f64 / callers as f64);
            for step in 0.. {
                if let Some(pause) = pause {
                    tokio::time::sleep_until(due.into()).await;
                    due += pause;
                }
                if began.elapsed() >= length {
                    break;
                }
                let started = Instant::now();
                work(caller, step).await;
                latencies.push(started.elapsed().as_secs_f64() * 1_000.0);
            }
            latencies
        });
    }
    let mut latencies: Vec<f64> = tasks.join_all().await.into_iter().flatten().collect();
    let per_second = latencies.len() as f64 / began.elapsed().as_secs_f64();
    latencies.sort_by(f64::total_cmp);
    Run { per_second, latencies }
}
