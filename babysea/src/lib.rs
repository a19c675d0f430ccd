//! The front door: every house and tool behind one command. Composition and command line only; it decides nothing about
//! money, providers or requests.
//!
//! | room | holds |
//! |---|---|
//! | [`cli`] | the whole command line, as data |
//! | [`answer`] | what a command prints, and its exit code |
//! | [`config`] | the only place here that reads the environment or a configuration file |
//! | [`logging`] | human on a terminal, JSON elsewhere |
//! | [`up`] | all roles in one process |
//! | [`roles`] | one role in one process |
//! | [`operator`] | a client of the ledger's internal API, for the commands below |
//! | [`account`], [`key`], [`credits`], [`routing`], [`audit`] | what an operator does |
//! | [`budget`], [`chain`] | parts of those: budgets on the command line, exported hash chains |
//! | [`generate`] | what a customer does |
//! | [`observatory`] | `intelligence run` and `rank` |
//! | [`catalog`], [`doctor`] | checks |

pub mod account;
pub mod answer;
pub mod audit;
pub mod budget;
pub mod catalog;
pub mod chain;
pub mod cli;
pub mod config;
pub mod credits;
pub mod doctor;
pub mod generate;
pub mod key;
pub mod logging;
pub mod observatory;
pub mod operator;
pub mod present;
pub mod roles;
pub mod routing;
pub mod up;

use std::process::ExitCode;

use clap::Parser;

/// Reads the command line, does what it says, prints the result.
pub fn main() -> ExitCode {
    // Two TLS backends end up linked; without a choice made here, rustls panics at the first https call.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = cli::Cli::parse();
    logging::start(cli.command.is_long_running());
    let json = cli.json;
    answer::print(json, cli::run(cli))
}
