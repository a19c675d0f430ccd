//! `babysea account`: makes accounts and moves them between plans.

use clap::Subcommand;
use ledger_contract::{AccountId, Credits, Plan, access::Account, wire};
use reqwest::Method;

use crate::{
    answer::{Answer, Outcome},
    budget::{self, Wish},
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
    /// Limits what an account may spend, with all its keys together.
    SetBudget {
        /// Which account.
        #[arg(long)]
        account: AccountId,
        /// Such as 50.000/month, 5/day, 100/once, or none.
        #[arg(long)]
        budget: Wish,
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
        AccountCommand::SetBudget { account, budget: Wish(budget) } => {
            let path = path(wire::ACCOUNT_BUDGET, account)?;
            let done: wire::Budgeted<Account> = operator.tell(Method::PUT, &path, &wire::SetBudget { budget }).await?;
            let mut shown = present::account(&done.of);
            shown["budget"] = budget::shown(done.budget.as_ref());
            let text = format!("{}  {}", line(&done.of), budget::line(done.budget.as_ref()));
            return Ok(Some(Answer::done(shown, text)));
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
