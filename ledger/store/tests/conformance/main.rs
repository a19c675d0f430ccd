//! What every store must do, run over a real `SQLite` file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accounts;
mod archive;
mod audit;
mod budgets;
mod chains;
#[path = "../../../book/tests/book/commands.rs"]
mod commands;
mod committing;
mod constraints;
mod database;
#[allow(dead_code, reason = "the book's own proof uses the rest")]
#[path = "../../../book/tests/prove/dice.rs"]
mod dice;
mod faults;
mod keys;
mod leases;
mod opening;
mod races;
mod random;
mod reads;
mod request_log;
mod routing;
mod sealing;
mod sweep;
