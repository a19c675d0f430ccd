//! Every metric of the observatory, by its one name. Call sites call methods; they never spell a metric or a label.

use prometheus::{Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// Seconds; from an empty book to a full memory.
const PASS_BUCKETS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The observatory's metrics, registered once per process.
#[derive(Clone, Debug)]
pub struct Metrics {
    last_success: Gauge,
    rows_read: IntCounter,
    models_ranked: IntGauge,
    pass_seconds: Histogram,
    failures: IntCounterVec,
    last_health: Gauge,
    degraded: IntGauge,
    missed: IntCounter,
}

impl Metrics {
    /// Registers everything in `registry`; fails if that was done before.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let seconds = HistogramOpts::new("babysea_intelligence_pass_seconds", "Time of one pass: read, rank, publish");
        let failures = Opts::new("babysea_intelligence_failures_total", "Passes that failed, by step");
        let metrics = Self {
            last_success: Gauge::new(
                "babysea_intelligence_last_success_timestamp_seconds",
                "When rankings were last published, Unix time; 0: never",
            )?,
            rows_read: IntCounter::new("babysea_intelligence_rows_read_total", "Attempt facts read from the book")?,
            models_ranked: IntGauge::new("babysea_intelligence_models_ranked", "Models in the last ranking")?,
            pass_seconds: Histogram::with_opts(seconds.buckets(PASS_BUCKETS.to_vec()))?,
            failures: IntCounterVec::new(failures, &["step"])?,
            last_health: Gauge::new(
                "babysea_intelligence_last_health_timestamp_seconds",
                "When a health snapshot was last published, Unix time; 0: never",
            )?,
            degraded: IntGauge::new(
                "babysea_intelligence_degraded_providers",
                "Providers in the last health snapshot",
            )?,
            missed: IntCounter::new("babysea_intelligence_missed_total", "Rankings that began later than planned")?,
        };
        registry.register(Box::new(metrics.last_success.clone()))?;
        registry.register(Box::new(metrics.rows_read.clone()))?;
        registry.register(Box::new(metrics.models_ranked.clone()))?;
        registry.register(Box::new(metrics.pass_seconds.clone()))?;
        registry.register(Box::new(metrics.failures.clone()))?;
        registry.register(Box::new(metrics.last_health.clone()))?;
        registry.register(Box::new(metrics.degraded.clone()))?;
        registry.register(Box::new(metrics.missed.clone()))?;
        Ok(metrics)
    }

    /// A pass ended well at `now` (Unix seconds) after `seconds`.
    pub fn succeeded(&self, now: f64, seconds: f64, rows: u64, models: usize) {
        self.last_success.set(now);
        self.rows_read.inc_by(rows);
        self.models_ranked.set(i64::try_from(models).unwrap_or(i64::MAX));
        self.pass_seconds.observe(seconds);
    }

    /// A health snapshot was published at `now` (Unix seconds) and puts so many providers behind the others.
    pub fn watched(&self, now: f64, degraded: usize) {
        self.last_health.set(now);
        self.degraded.set(i64::try_from(degraded).unwrap_or(i64::MAX));
    }

    /// A ranking began later than planned, since the one before it took too long.
    pub fn missed(&self) {
        self.missed.inc();
    }

    /// A pass failed at a step: `lease`, `read`, `rank`, `publish` or `health`.
    pub fn failed(&self, step: &str) {
        self.failures.with_label_values(&[step]).inc();
    }

    /// Whether rankings were ever published by this process.
    pub fn has_succeeded(&self) -> bool {
        self.last_success.get() > 0.0
    }
}
