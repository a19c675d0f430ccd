//! One label value per answer, spelled as on the wire. Exhaustive: a new answer doesn't compile until it has one.

use ledger_contract::command::{
    AddAnswer, Answer, AttemptAnswer, CancelAnswer, ChargeAnswer, DeleteAnswer, RefundAnswer, ReserveAnswer,
};

/// The `result` of an answer.
pub(crate) fn of(answer: &Answer) -> &'static str {
    match answer {
        Answer::Reserve(answer) => reserve(answer),
        Answer::StartAttempt(answer) | Answer::AcceptAttempt(answer) | Answer::FinishAttempt(answer) => attempt(answer),
        Answer::Charge(answer) => charge(answer),
        Answer::Refund(answer) => refund(answer),
        Answer::Cancel(answer) => match answer {
            CancelAnswer::Canceled { .. } => "canceled",
            CancelAnswer::NotCancelable { .. } => "not_cancelable",
            CancelAnswer::NotFound => "not_found",
        },
        Answer::Delete(answer) => match answer {
            DeleteAnswer::Deleted { .. } => "deleted",
            DeleteAnswer::NotFound => "not_found",
        },
        Answer::Add(answer) => add(answer),
    }
}

fn reserve(answer: &ReserveAnswer) -> &'static str {
    match answer {
        ReserveAnswer::Reserved { .. } => "reserved",
        ReserveAnswer::AlreadyReserved { .. } => "already_reserved",
        ReserveAnswer::Replay { .. } => "replay",
        ReserveAnswer::IdempotencyInProgress => "idempotency_in_progress",
        ReserveAnswer::IdempotencyConflict => "idempotency_conflict",
        ReserveAnswer::ConcurrencyLimit { .. } => "concurrency_limit",
        ReserveAnswer::BudgetExceeded { .. } => "budget_exceeded",
        ReserveAnswer::Insufficient { .. } => "insufficient",
        ReserveAnswer::AccountMissing => "account_missing",
        ReserveAnswer::Conflict => "conflict",
    }
}

fn attempt(answer: &AttemptAnswer) -> &'static str {
    match answer {
        AttemptAnswer::Done => "done",
        AttemptAnswer::AlreadyDone => "already_done",
        AttemptAnswer::Ended { .. } => "ended",
        AttemptAnswer::Conflict => "conflict",
        AttemptAnswer::Missing => "missing",
    }
}

fn charge(answer: &ChargeAnswer) -> &'static str {
    match answer {
        ChargeAnswer::Charged { .. } => "charged",
        ChargeAnswer::AlreadyCharged => "already_charged",
        ChargeAnswer::Ended { .. } => "ended",
        ChargeAnswer::NoReservation => "no_reservation",
        ChargeAnswer::Conflict => "conflict",
    }
}

fn refund(answer: &RefundAnswer) -> &'static str {
    match answer {
        RefundAnswer::Refunded { .. } => "refunded",
        RefundAnswer::AlreadyRefunded { .. } => "already_refunded",
        RefundAnswer::AlreadyCharged => "already_charged",
        RefundAnswer::NoReservation => "no_reservation",
    }
}

fn add(answer: &AddAnswer) -> &'static str {
    match answer {
        AddAnswer::Added { .. } => "added",
        AddAnswer::AlreadyAdded { .. } => "already_added",
        AddAnswer::Conflict { .. } => "conflict",
        AddAnswer::OutOfRange => "out_of_range",
        AddAnswer::AccountMissing => "account_missing",
    }
}
