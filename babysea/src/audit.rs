//! `babysea ledger audit`: asks the running ledger to check every invariant over the whole book in one snapshot.

use clap::Subcommand;
use ledger_contract::wire::{self, AuditReport};
use reqwest::Method;
use serde_json::json;

use crate::{
    answer::{Answer, Failure, Outcome},
    config::Places,
    operator::Operator,
};

/// What can be asked of a running ledger.
#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// Checks every invariant; ends with 1 when one does not hold, with 3 when it could not check.
    Audit,
}

/// Runs it.
pub async fn run(places: &Places, command: LedgerCommand) -> Outcome {
    let LedgerCommand::Audit = command;
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
