//! The whole service over HTTP: port 0, a database of its own, every route.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod access;
mod bad_input;
mod budgets;
mod commands;
mod content;
mod feed;
mod invariants;
mod keys;
mod operator;
mod outage;
mod reads;
mod recovery;
mod request_log;
mod stack;
mod sweeping;
mod tampering;
