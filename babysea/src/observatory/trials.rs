//! `babysea intelligence simulate` and `backtest`: attempts out of a story, and policies replayed over attempts.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, builder::PossibleValuesParser};
use intelligence::{
    backtest::{Backtest, POLICIES},
    scenario::Scenario,
    simulate,
};
use ledger_contract::Timestamp;
use serde_json::json;

use crate::{
    answer::{Answer, Failure, Outcome},
    key::moment,
};

/// Which story, and where its attempts go.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// The story.
    #[arg(long, value_parser = PossibleValuesParser::new(Scenario::ALL.map(Scenario::name)))]
    scenario: String,
    /// The same seed is the same file.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// CSV file to write; standard output unless named.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Which attempts, and who is to meet them.
#[derive(Debug, Args)]
pub struct BacktestArgs {
    /// CSV as for `rank`; with a column `attempt_order` only first attempts are requests.
    #[arg(long)]
    attempts: PathBuf,
    /// Policies, separated by commas.
    #[arg(long, value_delimiter = ',', default_values = POLICIES, value_parser = PossibleValuesParser::new(POLICIES))]
    policies: Vec<String>,
    /// Region label: us, eu or apac.
    #[arg(long, default_value = "us")]
    region: String,
    /// RFC 3339 time from which on requests are replayed; what is before is learned from. Unless named, the middle.
    #[arg(long, value_parser = moment)]
    since: Option<Timestamp>,
    /// HTML page to write, with plots.
    #[arg(long, default_value = "backtest.html")]
    report: PathBuf,
}

/// Writes a story's attempts.
pub fn simulate(args: &SimulateArgs) -> Outcome {
    let SimulateArgs { scenario, seed, out } = args;
    let known = Scenario::ALL.into_iter().find(|known| known.name() == scenario);
    let scenario = known.ok_or_else(|| Failure::Usage(format!("there is no scenario {scenario}")))?;
    let text = simulate::csv(scenario, *seed);
    let attempts = text.lines().count() - 1;
    let Some(out) = out else { return Ok(Some(Answer::done(json!(text), text.trim_end().to_owned()))) };
    write(out, &text)?;
    let shown = json!({ "scenario": scenario.name(), "seed": seed, "attempts": attempts, "out": out });
    Ok(Some(Answer::done(shown, format!("{attempts} attempts in {}", out.display()))))
}

/// Replays the policies, shows the table, writes the report.
pub fn backtest(args: &BacktestArgs) -> Outcome {
    let BacktestArgs { attempts, policies, region, since, report } = args;
    if !attempts.is_file() {
        return Err(Failure::Usage(format!("there is no file {}", attempts.display())));
    }
    let outcome = Backtest { attempts, region, policies, since: *since }.run()?;
    write(report, &outcome.report()?)?;
    let shown: Vec<_> = outcome
        .replays
        .iter()
        .map(|replay| json!({ "policy": replay.policy, "figures": replay.figures, "regret_ms": replay.regret_ms }))
        .collect();
    Ok(Some(Answer::done(json!(shown), format!("{}\n\nreport: {}", outcome.table(), report.display()))))
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}
