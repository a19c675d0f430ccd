//! The long proof: random commands, budgets and moments against a model that fits on two pages, through a store that
//! keeps nothing but effects. `BABYSEA_PROVE_COMMANDS` says how many, `BABYSEA_PROVE_SEED` where to begin;
//! `make prove-ledger` runs it long. Broken stores show that it would notice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../book/commands.rs"]
mod commands;
mod dice;
mod memory;
mod model;
mod walk;

use std::time::Instant;

use memory::Break;
use walk::{COMMANDS_PER_WALK, walk};

/// A few seconds' worth without optimisation.
const COMMANDS: u64 = 60_000;
const SEED: u64 = 20_261_120;
/// Walks within which every broken store has to be noticed.
const CANARY_WALKS: u64 = 200;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().map_or(default, |text| text.parse().expect(variable))
}

#[test]
fn random_commands_agree_with_the_model_after_every_step() {
    let seed = number("BABYSEA_PROVE_SEED", SEED);
    let walks = number("BABYSEA_PROVE_COMMANDS", COMMANDS).div_ceil(COMMANDS_PER_WALK);
    let started = Instant::now();
    for n in 0..walks {
        let seed = seed.wrapping_add(n);
        if let Err(wrong) = walk(seed, None) {
            panic!("BABYSEA_PROVE_SEED={seed} BABYSEA_PROVE_COMMANDS=1 finds: {wrong}");
        }
    }
    let commands = walks * COMMANDS_PER_WALK;
    let millis = u64::try_from(started.elapsed().as_millis()).unwrap().max(1);
    println!("{commands} commands from seed {seed} in {millis} ms: {}/s", commands * 1_000 / millis);
}

#[test]
fn every_broken_store_is_noticed() {
    for broken in Break::ALL {
        let noticed = (0..CANARY_WALKS).find_map(|n| walk(SEED + n, Some(*broken)).err());
        assert!(noticed.is_some(), "{broken:?} went unnoticed");
    }
}
