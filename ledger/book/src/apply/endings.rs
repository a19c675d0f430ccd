//! Ends generations: success is charged, failure refunded. Of several endings the first wins; the rest change nothing.

use ledger_contract::{
    AttemptOutcome, Credits, ErrorCode, GenerationId, GenerationStatus, ProviderError, PublicError, Timestamp,
    command::{AcceptAttempt, AttemptEnd, Charge, ChargeAnswer, Refund, RefundAnswer},
    generation::EntryKind,
};

use super::{
    add::{minus, plus},
    attempts::{attempt_mut, discard_late, mark_accepted, resolve},
    budgets,
    claims::{created, store_answer, store_error},
};
use crate::{
    book::{Book, Movement},
    state::{Attempt, Generation},
};

pub(super) fn charge(book: &mut Book, charge: &Charge, now: Timestamp) -> ChargeAnswer {
    let Some(generation) = book.generation(charge.generation_id) else { return ChargeAnswer::NoReservation };
    let status = generation.status;
    if !status.is_terminal() && charge.outputs.is_empty() {
        return ChargeAnswer::Conflict;
    }
    if status.is_terminal() || !is_chargeable(generation, charge.attempt_order) {
        discard_late(book, charge.generation_id, charge.attempt_order);
        return match status {
            GenerationStatus::Succeeded => ChargeAnswer::AlreadyCharged,
            GenerationStatus::Failed | GenerationStatus::Canceled => ChargeAnswer::Ended { status },
            GenerationStatus::Pending | GenerationStatus::Processing => ChargeAnswer::Conflict,
        };
    }
    accept_unaccepted(book, charge, now);
    let balance = end(book, charge.generation_id, GenerationStatus::Succeeded, now);
    mark_succeeded(book, charge, now);
    ChargeAnswer::Charged { balance }
}

/// The attempt must be the open one; `None` stands for a generation that never had any.
fn is_chargeable(generation: &Generation, attempt_order: Option<u32>) -> bool {
    match attempt_order {
        None => generation.attempts.is_empty(),
        Some(order) => generation.attempt(order).is_some_and(Attempt::is_open),
    }
}

/// A result can come before its acceptance was written. It is the acceptance then, under an id of our own: the
/// provider has issued none that we know of (api contract §5.6). The same for a generation that nobody was asked for.
fn accept_unaccepted(book: &mut Book, charge: &Charge, now: Timestamp) {
    let Some(generation) = book.generation(charge.generation_id) else { return };
    let prediction_id = charge.generation_id.to_string();
    let Some(attempt_order) = charge.attempt_order else {
        let answer = created(generation, &prediction_id);
        return store_answer(book, charge.generation_id, answer);
    };
    if generation.attempt(attempt_order).is_some_and(|attempt| attempt.accepted_at.is_none()) {
        let handle = serde_json::Value::Null;
        let accept = AcceptAttempt { generation_id: charge.generation_id, attempt_order, prediction_id, handle };
        mark_accepted(book, &accept, now);
    }
}

fn mark_succeeded(book: &mut Book, charge: &Charge, now: Timestamp) {
    let Some(generation) = book.generation(charge.generation_id) else { return };
    let plan = book.account(generation.account_id).map(|account| account.plan);
    let Some(generation) = book.generation_mut(charge.generation_id) else { return };
    let end = AttemptEnd { outcome: AttemptOutcome::Used, error: None, in_doubt: false };
    let attempt = charge.attempt_order.and_then(|order| attempt_mut(generation, order));
    let provider = attempt.map(|attempt| {
        resolve(attempt, &end, now);
        attempt.start.provider
    });
    if let Some(record) = &mut generation.record {
        record.provider_used = provider;
        record.outputs = Some(charge.outputs.clone());
        record.outputs_expire_at = plan.map(|plan| now.plus_ms(plan.limits().file_retention_ms));
        record.predict_time_ms = charge.predict_time_ms;
    }
}

