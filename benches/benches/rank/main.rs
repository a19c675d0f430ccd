//! `make bench-rank`: ten million attempts in Parquet, 40 models at 8 providers, ranked by us and by `DuckDB` in the same
//! run.
//! Rounds alternate and each is a process of its own, so that medians are comparable and peak memory is one ranking's.
//!
//! `BENCH_ROWS` attempts (10,000,000 unless said) in `BENCH_FOLDER`, made when they aren't there; `BENCH_PYTHON` has
//! `DuckDB`; `BENCH_ROUNDS` rounds (5 unless said).
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
#![allow(clippy::cast_precision_loss, reason = "seconds and bytes are shown, not counted with")]

mod attempts;
mod rounds;

use std::path::{Path, PathBuf};
use std::process::Command;

use rounds::{Measured, OURS, measure};

/// Quantiles may be this far from exact.
const TOLERANCE: f64 = 0.01;
/// Most memory a ranking may take.
const MAX_BYTES: f64 = 1_073_741_824.0;
const DUCK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/rank/duck.py");

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.iter().any(|argument| argument == "--test") {
        return;
    }
    let folder = PathBuf::from(std::env::var("BENCH_FOLDER").unwrap_or_else(|_| "target/tmp/bench-rank".to_owned()));
    let rows = number("BENCH_ROWS", 10_000_000);
    match arguments.iter().position(|argument| argument == "--round") {
        Some(at) => println!("{}", serde_json::to_string(&measure(&arguments[at + 1], &folder)).unwrap()),
        None if arguments.iter().any(|argument| argument == "--make") => attempts::make(&folder, rows),
        None => compare(&folder),
    }
}

fn number(name: &str, unless_said: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(unless_said)
}

fn compare(folder: &Path) {
    if !folder.join("made").is_file() {
        println!("making attempts in {}", folder.display());
        // Apart, so that what making them takes is gone before anything is measured.
        assert!(this("--make", None).status().unwrap().success(), "attempts could not be made");
    }
    let kinds: Vec<&str> = OURS.iter().copied().chain(["duck-documented", "duck-ours"]).collect();
    let mut rounds: Vec<Vec<Measured>> = vec![Vec::new(); kinds.len()];
    for _ in 0..number("BENCH_ROUNDS", 5) {
        for (kind, done) in kinds.iter().zip(&mut rounds) {
            done.push(round(kind, folder));
        }
    }
    println!("\n{:<28}{:>12}{:>12}{:>14}", "ranking", "median s", "best s", "peak MiB");
    for (kind, done) in kinds.iter().zip(&rounds) {
        let best = done.iter().map(|round| round.seconds).fold(f64::INFINITY, f64::min);
        let peak = done.iter().map(|round| round.peak_bytes).fold(0.0, f64::max) / 1_048_576.0;
        println!("{kind:<28}{:>12.3}{best:>12.3}{peak:>14.0}", median(done, |round| round.seconds));
    }
    let of = |kind: &str| &rounds[kinds.iter().position(|known| *known == kind).unwrap()];
    println!();
    for (ours, theirs) in [("documented-counted", "duck-documented"), ("ours-summed", "duck-ours")] {
        let ratio = median(of(ours), |round| round.seconds) / median(of(theirs), |round| round.seconds);
        let peak = of(ours).iter().map(|round| round.peak_bytes).fold(0.0, f64::max);
        println!("{ours} / {theirs}: {ratio:.2} (goal: at most 1) {}", verdict(ratio <= 1.0));
        println!("{ours} peak: {:.0} MiB (goal: under 1024) {}", peak / 1_048_576.0, verdict(peak < MAX_BYTES));
        let incremental = median(of(ours), |round| round.incremental_seconds / round.seconds);
        println!(
            "{ours}, 1% new rows: {incremental:.3} of the full run (goal: at most 0.1) {}",
            verdict(incremental <= 0.1)
        );
    }
    quantiles(&of("documented-counted")[0], &of("duck-documented")[0]);
}

/// Scores differ by 0.3 × the difference of the p95s, as shares of the slowest, so orders may differ where scores touch.
fn quantiles(ours: &Measured, exact: &Measured) {
    assert_eq!(ours.p95.len(), exact.p95.len(), "not the same providers");
    let difference = |(name, p95): (&String, &f64)| (p95 / exact.p95[name] - 1.0).abs();
    let worst = ours.p95.iter().map(difference).fold(0.0, f64::max);
    println!("largest difference of a p95: {:.3}% (goal: within 1%) {}", worst * 100.0, verdict(worst <= TOLERANCE));
}

fn round(kind: &str, folder: &Path) -> Measured {
    let done = match kind.strip_prefix("duck-") {
        Some(policy) => {
            let python = std::env::var("BENCH_PYTHON").unwrap_or_else(|_| "python3".to_owned());
            Command::new(python).arg(DUCK).arg(policy).arg(folder).output().unwrap()
        }
        None => this("--round", Some(kind)).output().unwrap(),
    };
    let (text, complaint) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{kind}: {complaint}");
    serde_json::from_str(text.lines().last().unwrap_or_default()).unwrap()
}

fn this(argument: &str, value: Option<&str>) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg(argument).args(value);
    command
}

fn median(rounds: &[Measured], value: impl Fn(&Measured) -> f64) -> f64 {
    let mut values: Vec<f64> = rounds.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}
