//! Logs go to stderr: human on a terminal, one JSON object per line elsewhere. Stdout belongs to answers.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::config;

/// Starts logging. A long-running role tells what it does; a command only what went wrong.
pub fn start(long_running: bool) {
    let usual = if long_running { "info,pingora=warn,pingora_core=warn,pingora_proxy=warn,sqlx=warn" } else { "error" };
    let filter = config::log_filter().unwrap_or_else(|| usual.to_owned());
    let filter = EnvFilter::try_new(&filter).unwrap_or_else(|_| EnvFilter::new(usual));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // Failing means that somebody set a subscriber before us, which is theirs to keep.
    let _ = if io::stderr().is_terminal() {
        builder.try_init()
    } else {
        builder.json().flatten_event(true).with_span_list(false).try_init()
    };
}
