//! What every store must do, run over a real `SQLite` file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accounts;
mod audit;
#[path = "../../../book/tests/book/commands.rs"]
mod commands;
mod committing;
mod constraints;
mod database;
mod keys;
mod leases;
mod races;
mod random;
mod reads;
mod routing;
mod sweep;
