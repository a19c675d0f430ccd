//! What a request would cost: the catalogue's price, and whether the account can pay it. Never fails for want of a balance.

use std::{borrow::Cow, time::Duration};

use ledger_contract::{AccountId, Credits, ErrorCode, PublicError};
use proxy_normalize::Catalogue;

use crate::{answer::Reply, ledger::LedgerClient};

/// A route has 5 s in all; a balance that takes longer is not worth them.
const BALANCE_LIMIT: Duration = Duration::from_secs(2);
/// Most query parameters that are looked at.
const MOST_PARAMETERS: usize = 100;

/// `GET /v1/estimate/{model_identifier}`. Call on the work runtime: it asks the ledger.
pub async fn answer(
    catalogue: &Catalogue,
    ledger: &LedgerClient,
    account_id: AccountId,
    model: &str,
    query: Option<&str>,
) -> Reply {
    let Some(model) = catalogue.model(model) else { return model_not_found(model) };
    match proxy_normalize::estimate(model, &parameters(query)) {
        Ok(estimate) => {
            let data = estimate.to_json(balance(ledger, account_id).await);
            Reply::success("Cost estimated", data.into())
        }
        Err(error) => Reply::failure(error),
    }
}

fn model_not_found(model: &str) -> Reply {
    let error = PublicError::new(ErrorCode::ModelNotFound, "No such model");
    Reply::failure(error.with_detail("model_identifier", model))
}

async fn balance(ledger: &LedgerClient, account_id: AccountId) -> Option<Credits> {
    let asked = tokio::time::timeout(BALANCE_LIMIT, ledger.balance(account_id)).await;
    asked.ok()?.ok().map(|answer| answer.balance)
}

/// Decoded pairs, in order.
fn parameters(query: Option<&str>) -> Vec<(String, String)> {
    let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.take(MOST_PARAMETERS).map(|(name, value)| (Cow::into_owned(name), Cow::into_owned(value))).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_query_is_decoded_and_bounded() {
        let pairs = parameters(Some("count=2&ratio=16%3A9&x=a+b&flag"));
        let want = [("count", "2"), ("ratio", "16:9"), ("x", "a b"), ("flag", "")];
        assert_eq!(pairs, want.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(parameters(Some(&"a=1&".repeat(1_000))).len(), MOST_PARAMETERS);
        assert!(parameters(None).is_empty());
    }

    proptest! {
        #[test]
        fn no_query_makes_the_reader_panic(query in ".{0,80}") {
            parameters(Some(&query));
        }
    }
}
