//! The table: medians over rounds, and ratios to the bare proxy of the same run.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    load::Outcome,
    peers::{Peer, Stage},
};

/// One round of one peer.
#[derive(Debug)]
pub struct Measured {
    pub cpu: Duration,
    pub outcome: Outcome,
}

impl Measured {
    #[expect(clippy::cast_precision_loss, reason = "millions, not 2^52")]
    fn cpu_us(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.outcome.requests.max(1) as f64
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Targets: 1.6 without Redis, 2.2 with it.
pub fn table(measured: &BTreeMap<&str, Vec<Measured>>) {
    let cpu = |name: &str| median(measured[name].iter().map(Measured::cpu_us).collect());
    let bare = cpu("bare pingora");
    println!(
        "{:<20} {:>12} {:>8} {:>9} {:>9} {:>10} {:>9}",
        "peer", "cpu us/req", "ratio", "p50 us", "p99 us", "requests", "35-45 ms"
    );
    for (name, rounds) in measured {
        let of =
            |value: fn(&Outcome) -> u32| median(rounds.iter().map(|round| f64::from(value(&round.outcome))).collect());
        let requests: u64 = rounds.iter().map(|round| round.outcome.requests).sum();
        let slow: u64 = rounds.iter().map(|round| round.outcome.around_40_ms).sum();
        println!(
            "{name:<20} {:>12.1} {:>8.2} {:>9.0} {:>9.0} {requests:>10} {slow:>9}",
            cpu(name),
            cpu(name) / bare,
            of(|outcome| outcome.p50_us),
            of(|outcome| outcome.p99_us)
        );
    }
}

/// What a wrong key costs once its address is limited: less than a right one.
pub fn stranger(stage: &Stage, peers: &[Peer]) {
    for peer in peers.iter().filter(|peer| peer.name == "babysea") {
        stage.load_with(peer, "strangers", 8, Duration::from_secs(1));
        let mut costs = Vec::new();
        for keys in ["strangers", "keys"] {
            let before = peer.cpu();
            let outcome = stage.load_with(peer, keys, 8, Duration::from_secs(1));
            costs.push(
                Measured {
                    cpu: peer.cpu().saturating_sub(before),
                    outcome: Outcome { requests: outcome.requests + outcome.errors, ..outcome },
                }
                .cpu_us(),
            );
        }
        println!("a wrong key after the limiter: {:.1} us; a right one: {:.1} us", costs[0], costs[1]);
    }
}
