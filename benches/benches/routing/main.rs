//! `make bench-routing`: policies meet eight stories in simulated time, behind the product's own front. Prints the table
//! of time to output and regret, and the figures of the brown-out; no number of it depends on the machine.
//!
//! `BENCH_SEEDS=n` measures n variations per story (40 unless said); `BENCH_TUNING=1` takes other seeds, the only ones
//! that a setting may be chosen by. `BENCH_SCENARIO=name` leaves the other stories out.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
#![allow(clippy::cast_precision_loss, reason = "counts of requests are far below 2^53")]

mod figures;
mod front;
mod table;

use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use figures::Reaction;
use intelligence::policy::expected::Settings;
use intelligence::replay::{Advisor, Documented, Figures, LowestLatency, Oracle, Ours, Static, Timing, replay};
use intelligence::scenario::{Scenario, World};
use intelligence::simulate::history;

/// In the order of the table; ours before the oracle.
pub const POLICIES: [&str; 5] = ["static", "documented", "lowest-latency", "ours", "oracle"];
const OURS: usize = 3;
/// Seeds that are measured begin here, those for tuning there.
const FIRST_SEED: u64 = 1;
const FIRST_TUNING_SEED: u64 = 1_000_001;

/// One variation of one story under all policies.
pub struct Run {
    pub scenario: Scenario,
    pub policies: Vec<Figures>,
    pub reaction: Option<Reaction>,
    /// Fewest attempts any provider that is there had in ten minutes, under ours.
    pub fewest_probes: usize,
}

fn main() {
    // `cargo test` runs benches too, with this argument.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let read = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let tuning = read("BENCH_TUNING").is_some_and(|flag| flag > 0);
    let seeds = read("BENCH_SEEDS").unwrap_or(40);
    let first = if tuning { FIRST_TUNING_SEED } else { FIRST_SEED };
    println!("{seeds} seeds from {first}{}", if tuning { " (tuning)" } else { "" });
    let only = std::env::var("BENCH_SCENARIO").ok();
    let work: Vec<(Scenario, u64)> = Scenario::ALL
        .into_iter()
        .filter(|scenario| only.as_ref().is_none_or(|name| scenario.name() == name))
        .flat_map(|scenario| (first..first + seeds).map(move |seed| (scenario, seed)))
        .collect();
    table::print(&all(&work));
}

/// Runs everything on all cores; the order of the results is the order of the work.
fn all(work: &[(Scenario, u64)]) -> Vec<Run> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((scenario, seed)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let run = run(*scenario, *seed);
                    done.lock().unwrap().push(((*scenario, *seed), run));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(key, _)| *key);
    done.into_iter().map(|(_, run)| run).collect()
}

fn run(scenario: Scenario, seed: u64) -> Run {
    let world = World::new(scenario, seed);
    let past = history(&world);
    let requests = world.requests(0, world.duration_ms, 1.0);
    let mut advisors: [Box<dyn Advisor + '_>; 5] = [
        Box::new(Static),
        Box::new(Documented::new(&world, 24)),
        Box::new(LowestLatency::new(&world)),
        Box::new(Ours::new(&world, Settings::default())),
        Box::new(Oracle::new(&world)),
    ];
    let mut run = Run { scenario, policies: Vec::new(), reaction: None, fewest_probes: 0 };
    for (index, advisor) in advisors.iter_mut().enumerate() {
        assert_eq!(advisor.name(), POLICIES[index]);
        for line in &past {
            advisor.learn(&line.attempt);
        }
        let served = replay(&world, &mut front::Route::new(seed), &mut **advisor, &requests, Timing::default());
        assert_eq!(served.len(), requests.len(), "a request was lost");
        run.policies.push(Figures::of(&served, |served| served.model == 0));
        if index == OURS {
            run.reaction = figures::reaction(&world, &served);
            run.fewest_probes = figures::fewest_probes(&world, &served);
        }
    }
    run
}
