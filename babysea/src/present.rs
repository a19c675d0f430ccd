//! The ledger's records as operators see them: credits as decimals, times as ISO 8601. One place, so that `--json` names
//! things as the public API does.

use ledger_contract::{
    Timestamp,
    access::{Account, ApiKey},
    wire::LedgerEntry,
};
use serde_json::{Value, json};

/// An account.
pub fn account(account: &Account) -> Value {
    let Account { account_id, name, plan, balance, in_flight, created_at } = account;
    json!({
        "account_id": account_id, "name": name, "plan": plan, "balance": balance.to_json(),
        "in_flight": in_flight, "created_at": created_at.to_string(),
    })
}

/// A key, and its secret when it was just made.
pub fn key(key: &ApiKey, secret: Option<&str>) -> Value {
    let ApiKey { apikey_id, account_id, name, prefix, scopes, allow_ips, state, expires_at, created_at, last_used_at } =
        key;
    let mut shown = json!({
        "apikey_id": apikey_id, "account_id": account_id, "apikey_name": name, "apikey_prefix": prefix,
        "scopes": scopes, "allow_ips": allow_ips, "state": state, "expires_at": time(*expires_at),
        "created_at": created_at.to_string(), "last_used_at": time(*last_used_at),
    });
    if let Some(secret) = secret {
        shown["api_key"] = json!(secret);
    }
    shown
}

/// A key in one line.
pub fn key_line(key: &ApiKey) -> String {
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    format!("{}  {}…  {:8}  {}  [{}]", key.apikey_id, key.prefix, key.state, key.name, scopes.join(" "))
}

/// A row of the book.
pub fn entry(entry: &LedgerEntry) -> Value {
    let LedgerEntry {
        entry_id,
        account_id,
        kind,
        amount,
        balance_after,
        generation_id,
        model,
        description,
        created_at,
    } = entry;
    json!({
        "id": entry_id, "account_id": account_id, "type": kind, "amount": amount.to_json(),
        "balance_after": balance_after.to_json(), "generation_id": generation_id, "model": model,
        "description": description, "created_at": created_at.to_string(),
    })
}

/// A row of the book in one line.
pub fn entry_line(entry: &LedgerEntry) -> String {
    let about = entry.generation_id.map(|id| id.to_string()).or_else(|| entry.description.clone()).unwrap_or_default();
    format!(
        "{}  {:8} {:>12} {:>14}  {}  {}",
        entry.created_at,
        entry.kind,
        entry.amount.to_string(),
        entry.balance_after.to_string(),
        entry.model.as_deref().unwrap_or("-"),
        about
    )
}

fn time(moment: Option<Timestamp>) -> Value {
    moment.map_or(Value::Null, |moment| json!(moment.to_string()))
}
