//! Every metric of the proxy, by its one name. Call sites call methods; they never spell a metric or a label.
//!
//! Labels are closed lists (routes, providers, codes), never ids or anything a customer chose.

use http::StatusCode;
use ledger_contract::{AttemptOutcome, ErrorCode, GenerationStatus, MediaKind, Provider};
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    core::Collector,
};

/// Seconds; from a cached read to the create budget and beyond.
const REQUEST_BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0];
/// Seconds; from an image to the longest video.
const GENERATION_BUCKETS: &[f64] = &[0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 600.0, 1200.0];
/// Commands in one call.
const BATCH_BUCKETS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 64.0, 256.0, 1024.0, 4096.0];

/// A circuit breaker's position, as its gauge shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerGauge {
    /// 0
    Closed,
    /// 1
    HalfOpen,
    /// 2
    Open,
}

/// How a presented key was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyCheck {
    /// From memory, while the ledger's feed is live.
    Remembered,
    /// The ledger was asked; the key had been hashed lately.
    Asked,
    /// The ledger was asked and the key hashed.
    Hashed,
    /// It does not authenticate.
    Refused,
    /// The ledger could not be asked.
    LedgerAway,
}

impl KeyCheck {
    fn as_str(self) -> &'static str {
        match self {
            Self::Remembered => "remembered",
            Self::Asked => "asked",
            Self::Hashed => "hashed",
            Self::Refused => "refused",
            Self::LedgerAway => "ledger_away",
        }
    }
}

/// The proxy's metrics, registered once per process.
#[derive(Debug)]
pub struct Metrics {
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    errors: IntCounterVec,
    in_flight: IntGauge,
    attempts: IntCounterVec,
    submit_seconds: HistogramVec,
    generations: IntCounterVec,
    generation_seconds: HistogramVec,
    open_generations: IntGauge,
    breaker: GaugeVec,
    open_jobs: GaugeVec,
    rankings: IntGauge,
    hint_source: GaugeVec,
    ranking_age: Gauge,
    output_bytes: IntCounterVec,
    ledger_calls: IntCounterVec,
    ledger_seconds: HistogramVec,
    ledger_batch: Histogram,
    key_checks: IntCounterVec,
    key_feed: IntGauge,
    limits_shared: IntGauge,
    log_dropped: IntCounter,
}