pub(super) fn refund(book: &mut Book, refund: &Refund, now: Timestamp) -> RefundAnswer {
    let Some(generation) = book.generation(refund.generation_id) else { return RefundAnswer::NoReservation };
    match generation.status {
        GenerationStatus::Succeeded => return RefundAnswer::AlreadyCharged,
        status @ (GenerationStatus::Failed | GenerationStatus::Canceled) => {
            return RefundAnswer::AlreadyRefunded { status };
        }
        GenerationStatus::Pending | GenerationStatus::Processing => {}
    }
    if let Some(open) = generation.open_attempt() {
        let how = failed(refund, open);
        resolve_open(book, refund.generation_id, &how, now);
    }
    let balance = end(book, refund.generation_id, GenerationStatus::Failed, now);
    let record = book.generation_mut(refund.generation_id).and_then(|generation| generation.record.as_mut());
    if let Some(record) = record {
        record.error = Some((refund.error.code, refund.error.message.clone()));
    }
    store_error(book, refund.generation_id, &refund.error);
    RefundAnswer::Refunded { balance }
}

/// How the open attempt of a failed generation ended: as told, else in doubt.
fn failed(refund: &Refund, open: &Attempt) -> AttemptEnd {
    match &refund.attempt {
        Some(end) if !matches!(end.outcome, AttemptOutcome::Pending | AttemptOutcome::Used) => end.clone(),
        _ => {
            let error = Some(provider_error(open, &refund.error));
            AttemptEnd { outcome: AttemptOutcome::Failed, error, in_doubt: true }
        }
    }
}

fn provider_error(open: &Attempt, error: &PublicError) -> ProviderError {
    let code = match error.code {
        code @ (ErrorCode::ProviderTimeout
        | ErrorCode::ProviderRateLimited
        | ErrorCode::ProviderUnavailable
        | ErrorCode::ProviderCreditsExhausted
        | ErrorCode::ProviderContentRejected
        | ErrorCode::ProviderRejectedInput) => code,
        _ => ErrorCode::ProviderError,
    };
    ProviderError {
        provider: open.start.provider,
        code,
        kind: code.kind().to_owned(),
        message: error.message.clone(),
        retryable: false,
    }
}

/// Ends the open attempt, if there is one.
pub(super) fn resolve_open(book: &mut Book, generation_id: GenerationId, how: &AttemptEnd, now: Timestamp) {
    let Some(generation) = book.generation_mut(generation_id) else { return };
    if let Some(attempt) = generation.attempts.iter_mut().find(|attempt| attempt.is_open()) {
        resolve(attempt, how, now);
    }
}

/// The terminal transition: state, slot, money and entry together. The balance afterwards.
pub(super) fn end(book: &mut Book, generation_id: GenerationId, status: GenerationStatus, now: Timestamp) -> Credits {
    if status != GenerationStatus::Succeeded {
        budgets::give_back(book, generation_id);
    }
    let Some(generation) = book.generation_mut(generation_id) else { return Credits::ZERO };
    generation.status = status;
    if let Some(record) = &mut generation.record {
        record.completed_at = Some(now.max(record.created_at));
        record.lease_holder = None;
    }
    let (account_id, amount, model) = (generation.account_id, generation.amount, generation.model.clone());
    let Some(account) = book.account_mut(account_id) else { return Credits::ZERO };
    account.in_flight = account.in_flight.saturating_sub(1);
    account.reserved = minus(account.reserved, amount);
    let kind = if status == GenerationStatus::Succeeded {
        EntryKind::Charge
    } else {
        account.balance = plus(account.balance, amount);
        EntryKind::Refund
    };
    let balance = account.balance;
    book.push_entry(Movement {
        account_id,
        kind,
        amount,
        generation_id: Some(generation_id),
        add_key: None,
        model: Some(model),
        description: None,
        apikey_id: None,
        now,
    });
    balance
}
