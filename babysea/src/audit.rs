//! `babysea ledger`: asks the running ledger to check every invariant over the whole book in one snapshot, to archive, or
//! for an account's chain; checks an exported chain without any ledger.

use std::path::PathBuf;

use clap::Subcommand;
use ledger_contract::{
    AccountId,
    wire::{self, Archived, AuditReport},
};
use reqwest::Method;
use serde_json::json;

use crate::{
    answer::{Answer, Failure, Outcome},
    chain,
    config::Places,
    operator::Operator,
};

/// What can be asked of a running ledger.
#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// Checks every invariant; ends with 1 when one does not hold, with 3 when it could not check.
    Audit,
    /// Writes an account's entries with their hash chain to a file, a JSON object per line.
    Export {
        /// Whose.
        #[arg(long)]
        account: AccountId,
        /// Where to; replaced if it exists.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Checks an exported or archived file; needs no ledger. Ends with 1 when it is not what was written, with 3 when it
    /// can't be read.
    Verify {
        /// The file.
        file: PathBuf,
    },
    /// Archives entries older than their plan's window now, as the hourly sweep does.
    Archive,
}

/// Runs it.
pub async fn run(places: &Places, command: LedgerCommand) -> Outcome {
    match command {
        LedgerCommand::Audit => audit(places).await,
        LedgerCommand::Export { account, out } => chain::export(&Operator::find(places)?, account, &out).await,
        LedgerCommand::Verify { file } => chain::verify(&file),
        LedgerCommand::Archive => archive(&Operator::find(places)?).await,
    }
}

async fn archive(operator: &Operator) -> Outcome {
    let archived: Archived = operator.ask(Method::POST, wire::ARCHIVE).await?;
    let Archived { accounts, entries, files } = archived;
    let text = format!("archived {entries} entries of {accounts} accounts in {} files", files.len());
    Ok(Some(Answer::done(json!({ "accounts": accounts, "entries": entries, "files": files }), text)))
}

async fn audit(places: &Places) -> Outcome {
    let unchecked = |error| Failure::Unchecked(anyhow::Error::new(error));
    let operator = Operator::find(places).map_err(unchecked)?;
    let report: AuditReport = operator.ask(Method::POST, wire::AUDIT).await.map_err(unchecked)?;
    Ok(Some(verdict(&report)))
}

fn verdict(report: &AuditReport) -> Answer {
    let AuditReport { accounts, generations, entries, violations } = report;
    let clean = violations.is_empty();
    let looked = format!("{accounts} accounts, {generations} generations, {entries} entries");
    let text = if clean { format!("clean: {looked}") } else { violations.join("\n") };
    let shown = json!({
        "clean": clean, "accounts": accounts, "generations": generations, "entries": entries, "violations": violations,
    });
    Answer::verdict(shown, text, clean)
}
