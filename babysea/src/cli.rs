//! The whole command line. Each group keeps its own arguments beside the code that serves them.

use std::{future::Future, path::PathBuf};

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::{
    account, answer::Outcome, audit, catalog, config::Places, credits, doctor, generate, key, observatory, roles,
    routing, up,
};

/// One API for image and video generation over many providers: reserve, run, fail over, charge.
#[derive(Debug, Parser)]
#[command(name = "babysea", version, propagate_version = true)]
pub struct Cli {
    /// Prints one JSON value on stdout and nothing else.
    #[arg(long, global = true)]
    pub json: bool,
    /// Configuration file; `babysea.toml` beside the process when there is one.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Data folder; `BABYSEA_DATA_DIR`, else `.babysea`.
    #[arg(long, global = true, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs everything in one process, with its own ledger.
    Up,
    /// Runs the front house alone.
    Proxy,
    /// Runs the book of record alone, or looks into a running one.
    Ledger {
        /// Nothing: run it.
        #[command(subcommand)]
        command: Option<audit::LedgerCommand>,
    },
    /// Runs the observatory alone, or one of its computations.
    Intelligence {
        /// Nothing: run it.
        #[command(subcommand)]
        command: Option<observatory::IntelligenceCommand>,
    },
    /// Runs the provider simulator alone.
    Simulator {
        /// Takes as long as the real providers do.
        #[arg(long)]
        realistic: bool,
    },
    /// Makes and changes accounts.
    Account {
        #[command(subcommand)]
        #[expect(missing_docs, reason = "the group's own type says it")]
        command: account::AccountCommand,
    },
    /// Makes and changes API keys.
    Key {
        #[command(subcommand)]
        #[expect(missing_docs, reason = "the group's own type says it")]
        command: key::KeyCommand,
    },
    /// Grants credits and shows the book.
    Credits {
        #[command(subcommand)]
        #[expect(missing_docs, reason = "the group's own type says it")]
        command: credits::CreditsCommand,
    },
    /// Takes providers and models out of routing, and in again.
    Routing {
        #[command(subcommand)]
        #[expect(missing_docs, reason = "the group's own type says it")]
        command: routing::RoutingCommand,
    },
    /// Makes an image or a video, as a customer would.
    Generate(generate::GenerateArgs),
    /// Checks model files.
    Catalog {
        #[command(subcommand)]
        #[expect(missing_docs, reason = "the group's own type says it")]
        command: catalog::CatalogCommand,
    },
    /// Checks configuration and every dependency, and says what to do.
    Doctor,
}

impl Command {
    /// Whether it runs until it is told to stop.
    pub fn is_long_running(&self) -> bool {
        match self {
            Self::Up | Self::Proxy | Self::Simulator { .. } => true,
            Self::Ledger { command } => command.is_none(),
            Self::Intelligence { command } => {
                matches!(command, None | Some(observatory::IntelligenceCommand::Run { .. }))
            }
            Self::Account { .. }
            | Self::Key { .. }
            | Self::Credits { .. }
            | Self::Routing { .. }
            | Self::Generate(_)
            | Self::Catalog { .. }
            | Self::Doctor => false,
        }
    }
}

/// Does what the command line says.
pub fn run(cli: Cli) -> Outcome {
    let Cli { json, config, data_dir, command } = cli;
    if let Command::Catalog { command } = command {
        return catalog::run(&command);
    }
    let places = match Places::find(config.as_deref(), data_dir.as_deref()) {
        Ok(places) => places,
        Err(problem) if matches!(command, Command::Doctor) => return doctor::unreadable(&problem),
        Err(problem) => return Err(problem.into()),
    };
    match command {
        Command::Up => up::run(&places, json),
        Command::Proxy => roles::proxy(&places, json),
        Command::Simulator { realistic } => roles::simulator(&places, realistic, json),
        Command::Ledger { command: None } => roles::ledger(&places, json),
        Command::Ledger { command: Some(command) } => wait(audit::run(&places, command)),
        Command::Intelligence { command } => observatory::run(&places, command, json),
        Command::Account { command } => wait(account::run(&places, command)),
        Command::Key { command } => wait(key::run(&places, command)),
        Command::Credits { command } => wait(credits::run(&places, command)),
        Command::Routing { command } => wait(routing::run(&places, command)),
        Command::Generate(args) => wait(generate::run(&places, args, json)),
        Command::Catalog { command } => catalog::run(&command),
        Command::Doctor => wait(doctor::run(&places)),
    }
}

/// Runs a short command to its end.
fn wait(command: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting a runtime")?;
    runtime.block_on(command)
}
