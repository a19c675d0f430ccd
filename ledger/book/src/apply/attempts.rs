//! Starts, accepts and ends attempts while their generation is open. Moves no money.

use ledger_contract::{
    AttemptOutcome, GenerationId, GenerationStatus, Timestamp,
    command::{AcceptAttempt, AttemptAnswer, AttemptEnd, FinishAttempt, StartAttempt},
};

use super::{
    claims::{created, store_answer},
    reserve::started,
};
use crate::{
    book::Book,
    state::{Attempt, Generation},
};

pub(super) fn start(book: &mut Book, start: &StartAttempt, now: Timestamp) -> AttemptAnswer {
    let Some(generation) = book.generation_mut(start.generation_id) else { return AttemptAnswer::Missing };
    let status = generation.status;
    let Some(record) = generation.record.as_ref().filter(|_| !status.is_terminal()) else {
        return AttemptAnswer::Ended { status };
    };
    if let Some(attempt) = generation.attempt(start.attempt_order) {
        // A resolved one is a conflict, not a repeat: nobody may submit on the strength of it.
        let same = attempt.is_open() && attempt.start == start.start;
        return if same { AttemptAnswer::AlreadyDone } else { AttemptAnswer::Conflict };
    }
    let last = generation.attempts.last().map_or(0, |attempt| attempt.attempt_order);
    if generation.open_attempt().is_some() || last.checked_add(1) != Some(start.attempt_order) {
        return AttemptAnswer::Conflict;
    }
    let attempt = started(start.attempt_order, record, &start.start, now);
    generation.attempts.push(attempt);
    AttemptAnswer::Done
}

pub(super) fn accept(book: &mut Book, accept: &AcceptAttempt, now: Timestamp) -> AttemptAnswer {
    let Some(generation) = book.generation(accept.generation_id) else { return AttemptAnswer::Missing };
    let status = generation.status;
    if status.is_terminal() {
        return AttemptAnswer::Ended { status };
    }
    let Some(attempt) = generation.attempt(accept.attempt_order) else { return AttemptAnswer::Missing };
    if !attempt.is_open() {
        return AttemptAnswer::Conflict;
    }
    if attempt.accepted_at.is_some() {
        let same = attempt.prediction_id.as_deref() == Some(accept.prediction_id.as_str());
        return if same { AttemptAnswer::AlreadyDone } else { AttemptAnswer::Conflict };
    }
    mark_accepted(book, accept, now);
    AttemptAnswer::Done
}

/// Writes an acceptance: on the attempt, on the record, and as the answer of the key if it is the first.
pub(super) fn mark_accepted(book: &mut Book, accept: &AcceptAttempt, now: Timestamp) {
    let Some(generation) = book.generation_mut(accept.generation_id) else { return };
    if let Some(attempt) = attempt_mut(generation, accept.attempt_order) {
        attempt.prediction_id = Some(accept.prediction_id.clone());
        attempt.handle = Some(accept.handle.clone());
        attempt.accepted_at = Some(now.max(attempt.submitted_at));
    }
    generation.status = GenerationStatus::Processing;
    if let Some(record) = &mut generation.record {
        record.prediction_id = Some(accept.prediction_id.clone());
        record.started_at = record.started_at.or(Some(now.max(record.created_at)));
    }
    let answer = created(generation, &accept.prediction_id);
    store_answer(book, accept.generation_id, answer);
}

pub(super) fn finish(book: &mut Book, finish: &FinishAttempt, now: Timestamp) -> AttemptAnswer {
    let outcome = finish.end.outcome;
    let Some(generation) = book.generation_mut(finish.generation_id) else { return AttemptAnswer::Missing };
    let status = generation.status;
    let Some(attempt) = attempt_mut(generation, finish.attempt_order) else { return AttemptAnswer::Missing };
    if matches!(outcome, AttemptOutcome::Pending | AttemptOutcome::Used) {
        return AttemptAnswer::Conflict;
    }
    if attempt.is_open() {
        resolve(attempt, &finish.end, now);
        return AttemptAnswer::Done;
    }
    if attempt.outcome == outcome {
        return AttemptAnswer::AlreadyDone;
    }
    if outcome == AttemptOutcome::Discarded && discard(attempt) {
        return AttemptAnswer::Done;
    }
    if status.is_terminal() { AttemptAnswer::Ended { status } } else { AttemptAnswer::Conflict }
}

/// Ends an open attempt.
pub(super) fn resolve(attempt: &mut Attempt, end: &AttemptEnd, now: Timestamp) {
    attempt.outcome = end.outcome;
    attempt.error.clone_from(&end.error);
    attempt.in_doubt = end.in_doubt;
    attempt.handle = None;
    // Clocks step back; an attempt never ends before it began.
    attempt.resolved_at = Some(now.max(attempt.submitted_at));
}

/// A result came back after all (api contract §9 rule 6). What the customer was told about the attempt stays.
fn discard(attempt: &mut Attempt) -> bool {
    let late = matches!(attempt.outcome, AttemptOutcome::Failed | AttemptOutcome::Cancelled);
    if late {
        attempt.outcome = AttemptOutcome::Discarded;
    }
    late
}

/// The same, for an attempt by name; nothing happens where there is none.
pub(super) fn discard_late(book: &mut Book, generation_id: GenerationId, attempt_order: Option<u32>) {
    let attempt = book.generation_mut(generation_id).zip(attempt_order);
    if let Some(attempt) = attempt.and_then(|(generation, order)| attempt_mut(generation, order)) {
        discard(attempt);
    }
}

pub(super) fn attempt_mut(generation: &mut Generation, attempt_order: u32) -> Option<&mut Attempt> {
    generation.attempts.iter_mut().find(|attempt| attempt.attempt_order == attempt_order)
}
