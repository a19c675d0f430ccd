//! The ledger through its network contract, side by side with one statement per call, on one private Postgres with synced
//! commits. `make bench-ledger`; `BABYSEA_BENCH_SECONDS` per cell (5) and `BABYSEA_BENCH_ROUNDS` (3) set its length.
//!
//! Callers never get a head start: every cell runs alone, rounds interleave the cells, and the table shows medians.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]
#![allow(clippy::cast_precision_loss, reason = "callers and latencies are shown, not counted with")]

#[path = "ledger/callers.rs"]
mod callers;
#[path = "ledger/client.rs"]
mod client;
#[path = "ledger/commands.rs"]
mod commands;
#[path = "ledger/plain.rs"]
mod plain;
#[path = "ledger/process.rs"]
mod process;
#[path = "../../ledger/store/tests/postgres/server.rs"]
mod server;
#[path = "ledger/table.rs"]
mod table;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match arguments.get(1).map(String::as_str) {
        Some("serve") => runtime.block_on(process::serve(&arguments[2], &arguments[3])),
        // `cargo test` runs every bench once, without `--bench`: nothing is measured then.
        _ if !arguments.iter().any(|argument| argument == "--bench") => {}
        _ => runtime.block_on(table::measure()),
    }
}
