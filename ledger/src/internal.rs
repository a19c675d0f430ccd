//! Handlers of the internal contract (`ledger_contract::wire`), for houses of ours and for operators.

pub(crate) mod accounts;
pub(crate) mod book;
pub(crate) mod chains;
pub(crate) mod commands;
pub(crate) mod feed;
pub(crate) mod keys;
pub(crate) mod leases;
pub(crate) mod request_log;
pub(crate) mod routing;

use std::str::FromStr;

use axum::{Json, extract::Path};

use ledger_contract::Budget;

use crate::problem::Problem;

/// What every handler here answers.
pub(crate) type Answered<T> = Result<Json<T>, Problem>;

/// Longest name of an account or a key, in characters (api contract §4.1).
const MAX_NAME_CHARS: usize = 100;

/// An id out of a path; an id that can't be one names nothing.
fn id<T: FromStr>(Path(text): &Path<String>, what: &'static str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::Missing(what))
}

/// A name that people can read.
fn check_name(name: &str) -> Result<(), Problem> {
    let length = name.chars().count();
    if name.trim().is_empty() || length > MAX_NAME_CHARS || name.chars().any(char::is_control) {
        return Err(Problem::Malformed("a name has 1 to 100 characters".to_owned()));
    }
    Ok(())
}

/// A budget that can be kept.
fn check_budget(budget: Option<Budget>) -> Result<(), Problem> {
    match budget {
        Some(budget) if !budget.is_valid() => {
            Err(Problem::Malformed("a budget is above zero and at most 9999999.999".to_owned()))
        }
        _ => Ok(()),
    }
}
