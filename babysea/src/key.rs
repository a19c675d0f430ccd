//! `babysea key`: makes, shows and ends API keys. A secret is printed once, by the command that makes it.

use clap::Subcommand;
use ledger_contract::{
    AccountId, ApiKeyId, Scope, Timestamp,
    access::{ApiKey, Preset},
    wire,
};
use reqwest::Method;

use crate::{
    answer::{Answer, Outcome},
    budget::{self, Wish},
    config::Places,
    operator::{Operator, path},
    present,
};

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Makes a key and prints it, this once.
    Create {
        /// Whose.
        #[arg(long)]
        account: AccountId,
        /// 1–100 characters.
        #[arg(long)]
        name: String,
        /// `full_access`, `generate_only`, `read_only` or `monitor_only`; `full_access` unless scopes are named.
        #[arg(long, conflicts_with = "scope")]
        preset: Option<Preset>,
        /// One permission, such as generation:write; may be repeated.
        #[arg(long)]
        scope: Vec<Scope>,
        /// An address or CIDR block that may use it; may be repeated; none: all.
        #[arg(long)]
        allow_ip: Vec<String>,
        /// RFC 3339 time at which it stops.
        #[arg(long, value_parser = moment)]
        expires_at: Option<Timestamp>,
        /// What it may spend, such as 5.000/month.
        #[arg(long)]
        budget: Option<Wish>,
    },
    /// Lists an account's keys.
    List {
        /// Whose.
        #[arg(long)]
        account: AccountId,
    },
    /// Renames a key.
    Update {
        /// Its `apikey_id`.
        #[arg(long)]
        key: ApiKeyId,
        /// 1–100 characters.
        #[arg(long)]
        name: String,
    },
    /// Limits what a key and its successors by rotation may spend.
    SetBudget {
        /// Its `apikey_id`.
        #[arg(long)]
        key: ApiKeyId,
        /// Such as 5.000/month, 1/day, 10/once, or none.
        #[arg(long)]
        budget: Wish,
    },
    /// Replaces a key by a new one and prints that, this once.
    Rotate {
        /// Its `apikey_id`.
        #[arg(long)]
        key: ApiKeyId,
        /// How long the old one still works: 1, 6, 12, 24, 48, 72 or 168.
        #[arg(long, default_value_t = 24)]
        grace_hours: u32,
    },
    /// Stops a key at once.
    Revoke {
        /// Its `apikey_id`.
        #[arg(long)]
        key: ApiKeyId,
    },
    /// Removes a key.
    Delete {
        /// Its `apikey_id`.
        #[arg(long)]
        key: ApiKeyId,
    },
}

/// Runs one of them.
pub async fn run(places: &Places, command: KeyCommand) -> Outcome {
    let operator = Operator::find(places)?;
    let changed: ApiKey = match command {
        KeyCommand::Create { account, name, preset, scope, allow_ip, expires_at, budget } => {
            let scopes = if scope.is_empty() { preset.unwrap_or(Preset::FullAccess).scopes() } else { scope };
            let budget = budget.and_then(|Wish(budget)| budget);
            let new = wire::NewKey { account_id: account, name, scopes, allow_ips: allow_ip, expires_at, budget };
            return Ok(Some(created(&operator.tell(Method::POST, wire::KEYS, &new).await?)));
        }
        KeyCommand::Rotate { key, grace_hours } => {
            let rotate = wire::RotateKey { grace_hours };
            return Ok(Some(created(&operator.tell(Method::POST, &path(wire::KEY_ROTATE, key)?, &rotate).await?)));
        }
        KeyCommand::SetBudget { key, budget: Wish(budget) } => {
            let path = path(wire::KEY_BUDGET, key)?;
            let done: wire::Budgeted<ApiKey> = operator.tell(Method::PUT, &path, &wire::SetBudget { budget }).await?;
            let mut shown = present::key(&done.of, None);
            shown["budget"] = budget::shown(done.budget.as_ref());
            let text = format!("{}  {}", present::key_line(&done.of), budget::line(done.budget.as_ref()));
            return Ok(Some(Answer::done(shown, text)));
        }
        KeyCommand::List { account } => {
            let keys: Vec<ApiKey> = operator.ask(Method::GET, &format!("{}?account_id={account}", wire::KEYS)).await?;
            let lines: Vec<String> = keys.iter().map(present::key_line).collect();
            let shown = keys.iter().map(|key| present::key(key, None)).collect();
            return Ok(Some(Answer::done(shown, lines.join("\n"))));
        }
        KeyCommand::Update { key, name } => {
            operator.tell(Method::PUT, &path(wire::KEY, key)?, &wire::KeyName { name }).await?
        }
        KeyCommand::Revoke { key } => operator.ask(Method::POST, &path(wire::KEY_REVOKE, key)?).await?,
        KeyCommand::Delete { key } => operator.ask(Method::DELETE, &path(wire::KEY, key)?).await?,
    };
    Ok(Some(Answer::done(present::key(&changed, None), present::key_line(&changed))))
}

fn created(created: &wire::CreatedKey) -> Answer {
    let wire::CreatedKey { api_key, key } = created;
    Answer::done(present::key(key, Some(api_key)), format!("{}\n{api_key}", present::key_line(key)))
}

/// Reads an RFC 3339 time from the command line.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "not an RFC 3339 time such as 2027-01-31T00:00:00Z".to_owned())
}
