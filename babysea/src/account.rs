//! `babysea account`: makes accounts and moves them between plans.

use clap::Subcommand;
use ledger_contract::{AccountId, Credits, Plan, access::Account, wire};
use reqwest::Method;

use crate::{
    answer::{Answer, Outcome},
    config::Places,
    operator::{Operator, path},
    present,
};

/// What can be done with accounts.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Makes an account with exactly the credits named.
    Create {
        /// 1–100 characters.
        #[arg(long)]
        name: String,
        /// free, starter, pro, scale or enterprise.
        #[arg(long)]
        plan: Plan,
        /// Such as 10.000.
        #[arg(long, default_value = "0")]
        credits: Credits,
    },
    /// Lists accounts.
    List,
    /// Moves an account to another plan.
    SetPlan {
        /// Which account.
        #[arg(long)]
        account: AccountId,
        /// free, starter, pro, scale or enterprise.
        #[arg(long)]
        plan: Plan,
    },
}

/// Runs one of them.
pub async fn run(places: &Places, command: AccountCommand) -> Outcome {
    let operator = Operator::find(places)?;
    let account: Account = match command {
        AccountCommand::Create { name, plan, credits } => {
            operator.tell(Method::POST, wire::ACCOUNTS, &wire::NewAccount { name, plan, credits }).await?
        }
        AccountCommand::SetPlan { account, plan } => {
            operator.tell(Method::PUT, &path(wire::ACCOUNT_PLAN, account)?, &wire::SetPlan { plan }).await?
        }
        AccountCommand::List => {
            let accounts: Vec<Account> = operator.ask(Method::GET, wire::ACCOUNTS).await?;
            let lines: Vec<String> = accounts.iter().map(line).collect();
            let shown = accounts.iter().map(present::account).collect();
            return Ok(Some(Answer::done(shown, lines.join("\n"))));
        }
    };
    Ok(Some(Answer::done(present::account(&account), line(&account))))
}

fn line(account: &Account) -> String {
    format!(
        "{}  {:10}  {:>14} credits  {}",
        account.account_id,
        account.plan,
        account.balance.to_string(),
        account.name
    )
}
