//! What an owner does to a generation: cancel it, delete it. Another account's reads like an unknown one.

use ledger_contract::{
    AccountId, AttemptOutcome, GenerationId, GenerationStatus, Timestamp,
    command::{AttemptEnd, Cancel, CancelAnswer, Delete, DeleteAnswer},
    generation::{OpenAttempt, StoredAnswer},
};

use super::{
    claims::store_answer,
    endings::{end, resolve_open},
};
use crate::{
    book::Book,
    state::{Attempt, Generation},
};

pub(super) fn cancel(book: &mut Book, cancel: &Cancel, now: Timestamp) -> CancelAnswer {
    let Some(generation) = owned(book, cancel.account_id, cancel.generation_id) else { return CancelAnswer::NotFound };
    let status = generation.status;
    if status.is_terminal() {
        return CancelAnswer::NotCancelable { status };
    }
    CancelAnswer::Canceled { open: stop(book, cancel.generation_id, now) }
}

pub(super) fn delete(book: &mut Book, delete: &Delete, now: Timestamp) -> DeleteAnswer {
    let Some(generation) = owned(book, delete.account_id, delete.generation_id) else { return DeleteAnswer::NotFound };
    let is_open = !generation.status.is_terminal();
    let open = if is_open { stop(book, delete.generation_id, now) } else { None };
    if let Some(account) = book.account_mut(delete.account_id) {
        account.generations_total = account.generations_total.saturating_sub(1);
    }
    let Some(generation) = book.generation_mut(delete.generation_id) else { return DeleteAnswer::NotFound };
    if generation.status == GenerationStatus::Failed {
        // What stays are entries, and they say refunded: from now on it reads as it will when loaded again.
        generation.status = GenerationStatus::Canceled;
    }
    let record = generation.record.take().filter(|record| !record.outputs_swept);
    DeleteAnswer::Deleted { outputs: record.and_then(|record| record.outputs).unwrap_or_default(), open }
}

fn owned(book: &Book, account_id: AccountId, generation_id: GenerationId) -> Option<&Generation> {
    let generation = book.generation(generation_id)?;
    (generation.account_id == account_id && generation.record.is_some()).then_some(generation)
}

/// Cancels and refunds. What may still run upstream is returned as it was, handle included.
fn stop(book: &mut Book, generation_id: GenerationId, now: Timestamp) -> Option<OpenAttempt> {
    let open = book.generation(generation_id).and_then(Generation::open_attempt).map(Attempt::to_open);
    let cancelled = AttemptEnd { outcome: AttemptOutcome::Cancelled, error: None, in_doubt: false };
    resolve_open(book, generation_id, &cancelled, now);
    end(book, generation_id, GenerationStatus::Canceled, now);
    store_answer(book, generation_id, StoredAnswer::Canceled { generation_id });
    open
}
