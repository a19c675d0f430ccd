//! One generation's way through its providers: who failed how, who is next, and what the customer is told in the end.
//!
//! Pure: no clock, no I/O. Where the order stands is `proxy-route`'s plan; this adds the attempts and their errors.

use std::{collections::BTreeSet, time::Duration};

use ledger_contract::{
    ErrorCode, Provider, ProviderError, PublicError,
    generation::{EndedAttempt, OpenAttempt},
};
use proxy_normalize::ProviderFailure;
use proxy_route::Plan;

/// Attempts of one generation so far, and its place on its order.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    plan: Plan,
    attempt_order: u32,
    failed: Vec<ProviderError>,
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// This provider, now.
    Try(Provider),
    /// The same single provider once more, after a wait.
    Repeat(Provider, Duration),
    /// The chain is over.
    Nobody,
}

impl Chain {
    /// With attempt 1 open at the first provider of `order`.
    pub fn new(order: Vec<Provider>) -> Self {
        Self { plan: Plan::new(order), attempt_order: 1, failed: Vec::new() }
    }

    /// With attempt 1 open at `first`: providers before it had no place for it.
    pub fn starting_at(order: Vec<Provider>, first: Provider) -> Self {
        Self { plan: Plan::starting_at(order, first), ..Self::new(Vec::new()) }
    }

    /// As another process left it.
    pub fn resume(order: Vec<Provider>, ended: &[EndedAttempt], open: Option<&OpenAttempt>) -> Self {
        let tried: Vec<Provider> =
            ended.iter().map(|attempt| attempt.provider).chain(open.map(|attempt| attempt.start.provider)).collect();
        let last = ended.iter().map(|attempt| attempt.attempt_order).chain(open.map(|attempt| attempt.attempt_order));
        Self {
            plan: Plan::resume(order, &tried),
            attempt_order: last.max().unwrap_or(0),
            failed: ended.iter().filter_map(|attempt| attempt.error.clone()).collect(),
        }
    }

    /// Who is tried, or was tried last.
    pub fn provider(&self) -> Option<Provider> {
        self.plan.current()
    }

    /// The resolved order.
    pub fn order(&self) -> &[Provider] {
        self.plan.order()
    }

    /// Number of the attempt that is open, or was last.
    pub fn attempt_order(&self) -> u32 {
        self.attempt_order
    }

    /// Number of the attempt that [`Chain::started`] will open.
    pub fn next_attempt_order(&self) -> u32 {
        self.attempt_order.saturating_add(1)
    }

    /// The next attempt is open now.
    pub fn started(&mut self) {
        self.attempt_order = self.next_attempt_order();
    }

    /// The open attempt failed. `draw` in `[0, 1)` spreads the wait of a repeat.
    pub fn fail(&mut self, provider: Provider, failure: &ProviderFailure, draw: f64) -> Next {
        self.failed.push(failure.to_error(provider));
        if !failure.moves_on() {
            self.plan.stop_waiting();
            return Next::Nobody;
        }
        let repeat = if failure.is_transient_refusal() { self.plan.repeat(draw) } else { None };
        match repeat {
            Some(after_ms) => Next::Repeat(provider, Duration::from_millis(after_ms)),
            None => self.pass(),
        }
    }

    /// Moves on without an attempt at the current provider.
    pub fn pass(&mut self) -> Next {
        self.plan.advance().map_or(Next::Nobody, Next::Try)
    }

    /// Moves on from a provider that is full; it is waited for when nobody else is left.
    pub fn pass_over(&mut self) -> Next {
        self.plan.pass_over().map_or(Next::Nobody, Next::Try)
    }

    /// Whom to wait for when nobody else is left, in order.
    pub fn waiting(&self) -> &[Provider] {
        self.plan.waiting()
    }

    /// One that was waited for has a place.
    pub fn call(&mut self, provider: Provider) {
        self.plan.call(provider);
    }

    /// One that was waited for can't be tried any more.
    pub fn give_up(&mut self, provider: Provider) {
        self.plan.give_up(provider);
    }

    /// The error of a generation whose providers all failed (api contract §6.1). `out_of_time`: the chain ended because
    /// its time did, not its providers.
    pub fn error(&self, out_of_time: bool) -> PublicError {
        let code = self.code(out_of_time);
        let mut error = PublicError::new(code, self.message(code));
        error.retryable = !self.failed.is_empty() && self.failed.iter().all(|attempt| attempt.retryable);
        error.provider_errors = Some(self.failed.clone());
        error
    }

    fn code(&self, out_of_time: bool) -> ErrorCode {
        let tried: BTreeSet<Provider> = self.failed.iter().map(|attempt| attempt.provider).collect();
        match self.failed.last().map(|attempt| attempt.code) {
            Some(code @ (ErrorCode::ProviderContentRejected | ErrorCode::ProviderRejectedInput)) => code,
            Some(_) if tried.len() > 1 => ErrorCode::AllProvidersFailed,
            Some(code) if !out_of_time => code,
            Some(_) | None => ErrorCode::ProviderTimeout,
        }
    }

    fn message(&self, code: ErrorCode) -> String {
        match (code, self.failed.last()) {
            (ErrorCode::AllProvidersFailed, _) => "Every provider failed".to_owned(),
            (code, Some(last)) if last.code == code => sentence(&last.message),
            _ => "The provider did not answer in time".to_owned(),
        }
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
#[path = "chain/tests.rs"]
mod tests;
