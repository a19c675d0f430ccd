//! Budgets on the command line: `50.000/month` or `none`, and how they are shown.

use std::str::FromStr;

use ledger_contract::{
    Budget,
    budget::{BudgetStatus, NotABudget},
};
use serde_json::{Value, json};

/// A budget, or that there shall be none.
#[derive(Clone, Copy, Debug)]
pub struct Wish(pub Option<Budget>);

impl FromStr for Wish {
    type Err = NotABudget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" { Ok(Self(None)) } else { text.parse().map(Some).map(Self) }
    }
}

/// As JSON: credits as decimals, times as ISO 8601.
pub fn shown(status: Option<&BudgetStatus>) -> Value {
    let Some(BudgetStatus { budget, spent, window_ends_at }) = status else { return Value::Null };
    json!({
        "amount": budget.amount.to_json(), "period": budget.period, "spent": spent.to_json(),
        "window_ends_at": window_ends_at.map(|end| end.to_string()),
    })
}

/// In words, behind what it is about.
pub fn line(status: Option<&BudgetStatus>) -> String {
    match status {
        None => "no budget".to_owned(),
        Some(BudgetStatus { budget, spent, .. }) => format!("budget {budget}, {spent} spent"),
    }
}
