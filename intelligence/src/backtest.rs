//! Recorded attempts, replayed: what would each policy have made of the same requests?
//!
//! The model of what didn't happen ([`Recorded`]): asked at some moment for some request, a provider does what it did in
//! one of its recorded attempts nearest to that moment, drawn for that request and provider alone; so all policies meet
//! the same answers. The oracle knows the attempts that are drawn from, not the draw. The model of the front
//! ([`Proxy`]): the contract's §10 with a circuit breaker per provider; what the product itself does is replayed by
//! `make bench-routing`.

mod front;
mod recorded;
mod report;

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, bail};
use ledger_contract::Timestamp;

pub use front::Proxy;
pub use recorded::Recorded;

use crate::policy::expected::Settings;
use crate::replay::{Advisor, Documented, Figures, LowestLatency, Oracle, Ours, Served, Static, Timing, replay};

/// The policies a backtest knows, in the order of the table.
pub const POLICIES: [&str; 5] = ["static", "documented", "ours", "lowest-latency", "oracle"];

/// What to replay.
#[derive(Clone, Debug)]
pub struct Backtest<'a> {
    /// A CSV file of attempts; see [`crate::csv`]. With a column `attempt_order` only first attempts are requests.
    pub attempts: &'a Path,
    /// Region label.
    pub region: &'a str,
    /// Some of [`POLICIES`].
    pub policies: &'a [String],
    /// Requests from here on are replayed, what is before is what the policies have learned; the middle of the file's
    /// attempts unless said.
    pub since: Option<Timestamp>,
}

/// One policy's replay.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// Its name.
    pub policy: String,
    /// What it comes to.
    pub figures: Figures,
    /// Mean time to output above the oracle's, per request.
    pub regret_ms: f64,
    /// Every request.
    pub served: Vec<Served>,
}

/// All of them, and the names behind the numbers.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// As asked.
    pub replays: Vec<Replayed>,
    /// Model ids and, for each, its providers.
    pub models: Vec<(String, Vec<String>)>,
}

impl Backtest<'_> {
    /// Replays every policy.
    pub fn run(&self) -> anyhow::Result<Outcome> {
        if let Some(unknown) = self.policies.iter().find(|name| !POLICIES.contains(&name.as_str())) {
            bail!("unknown policy `{unknown}`; some of: {}", POLICIES.join(", "));
        }
        let recorded = Recorded::read(self.attempts, self.region)?;
        let since = self.since.unwrap_or_else(|| recorded.middle());
        let requests = recorded.requests(since);
        if requests.is_empty() {
            bail!("no attempts of region {} from {since} on in {}", self.region, self.attempts.display());
        }
        let timing = Timing::default();
        let one = |name: &str| {
            let mut advisor = advisor(name, &recorded)?;
            for attempt in recorded.before(since) {
                advisor.learn(attempt);
            }
            Some(replay(&recorded, &mut Proxy::new(&recorded), &mut *advisor, &requests, timing))
        };
        let oracle = Figures::of(&one("oracle").context("the oracle")?, |_| true);
        let replays = self.policies.iter().filter_map(|name| {
            let served = one(name)?;
            let figures = Figures::of(&served, |_| true);
            Some(Replayed { policy: name.clone(), figures, regret_ms: figures.mean_ms - oracle.mean_ms, served })
        });
        Ok(Outcome { replays: replays.collect(), models: recorded.names() })
    }
}

fn advisor<'a>(name: &str, recorded: &'a Recorded) -> Option<Box<dyn Advisor + 'a>> {
    Some(match name {
        "static" => Box::new(Static),
        "documented" => Box::new(Documented::new(recorded, 24)),
        "ours" => Box::new(Ours::new(recorded, Settings::default())),
        "lowest-latency" => Box::new(LowestLatency::new(recorded)),
        "oracle" => Box::new(Oracle::new(recorded)),
        _ => return None,
    })
}

impl Outcome {
    /// The table, one line per policy.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{:<15}{:>10}{:>14}{:>12}{:>12}{:>11}{:>14}{:>13}",
            "policy", "requests", "first try", "mean ms", "p95 ms", "unserved", "waste $/1000", "regret ms"
        );
        for Replayed { policy, figures, regret_ms, served: _ } in &self.replays {
            // Writing to a string can't fail.
            let _ = write!(
                text,
                "\n{policy:<15}{:>10}{:>13.2}%{:>12.0}{:>12.0}{:>10.2}%{:>14.3}{regret_ms:>13.1}",
                figures.requests,
                figures.first_try * 100.0,
                figures.mean_ms,
                figures.p95_ms,
                figures.unserved * 100.0,
                figures.wasted_per_thousand,
            );
        }
        text
    }

    /// The report: a page of its own, with the table and its plots.
    pub fn report(&self) -> anyhow::Result<String> {
        report::page(self)
    }
}
