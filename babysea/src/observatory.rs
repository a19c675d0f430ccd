//! `babysea intelligence`: the scheduled job, once or until it is stopped, and the same computation over a file.

mod reasons;
mod trials;

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use ledger_contract::Timestamp;
use serde_json::json;

use crate::{
    answer::{Answer, Failure, Outcome},
    config::Places,
    key::moment,
    roles,
};

/// What the observatory computes.
#[derive(Debug, Subcommand)]
pub enum IntelligenceCommand {
    /// Ranks providers from the attempt facts and publishes the rankings.
    Run {
        /// Ranks once and ends.
        #[arg(long)]
        once: bool,
    },
    /// Ranks providers from a file of attempts and prints the rankings.
    Rank(RankArgs),
    /// Says why a model's providers stand as they do.
    Explain {
        /// Public model id.
        #[arg(long)]
        model: String,
    },
    /// Writes the attempts that a story of failing, drifting or arriving providers would leave.
    Simulate(trials::SimulateArgs),
    /// Replays policies over a file of attempts: a table, and a page with plots.
    Backtest(trials::BacktestArgs),
}

/// Which attempts, and how to rank them.
#[derive(Debug, Args)]
pub struct RankArgs {
    /// CSV with the columns model, region, provider, outcome, `latency_ms`, `estimated_cost`, `submitted_at`, `resolved_at`.
    #[arg(long)]
    attempts: PathBuf,
    /// Region label: us, eu or apac.
    #[arg(long)]
    region: String,
    /// How to score.
    #[arg(long, value_enum, default_value_t = Policy::Documented)]
    policy: Policy,
    /// Attempts submitted in this many hours before now count.
    #[arg(long, default_value_t = 24)]
    window_hours: u32,
    /// RFC 3339 time; the latest submission in the file unless named.
    #[arg(long, value_parser = moment)]
    now: Option<Timestamp>,
}

/// Ways to score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Policy {
    /// The published formula with nearest-rank p95.
    Documented,
    /// Expected time to a usable output over the failover chain.
    Ours,
}

impl From<Policy> for intelligence::Policy {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::Documented => Self::Documented,
            Policy::Ours => Self::Ours,
        }
    }
}

/// Runs one of them; without a command, the scheduled job.
pub fn run(places: &Places, command: Option<IntelligenceCommand>, json: bool) -> Outcome {
    match command {
        None | Some(IntelligenceCommand::Run { once: false }) => roles::intelligence(places, json),
        Some(IntelligenceCommand::Run { once: true }) => once(places),
        Some(IntelligenceCommand::Rank(args)) => rank(&args),
        Some(IntelligenceCommand::Explain { model }) => reasons::explain(places, &model),
        Some(IntelligenceCommand::Simulate(args)) => trials::simulate(&args),
        Some(IntelligenceCommand::Backtest(args)) => trials::backtest(&args),
    }
}

fn once(places: &Places) -> Outcome {
    let config = intelligence::Config::load_in(places.file.as_deref(), Some(&places.data_dir));
    let config = config.map_err(anyhow::Error::new)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting a runtime")?;
    let ranked = runtime.block_on(intelligence::run_once(&config))?;
    let shown = serde_json::to_value(&ranked).context("showing the rankings")?;
    Ok(Some(Answer::done(shown, format!("{} rankings published", ranked.len()))))
}

fn rank(args: &RankArgs) -> Outcome {
    let RankArgs { attempts, region, policy, window_hours, now } = args;
    if !attempts.is_file() {
        return Err(Failure::Usage(format!("there is no file {}", attempts.display())));
    }
    let ranked = intelligence::rank_file((*policy).into(), attempts, region, *window_hours, *now)?;
    let lines: Vec<String> = ranked
        .iter()
        .map(|model| {
            let shown = json!(model);
            format!("{} {} ({} attempts)", shown["model"], shown["providers_ranked"], shown["attempts_total"])
        })
        .collect();
    let shown = serde_json::to_value(&ranked).context("showing the rankings")?;
    Ok(Some(Answer::done(shown, lines.join("\n"))))
}