impl Metrics {
    /// Registers everything in `registry`; fails if that was done before.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let r = registry;
        Ok(Self {
            requests: counter(r, "requests_total", "Answers by route and status", &["method", "route", "status"])?,
            request_seconds: histogram(r, "request_seconds", "Time to answer", &["route"], REQUEST_BUCKETS)?,
            errors: counter(r, "errors_total", "Error answers by code", &["code"])?,
            in_flight: gauge(r, "requests_in_flight", "Requests being answered")?,
            attempts: counter(r, "attempts_total", "Ended attempts", &["provider", "outcome", "code"])?,
            submit_seconds: histogram(r, "submit_seconds", "Time of a submission", &["provider"], REQUEST_BUCKETS)?,
            generations: counter(r, "generations_total", "Ended generations", &["kind", "status"])?,
            generation_seconds: histogram(
                r,
                "generation_seconds",
                "Time from creation to end",
                &["kind", "status"],
                GENERATION_BUCKETS,
            )?,
            open_generations: gauge(r, "open_generations", "Generations this process follows")?,
            breaker: register(
                r,
                GaugeVec::new(opts("breaker_state", "0 closed, 1 half-open, 2 open"), &["provider"])?,
            )?,
            open_jobs: register(
                r,
                GaugeVec::new(opts("provider_open_jobs", "Jobs open at a provider"), &["provider", "lane"])?,
            )?,
            rankings: gauge(r, "rankings", "Models with a usable ranking")?,
            hint_source: register(
                r,
                GaugeVec::new(opts("hint_source", "1 for where the last hints came from"), &["source"])?,
            )?,
            ranking_age: register(
                r,
                Gauge::with_opts(opts("ranking_age_seconds", "Age of the oldest usable ranking; -1 without one"))?,
            )?,
            output_bytes: counter(r, "output_bytes_total", "Bytes stored for customers", &["kind"])?,
            ledger_calls: counter(r, "ledger_calls_total", "Calls to the ledger", &["call", "result"])?,
            ledger_seconds: histogram(r, "ledger_call_seconds", "Time of a ledger call", &["call"], REQUEST_BUCKETS)?,
            ledger_batch: register(
                r,
                Histogram::with_opts(
                    HistogramOpts::from(opts("ledger_batch_commands", "Commands in one call"))
                        .buckets(BATCH_BUCKETS.to_vec()),
                )?,
            )?,
            key_checks: counter(r, "key_checks_total", "How presented keys were decided", &["way"])?,
            key_feed: gauge(r, "key_feed_live", "1 while remembered keys are used without asking the ledger")?,
            limits_shared: gauge(r, "limits_shared", "1 while rate limits are counted in Redis, 0 in this process")?,
            log_dropped: register(
                r,
                IntCounter::with_opts(opts("request_log_dropped_total", "Request-log rows that found no room"))?,
            )?,
        })
    }

    /// A request was answered. `route` is a template, never a path.
    pub fn request_answered(&self, method: &str, route: &str, status: u16, code: Option<ErrorCode>, seconds: f64) {
        // Zero: the client left before anything was written.
        let text = StatusCode::from_u16(status).ok();
        self.requests.with_label_values(&[method, route, text.as_ref().map_or("0", StatusCode::as_str)]).inc();
        self.request_seconds.with_label_values(&[route]).observe(seconds);
        if let Some(code) = code {
            self.errors.with_label_values(&[code.code()]).inc();
        }
    }

    /// How many requests are being answered.
    pub fn set_in_flight(&self, requests: usize) {
        self.in_flight.set(i64::try_from(requests).unwrap_or(i64::MAX));
    }

    /// An attempt ended; `code` unless it was used or cancelled.
    pub fn attempt_ended(&self, provider: Provider, outcome: AttemptOutcome, code: Option<ErrorCode>) {
        let code = code.map_or("", ErrorCode::code);
        self.attempts.with_label_values(&[provider.as_str(), outcome.as_str(), code]).inc();
    }

    /// A submission was answered, or given up.
    pub fn submitted(&self, provider: Provider, seconds: f64) {
        self.submit_seconds.with_label_values(&[provider.as_str()]).observe(seconds);
    }

    /// A generation became terminal.
    pub fn generation_ended(&self, kind: MediaKind, status: GenerationStatus, seconds: f64) {
        let labels = [kind.as_str(), status.as_str()];
        self.generations.with_label_values(&labels).inc();
        self.generation_seconds.with_label_values(&labels).observe(seconds);
    }

    /// How many generations this process follows.
    pub fn set_open_generations(&self, count: usize) {
        self.open_generations.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A breaker's position.
    pub fn set_breaker(&self, provider: Provider, state: BreakerGauge) {
        let value = match state {
            BreakerGauge::Closed => 0.0,
            BreakerGauge::HalfOpen => 1.0,
            BreakerGauge::Open => 2.0,
        };
        self.breaker.with_label_values(&[provider.as_str()]).set(value);
    }

    /// How many jobs of ours a provider holds. `lane` is a name of the adapters' table.
    pub fn set_open_jobs(&self, provider: Provider, lane: &str, jobs: u32) {
        self.open_jobs.with_label_values(&[provider.as_str(), lane]).set(f64::from(jobs));
    }

    /// How many rankings are usable, and how old the oldest of them is.
    pub fn set_rankings(&self, usable: usize, oldest_age_s: Option<f64>) {
        self.rankings.set(i64::try_from(usable).unwrap_or(i64::MAX));
        self.ranking_age.set(oldest_age_s.unwrap_or(-1.0));
    }

    /// Where the last read of hints came from: `redis`, `file`, or `none` when it failed.
    pub fn set_hint_source(&self, source: &str) {
        for known in ["redis", "file", "none"] {
            self.hint_source.with_label_values(&[known]).set(if known == source { 1.0 } else { 0.0 });
        }
    }

    /// An output file was stored.
    pub fn output_stored(&self, kind: MediaKind, bytes: u64) {
        self.output_bytes.with_label_values(&[kind.as_str()]).inc_by(bytes);
    }

    /// A call to the ledger ended. `call` is one of its paths' names.
    pub fn ledger_called(&self, call: &str, ok: bool, seconds: f64) {
        self.ledger_calls.with_label_values(&[call, if ok { "ok" } else { "failed" }]).inc();
        self.ledger_seconds.with_label_values(&[call]).observe(seconds);
    }

    /// A batch of commands was sent.
    pub fn ledger_batch(&self, commands: usize) {
        self.ledger_batch.observe(f64::from(u32::try_from(commands).unwrap_or(u32::MAX)));
    }

    /// A presented key was decided.
    pub fn key_checked(&self, way: KeyCheck) {
        self.key_checks.with_label_values(&[way.as_str()]).inc();
    }

    /// Whether remembered keys may be used without asking the ledger.
    pub fn set_key_feed(&self, is_live: bool) {
        self.key_feed.set(i64::from(is_live));
    }

    /// Whether rate limits are counted in Redis, together with all proxies, or in this process alone.
    pub fn set_limits_shared(&self, are_shared: bool) {
        self.limits_shared.set(i64::from(are_shared));
    }

    /// Rows of the request log that found no room while the ledger was away.
    pub fn log_rows_dropped(&self, rows: u64) {
        self.log_dropped.inc_by(rows);
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(format!("babysea_proxy_{name}"), help)
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, metric: C) -> Result<C, prometheus::Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn counter(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
    register(registry, IntCounterVec::new(opts(name, help), labels)?)
}

fn gauge(registry: &Registry, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
    register(registry, IntGauge::with_opts(opts(name, help))?)
}

fn histogram(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
    buckets: &[f64],
) -> Result<HistogramVec, prometheus::Error> {
    let opts = HistogramOpts::from(opts(name, help)).buckets(buckets.to_vec());
    register(registry, HistogramVec::new(opts, labels)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_our_prefix_and_can_be_gathered() {
        let registry = Registry::new();
        let metrics = Metrics::new(&registry).unwrap();
        metrics.request_answered("GET", "/v1/status", 200, None, 0.01);
        metrics.attempt_ended(Provider::Fal, AttemptOutcome::Used, None);
        metrics.set_breaker(Provider::Fal, BreakerGauge::Open);
        let families = registry.gather();
        assert!(families.len() > 5);
        assert!(families.iter().all(|family| family.name().starts_with("babysea_proxy_")));
        assert!(Metrics::new(&registry).is_err());
    }
}
