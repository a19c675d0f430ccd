//! Kills the ledger or Postgres in the middle of its work, over and over: after each kill the audit is clean and every
//! answer that was given still holds. `make crash-ledger`; `BABYSEA_CRASH_ROUNDS` and `BABYSEA_CRASH_SEED` say how often and
//! when.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod callers;
mod process;
#[path = "../../store/tests/postgres/server.rs"]
mod server;

use std::{
    sync::{Arc, atomic::AtomicBool, atomic::Ordering},
    time::Duration,
};

use ledger_contract::{Credits, Plan, Timestamp, access::Account, command::Command};
use ledger_store::Store;

use callers::{ACCOUNTS, Caller, Said, account};
use process::Ledger;
use server::Server;

const CALLERS: u64 = 8;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The same numbers for the same seed.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % most
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_the_book_is_clean_and_every_answer_holds() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (rounds, seed) = (number("BABYSEA_CRASH_ROUNDS", 4), number("BABYSEA_CRASH_SEED", 20_260_527));
    let server = Server::start(&[]);
    let url = server.database();
    let store = Store::open(&url).await.unwrap();
    fill(&store).await;
    let mut dice = Dice::new(seed);
    let mut ledger = Ledger::start(&url).await;
    let (mut held, mut ledgers, mut databases) = (0, 0, 0);
    for round in 0..rounds {
        let stop = Arc::new(AtomicBool::new(false));
        let working: Vec<_> = (0..CALLERS)
            .map(|n| tokio::spawn(Caller::new(&ledger.url, seed ^ (round * 100 + n)).work(Arc::clone(&stop))))
            .collect();
        // The moment of the fault, not a wait for anything.
        tokio::time::sleep(Duration::from_millis(40 + dice.below(300))).await;
        if dice.below(2) == 0 {
            ledger.kill();
            ledger = Ledger::start_at(&ledger.url, &url).await;
            ledgers += 1;
        } else {
            server.kill();
            server.restart();
            ledger.until_ready().await;
            databases += 1;
        }
        stop.store(true, Ordering::Relaxed);
        let mut said = Vec::new();
        for caller in working {
            said.extend(caller.await.unwrap());
        }
        let report = store.audit().await.unwrap();
        assert_eq!(report.violations, Vec::<String>::new(), "round {round} of seed {seed}");
        held += hold(&store, said, round).await;
    }
    println!(
        "{rounds} rounds of seed {seed}: killed the ledger {ledgers} times and Postgres {databases} times; the audit was \
         clean after each, and {held} answers held"
    );
    assert!(held > 0);
}

async fn fill(store: &Store) {
    let now = Timestamp(1_779_874_860_000);
    for n in 0..ACCOUNTS {
        let made = Account {
            account_id: account(n),
            name: format!("Account {n}"),
            plan: Plan::Enterprise,
            balance: Credits::ZERO,
            in_flight: 0,
            created_at: now,
        };
        store.create_account(&made, now).await.unwrap();
    }
}

/// Says everything again that was answered: each command finds its own trace.
async fn hold(store: &Store, said: Vec<Said>, round: u64) -> usize {
    let now = Timestamp(1_900_000_000_000);
    for chunk in said.chunks(1_000) {
        let commands: Vec<Command> = chunk.iter().map(|said| said.command.clone()).collect();
        let answers = store.apply(&commands, now).await.unwrap();
        for (said, answer) in chunk.iter().zip(answers) {
            assert!(callers::is_echo(&answer), "round {round}: {:?} was answered, and is now {answer:?}", said.command);
        }
    }
    said.len()
}
