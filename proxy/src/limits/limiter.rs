//! Decides every request of an account: in Redis when there is one and it answers in time, otherwise in this process, with
//! the same arithmetic. Each decision made there is noted here, so that a switch in either direction gives nobody a new
//! burst.

use std::sync::Arc;

use ledger_contract::AccountId;

use super::{AccountLimits, Decision, Rate, shared::Shared};
use crate::{answer::RateHeaders, routes::Class};

/// Requests of accounts, by class: all keys of an account share it, and all proxies when there is a Redis.
pub struct Limiter {
    local: AccountLimits,
    shared: Option<Arc<Shared>>,
}

impl Limiter {
    /// Without `shared`, every process counts for itself.
    pub fn new(shared: Option<Arc<Shared>>) -> Self {
        Self { local: AccountLimits::default(), shared }
    }

    /// Draws one request, unless it is refused. `now`: Unix nanoseconds.
    pub async fn draw(&self, account_id: AccountId, class: Class, rate: Rate, now: i64) -> Decision {
        if let Some(shared) = &self.shared {
            let known = self.local.known(account_id, class);
            if let Some(answer) = shared.ask((account_id, class), rate, true, known).await {
                self.local.note(account_id, class, answer.tat, now);
                return rate.decided(answer.drawn, answer.tat, answer.now);
            }
        }
        self.local.draw(account_id, class, rate, now)
    }

    /// The current values, drawing nothing.
    pub async fn peek(&self, account_id: AccountId, class: Class, rate: Rate, now: i64) -> RateHeaders {
        if let Some(shared) = &self.shared {
            let known = self.local.known(account_id, class);
            if let Some(answer) = shared.ask((account_id, class), rate, false, known).await {
                return rate.peek(Some(answer.tat), answer.now);
            }
        }
        self.local.peek(account_id, class, rate, now)
    }
}
