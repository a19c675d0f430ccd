//! The first start: an account `dev` and its key, so that a newcomer's first request works.

use anyhow::Context;
use ledger_contract::{
    Credits, Plan,
    access::{Account, Preset},
    wire,
};
use reqwest::Method;

use super::folder::write_secret;
use crate::{config::Places, operator::Operator};

const NAME: &str = "dev";
const CREDITS: Credits = Credits(100_000);

/// Makes the account when the book has none, and a key for it when the folder has none.
pub async fn prepare(places: &Places, operator: &Operator) -> anyhow::Result<()> {
    let accounts: Vec<Account> = operator.ask(Method::GET, wire::ACCOUNTS).await.context("asking for accounts")?;
    let dev = if accounts.is_empty() {
        let new = wire::NewAccount { name: NAME.to_owned(), plan: Plan::Enterprise, credits: CREDITS };
        Some(operator.tell(Method::POST, wire::ACCOUNTS, &new).await.context("making the account `dev`")?)
    } else if places.dev_key_file().exists() {
        None
    } else {
        accounts.into_iter().find(|account| account.name == NAME)
    };
    let Some(Account { account_id, .. }) = dev else { return Ok(()) };
    let new = wire::NewKey {
        account_id,
        name: NAME.to_owned(),
        scopes: Preset::FullAccess.scopes(),
        allow_ips: Vec::new(),
        expires_at: None,
        budget: None,
    };
    let created: wire::CreatedKey =
        operator.tell(Method::POST, wire::KEYS, &new).await.context("making a key for `dev`")?;
    write_secret(&places.dev_key_file(), &created.api_key)
}
