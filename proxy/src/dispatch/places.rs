//! Places at providers for the attempts of one generation: taken, or waited for when nobody else is left (api contract §10
//! rule 6). Sends nothing and writes nothing.

use std::sync::Arc;

use ledger_contract::{Provider, command::StartAttempt};
use tokio::time::{Instant, timeout_at};
use tracing::info;

use super::LEAST_TIME_FOR_A_TRY;
use crate::{breaker::Admitted, run::Run};

/// What came of asking one provider.
pub enum Taken {
    /// The place is `run`'s, and this is to be written ahead.
    Place(StartAttempt),
    /// No place at the moment.
    Full,
    /// It can't be tried.
    Refused,
}

/// What came of waiting.
pub enum Waited {
    /// One of them has a place now; the chain stands at it.
    Place(StartAttempt),
    /// Nobody is waited for, or any more.
    Nobody,
    /// Too late for another try.
    NoTime,
}

/// Asks `provider` for a place.
pub fn take(run: &mut Run, provider: Provider) -> Taken {
    let Some(start) = run.attempt_start(provider) else { return Taken::Refused };
    match run.admit(&start) {
        Admitted::Yes(permit) => run.permit = Some(permit),
        Admitted::Full => return Taken::Full,
        Admitted::Refused => return Taken::Refused,
    }
    let (generation_id, attempt_order) = (run.generation_id, run.chain.next_attempt_order());
    Taken::Place(StartAttempt { generation_id, attempt_order, start })
}

/// Waits until one of those that were passed over has a place, as long as there is time to try it.
pub async fn wait(run: &mut Run, until: Instant) -> Waited {
    let engine = Arc::clone(&run.engine);
    let Some(last_moment) = until.checked_sub(LEAST_TIME_FOR_A_TRY) else { return Waited::NoTime };
    if !run.chain.waiting().is_empty() {
        info!(providers = ?run.chain.waiting(), "waiting for a place");
    }
    loop {
        let mut freed = std::pin::pin!(engine.breakers.freed());
        // Before they are asked: a place that is given back in between still wakes.
        freed.as_mut().enable();
        for provider in run.chain.waiting().to_vec() {
            match take(run, provider) {
                Taken::Place(start) => {
                    run.chain.call(provider);
                    return Waited::Place(start);
                }
                Taken::Full => {}
                Taken::Refused => run.chain.give_up(provider),
            }
        }
        if run.chain.waiting().is_empty() {
            return Waited::Nobody;
        }
        if timeout_at(last_moment, freed).await.is_err() {
            return Waited::NoTime;
        }
    }
}
