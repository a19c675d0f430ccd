//! Every metric of the ledger, by name and label. Call sites call methods and never spell a name.

mod outcome;

use std::time::Duration;

use ledger_contract::command::{Answer, Command};
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry, core::Collector, exponential_buckets,
};

/// Registered once per registry.
pub(crate) struct Metrics {
    batches: IntCounterVec,
    batch_commands: Histogram,
    commit_seconds: Histogram,
    commands: IntCounterVec,
    queue_depth: IntGauge,
    open_generations: IntGauge,
    recovered: IntCounterVec,
    swept_files: IntCounter,
    audits: IntCounterVec,
    audit_violations: IntGauge,
    database_up: IntGauge,
}

impl Metrics {
    /// Registers all of them.
    pub(crate) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let register = Register(registry);
        Ok(Self {
            batches: register.counters("batches_total", "Transactions tried, by result.", &["result"])?,
            batch_commands: register.histogram("batch_commands", "Commands per transaction.", 1.0, 2.0, 13)?,
            commit_seconds: register.histogram("commit_seconds", "Time of a transaction.", 0.000_25, 2.0, 15)?,
            commands: register.counters("commands_total", "Commands answered.", &["command", "result"])?,
            queue_depth: register.gauge("queue_depth", "Calls that wait for the committer.")?,
            open_generations: register.gauge("open_generations", "Generations that are not terminal.")?,
            recovered: register.counters("recovered_total", "Generations settled without their process.", &["why"])?,
            swept_files: register.counter("swept_files_total", "Output files removed after their time.")?,
            audits: register.counters("audits_total", "Audits, by result.", &["result"])?,
            audit_violations: register.gauge("audit_violations", "Violations that the last audit found.")?,
            database_up: register.gauge("database_up", "Whether the database answered when it was last asked.")?,
        })
    }

    /// A transaction of `commands` commands was committed.
    pub(crate) fn committed(&self, commands: usize, took: Duration) {
        self.batches.with_label_values(&["committed"]).inc();
        #[expect(clippy::cast_precision_loss, reason = "a batch has thousands of commands, not 2^52")]
        self.batch_commands.observe(commands as f64);
        self.commit_seconds.observe(took.as_secs_f64());
    }

    /// A transaction failed as a whole.
    pub(crate) fn commit_failed(&self) {
        self.batches.with_label_values(&["failed"]).inc();
    }

    /// A command got its answer.
    pub(crate) fn answered(&self, command: &Command, answer: &Answer) {
        self.commands.with_label_values(&[command.name(), outcome::of(answer)]).inc();
    }

    /// So many calls wait.
    pub(crate) fn queue_depth(&self, calls: usize) {
        self.queue_depth.set(gauge(calls));
    }

    /// So many generations are open.
    pub(crate) fn open_generations(&self, open: u64) {
        self.open_generations.set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    /// Generations were settled because their process was gone.
    pub(crate) fn recovered(&self, why: &str, generations: usize) {
        self.recovered.with_label_values(&[why]).inc_by(generations as u64);
    }

    /// Output files were removed.
    pub(crate) fn swept(&self, files: u64) {
        self.swept_files.inc_by(files);
    }

    /// An audit ended with so many violations.
    pub(crate) fn audited(&self, violations: usize) {
        self.audits.with_label_values(&[if violations == 0 { "clean" } else { "violated" }]).inc();
        self.audit_violations.set(gauge(violations));
    }

    /// The database answered, or did not.
    pub(crate) fn database_up(&self, up: bool) {
        self.database_up.set(i64::from(up));
    }
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Makes and registers; every name begins alike.
struct Register<'a>(&'a Registry);

impl Register<'_> {
    fn keep<C: Collector + Clone + 'static>(&self, metric: C) -> Result<C, prometheus::Error> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
        self.keep(IntCounterVec::new(Opts::new(full(name), help), labels)?)
    }

    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
        self.keep(IntCounter::new(full(name), help)?)
    }

    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
        self.keep(IntGauge::new(full(name), help)?)
    }

    fn histogram(
        &self,
        name: &str,
        help: &str,
        start: f64,
        factor: f64,
        count: usize,
    ) -> Result<Histogram, prometheus::Error> {
        let buckets = exponential_buckets(start, factor, count)?;
        self.keep(Histogram::with_opts(HistogramOpts::new(full(name), help).buckets(buckets))?)
    }
}

fn full(name: &str) -> String {
    format!("babysea_ledger_{name}")
}
