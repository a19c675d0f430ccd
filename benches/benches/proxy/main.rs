//! What the front door costs beside plain proxies: an authenticated, rate-limited `GET`, forwarded to an upstream.
//!
//! One core for the proxy, another for load, upstream and Redis; rounds of all targets interleave, so that what else the
//! machine does falls on all of them; CPU time is what the kernel counted for the proxy's threads. `make bench-proxy`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod bare;
mod load;
mod peers;
mod process;
mod report;
mod upstream;

use std::{collections::BTreeMap, time::Duration};

use load::Outcome;
use peers::{Peer, Stage};
use report::Measured;

/// Keys in rotation, each with an account of its own: 600 requests a minute and key are more than a round draws.
const KEYS: usize = 2_000;
const CONNECTIONS: usize = 32;
const MANY_CONNECTIONS: usize = 1_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["bare", listen, upstream] => bare::serve(listen, upstream),
        ["upstream", listen, keys] => upstream::serve(listen, keys),
        ["load", target, keys, connections, millis] => {
            let outcome = load::run(target, keys, connections.parse().unwrap(), millis.parse().unwrap());
            println!("{}", serde_json::to_string(&outcome).unwrap());
        }
        _ => compare(),
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn compare() {
    let rounds = number("BENCH_ROUNDS", 5);
    let round = Duration::from_millis(number("BENCH_ROUND_MS", 2_000));
    let stage = Stage::set(KEYS);
    let peers = stage.peers();
    for peer in &peers {
        warm(&stage, peer);
    }
    let mut measured: BTreeMap<&str, Vec<Measured>> = BTreeMap::new();
    for _ in 0..rounds {
        for peer in &peers {
            let before = peer.cpu();
            let outcome = stage.load(peer, CONNECTIONS, round);
            assert_eq!(outcome.errors, 0, "{}: {outcome:?}", peer.name);
            measured.entry(peer.name).or_default().push(Measured { cpu: peer.cpu().saturating_sub(before), outcome });
        }
    }
    report::table(&measured);
    for peer in peers.iter().filter(|peer| peer.name.starts_with("babysea")) {
        let Outcome { requests, errors, .. } = stage.load(peer, MANY_CONNECTIONS, round);
        let memory = peer.memory_kb() / 1_024;
        println!("{}: {MANY_CONNECTIONS} connections, {requests} requests, {errors} errors, {memory} MB", peer.name);
    }
    report::stranger(&stage, &peers);
}

/// Until every key was verified once and answers come without errors.
fn warm(stage: &Stage, peer: &Peer) {
    for _ in 0..30 {
        let outcome = stage.load(peer, CONNECTIONS, Duration::from_secs(1));
        if outcome.errors == 0 && outcome.requests > KEYS as u64 {
            return;
        }
    }
    panic!("{} does not warm up", peer.name);
}
