//! The tables: one line per story, means over its seeds, and whether each goal is met.

use intelligence::replay::Figures;
use intelligence::scenario::Scenario;

use crate::{OURS, POLICIES, Run};

const DOCUMENTED: usize = 1;
const ORACLE: usize = 4;
/// A mean over seeds within this share of another is no worse than it: exploration costs something where nothing changes.
const SAME: f64 = 0.005;

pub fn print(runs: &[Run]) {
    let stories: Vec<(Scenario, Vec<&Run>)> = Scenario::ALL
        .into_iter()
        .map(|scenario| (scenario, runs.iter().filter(|run| run.scenario == scenario).collect()))
        .filter(|(_, runs): &(Scenario, Vec<&Run>)| !runs.is_empty())
        .collect();
    times(&stories);
    regrets(&stories);
    others(&stories);
    reactions(&stories);
}

/// The mean over a story's seeds.
fn mean(runs: &[&Run], policy: usize, value: impl Fn(&Figures) -> f64) -> f64 {
    runs.iter().map(|run| value(&run.policies[policy])).sum::<f64>() / runs.len().max(1) as f64
}

fn heading(title: &str, last: &str) {
    println!("\n{title}\n{:<14}{}{last}", "scenario", POLICIES.map(|name| format!("{name:>15}")).concat());
}

fn times(stories: &[(Scenario, Vec<&Run>)]) {
    heading("mean time to output, ms", "   ours vs best of the first three");
    for (scenario, runs) in stories {
        let all: Vec<f64> = (0..POLICIES.len()).map(|policy| mean(runs, policy, |figures| figures.mean_ms)).collect();
        let best = all[..OURS].iter().copied().fold(f64::INFINITY, f64::min);
        let verdict = if all[OURS] <= best * (1.0 + SAME) { "no worse" } else { "WORSE" };
        let cells = all.iter().map(|ms| format!("{ms:>15.0}")).collect::<Vec<_>>().concat();
        println!("{:<14}{cells}   {:+.2}% {verdict}", scenario.name(), (all[OURS] / best - 1.0) * 100.0);
    }
}

fn regrets(stories: &[(Scenario, Vec<&Run>)]) {
    heading("mean regret against the oracle, ms", "");
    let mut totals = [0.0; POLICIES.len()];
    for (scenario, runs) in stories {
        let oracle = mean(runs, ORACLE, |figures| figures.mean_ms);
        let mut cells = Vec::new();
        for (policy, total) in totals.iter_mut().enumerate() {
            let regret = mean(runs, policy, |figures| figures.mean_ms) - oracle;
            *total += regret / stories.len() as f64;
            cells.push(format!("{regret:>15.1}"));
        }
        println!("{:<14}{}", scenario.name(), cells.concat());
    }
    println!("{:<14}{}", "all", totals.map(|regret| format!("{regret:>15.1}")).concat());
    let share = totals[OURS] / totals[DOCUMENTED];
    println!("ours / documented: {share:.3} (goal: at most 0.5) {}", verdict(share <= 0.5));
}

fn others(stories: &[(Scenario, Vec<&Run>)]) {
    let all: Vec<&Run> = stories.iter().flat_map(|(_, runs)| runs.iter().copied()).collect();
    heading("all scenarios", "");
    let line = |name: &str, value: &dyn Fn(&Figures) -> f64| {
        let cells = (0..POLICIES.len()).map(|policy| format!("{:>15.3}", mean(&all, policy, value)));
        println!("{name:<14}{}", cells.collect::<Vec<_>>().concat());
    };
    line("p95 s", &|figures| figures.p95_ms / 1000.0);
    line("first try", &|figures| figures.first_try);
    line("unserved", &|figures| figures.unserved);
    line("wasted $/1000", &|figures| figures.wasted_per_thousand);
    line("cost $/1000", &|figures| figures.cost_per_thousand);
}

fn reactions(stories: &[(Scenario, Vec<&Run>)]) {
    let led: Vec<_> = stories
        .iter()
        .flat_map(|(_, runs)| runs.iter().filter_map(|run| run.reaction))
        .filter(|reaction| reaction.before >= 0.5)
        .collect();
    let mean = |value: &dyn Fn(&crate::Reaction) -> f64| led.iter().map(value).sum::<f64>() / led.len().max(1) as f64;
    let worst = |value: &dyn Fn(&crate::Reaction) -> f64| led.iter().map(value).fold(0.0, f64::max);
    println!("\nours in the brown-out of its leader ({} seeds where it led before)", led.len());
    let avoiding = 1.0 - mean(&|reaction| reaction.during);
    println!("avoid it from 15 s on:          {avoiding:.3} (goal: 0.9) {}", verdict(avoiding >= 0.9));
    let at_once = 1.0 - mean(&|reaction| reaction.at_once);
    let least = 1.0 - worst(&|reaction| reaction.at_once);
    println!("avoid it from 15 s to 60 s:     {at_once:.3}, worst seed {least:.3} {}", verdict(at_once >= 0.9));
    let (before, after) = (mean(&|reaction| reaction.before), mean(&|reaction| reaction.after));
    let least = led.iter().map(|reaction| reaction.after / reaction.before).fold(f64::INFINITY, f64::min);
    println!(
        "its share before and 10 min after recovery: {before:.3} and {after:.3}, worst seed {least:.3} of before {}",
        verdict(after >= 0.9 * before)
    );
    let fewest = stories.iter().flat_map(|(_, runs)| runs.iter().map(|run| run.fewest_probes)).min().unwrap_or(0);
    println!("fewest attempts of any provider in any 10 minutes: {fewest} (goal: not 0) {}", verdict(fewest > 0));
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}
