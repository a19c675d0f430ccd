//! What every store must do, run over a private Postgres, and what only Postgres must do besides.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../conformance/accounts.rs"]
mod accounts;
#[path = "../conformance/archive.rs"]
mod archive;
#[path = "../conformance/audit.rs"]
mod audit;
#[path = "../conformance/budgets.rs"]
mod budgets;
#[path = "../conformance/chains.rs"]
mod chains;
#[path = "../../../book/tests/book/commands.rs"]
mod commands;
#[path = "../conformance/committing.rs"]
mod committing;
mod constraints;
mod database;
#[allow(dead_code, reason = "the book's own proof uses the rest")]
#[path = "../../../book/tests/prove/dice.rs"]
mod dice;
mod failing;
#[path = "../conformance/faults.rs"]
mod faults;
#[path = "../conformance/keys.rs"]
mod keys;
#[path = "../conformance/leases.rs"]
mod leases;
#[path = "../conformance/races.rs"]
mod races;
#[path = "../conformance/random.rs"]
mod random;
#[path = "../conformance/reads.rs"]
mod reads;
#[path = "../conformance/request_log.rs"]
mod request_log;
#[path = "../conformance/routing.rs"]
mod routing;
mod server;
#[path = "../conformance/sweep.rs"]
mod sweep;
mod together;
