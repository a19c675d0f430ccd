//! `babysea credits`: grants credits, once per idempotency key, and shows an account's book.

use anyhow::anyhow;
use clap::Subcommand;
use ledger_contract::{
    AccountId, Credits,
    command::{Add, AddAnswer},
    wire::{self, LedgerEntry},
};
use reqwest::Method;
use serde_json::json;

use crate::{
    answer::{Answer, Failure, Outcome},
    config::Places,
    operator::Operator,
    present,
};

/// What can be done with credits.
#[derive(Debug, Subcommand)]
pub enum CreditsCommand {
    /// Grants credits. Said twice with the same idempotency key, it grants once.
    Add {
        /// Who gets them.
        #[arg(long)]
        account: AccountId,
        /// Such as 10.000.
        #[arg(long)]
        amount: Credits,
        /// Names this grant.
        #[arg(long)]
        idempotency_key: String,
        /// Shown in the ledger.
        #[arg(long)]
        description: Option<String>,
    },
    /// Lists the rows of an account's book, newest first.
    List {
        /// Whose.
        #[arg(long)]
        account: AccountId,
        /// At most this many.
        #[arg(long, default_value_t = 100)]
        limit: u32,
        /// After skipping this many.
        #[arg(long, default_value_t = 0)]
        offset: u32,
    },
}

/// Runs one of them.
pub async fn run(places: &Places, command: CreditsCommand) -> Outcome {
    let operator = Operator::find(places)?;
    match command {
        CreditsCommand::Add { account, amount, idempotency_key, description } => {
            let add = Add { account_id: account, amount, key: idempotency_key, description };
            granted(&add, &operator.command(add.clone()).await?).map(Some)
        }
        CreditsCommand::List { account, limit, offset } => {
            let query = format!("{}?account_id={account}&limit={limit}&offset={offset}", wire::ENTRIES);
            let entries: Vec<LedgerEntry> = operator.ask(Method::GET, &query).await?;
            let lines: Vec<String> = entries.iter().map(present::entry_line).collect();
            Ok(Some(Answer::done(entries.iter().map(present::entry).collect(), lines.join("\n"))))
        }
    }
}

fn granted(add: &Add, answer: &AddAnswer) -> Result<Answer, Failure> {
    let (balance, already) = match answer {
        AddAnswer::Added { balance } => (balance, false),
        AddAnswer::AlreadyAdded { balance } => (balance, true),
        AddAnswer::Conflict { granted } => {
            return Err(anyhow!("`{}` was granted before, with {granted} credits", add.key).into());
        }
        AddAnswer::OutOfRange => {
            return Err(anyhow!("the amount must be above 0, and the balance at most {}", Credits::MAX).into());
        }
        AddAnswer::AccountMissing => return Err(anyhow!("there is no account {}", add.account_id).into()),
    };
    let shown = json!({
        "account_id": add.account_id, "amount": add.amount.to_json(), "idempotency_key": add.key,
        "already_added": already, "balance": balance.to_json(),
    });
    let word = if already { "already added" } else { "added" };
    Ok(Answer::done(shown, format!("{word} {} credits; balance {balance}", add.amount)))
}
