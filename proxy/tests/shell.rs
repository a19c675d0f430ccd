//! The shell end to end: order of checks, headers, reads, files, stopping. The ledger behind it is a fake of a few lines.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "shell/fake_ledger.rs"]
mod fake_ledger;
#[path = "shell/harness.rs"]
mod harness;

#[path = "shell/access.rs"]
mod access;
#[path = "shell/create.rs"]
mod create;
#[path = "shell/files.rs"]
mod files;
#[path = "shell/reads.rs"]
mod reads;
#[path = "shell/stopping.rs"]
mod stopping;
#[path = "shell/waiting.rs"]
mod waiting;
