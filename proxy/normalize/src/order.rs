//! The syntax of `generation_provider_order` (api contract §10). Who is first under `fastest` is decided elsewhere.

use ledger_contract::Provider;

use crate::{Model, Rejection};

/// What a request says about providers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderRequest {
    /// The adaptive order.
    Fastest,
    /// Exactly these, in this order; never empty.
    Explicit(Vec<Provider>),
}

/// The order of a request: what it says, else the model's default.
pub(crate) fn read(model: &Model, text: Option<&str>) -> Result<OrderRequest, Rejection> {
    match text {
        None if model.is_fastest_by_default() => Ok(OrderRequest::Fastest),
        None => Ok(OrderRequest::Explicit(model.providers())),
        Some(text) if text.trim_matches(' ') == "fastest" => Ok(OrderRequest::Fastest),
        Some(text) => list(model, text).map(OrderRequest::Explicit),
    }
}

fn list(model: &Model, text: &str) -> Result<Vec<Provider>, Rejection> {
    let supported = model.providers();
    let mut order = Vec::new();
    for item in text.split(',').map(|item| item.trim_matches(' ')) {
        match item.parse::<Provider>() {
            Ok(provider) if supported.contains(&provider) && !order.contains(&provider) => order.push(provider),
            _ => return Err(Rejection::Order { supported }),
        }
    }
    Ok(order)
}
