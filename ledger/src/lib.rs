//! The book of record: commits command batches, answers reads, recovers. The composition of the ledger's rooms, and the
//! only one of them that speaks HTTP, reads the clock, draws randomness or spawns.
//!
//! | room | does |
//! |---|---|
//! | [`config`] | what the operator decides |
//! | [`app`] | builds everything in dependency order and stops it |
//! | `committer` | one transaction for all commands that wait |
//! | `routes`, `internal`, `public` | the HTTP surface: internal contract, and public reads in the public envelope |
//! | `problem` | the one function that gives a failure its face |
//! | `secret`, `allowlist` | making API keys |
//! | `feed` | tells proxies of changed keys before a change is confirmed |
//! | `request_log` | one row per authenticated request, without addresses |
//! | `recovery`, `sweeper`, `archivist`, `touches` | what happens without being asked |
//! | [`chain_file`] | an account's hash chain as a file, written and checked |
//! | `metrics`, `operator` | what operators see |
//!
//! It refuses to decide about money (`ledger-book`), to hold SQL (`ledger-store`) or to authenticate customers: whoever
//! has the bearer token is a house of ours, and the identity it names is believed.

mod allowlist;
pub mod app;
mod archivist;
pub mod chain_file;
mod clock;
mod committer;
pub mod config;
mod feed;
mod internal;
mod metrics;
mod operator;
mod problem;
mod public;
mod recovery;
mod request_log;
mod routes;
mod secret;
mod sweeper;
mod touches;

pub use app::{Running, serve};
pub use config::{Config, ConfigError};
