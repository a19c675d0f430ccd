//! Takes credits, a slot and an idempotency key, and writes the record. All or nothing, in the order key, slot, budget,
//! credits, record (api contract §3 step 15).

use ledger_contract::{
    AttemptOutcome, Credits, GenerationStatus, Timestamp,
    command::{Reserve, ReserveAnswer},
    generation::{AttemptStart, EntryKind},
    wire::ReplayAnswer,
};

use super::{
    add::{is_amount, minus, plus},
    budgets,
};
use crate::{
    book::{Book, Movement},
    replay::{CLAIM_LIFETIME_MS, replay},
    state::{Account, Attempt, Claim, Generation, Record},
};

pub(super) fn reserve(book: &mut Book, reserve: &Reserve, now: Timestamp) -> ReserveAnswer {
    if let Some(answer) = said_before(book, reserve) {
        return answer;
    }
    if !is_amount(reserve.amount) {
        return ReserveAnswer::Conflict;
    }
    let Some(account) = book.account(reserve.account_id) else { return ReserveAnswer::AccountMissing };
    let at = account.at(now);
    let refusal = key_taken(book, reserve, now)
        .or_else(|| slot_missing(account))
        .or_else(|| budgets::exceeded(book, reserve, at))
        .or_else(|| credits_missing(account, reserve.amount));
    refusal.unwrap_or_else(|| take(book, reserve, now))
}

fn said_before(book: &Book, reserve: &Reserve) -> Option<ReserveAnswer> {
    let generation = book.generation(reserve.generation_id)?;
    let same = generation.account_id == reserve.account_id && generation.amount == reserve.amount;
    let account = book.account(reserve.account_id).filter(|_| same);
    Some(account.map_or(ReserveAnswer::Conflict, |account| ReserveAnswer::AlreadyReserved { balance: account.balance }))
}

fn key_taken(book: &Book, reserve: &Reserve, now: Timestamp) -> Option<ReserveAnswer> {
    let asked = reserve.claim.as_ref()?;
    let row = book.claim(&(reserve.account_id, asked.key.clone()))?;
    let generation = book.generation(row.generation_id).filter(|generation| generation.record.is_some());
    match replay(Some(row), asked, generation.map(|generation| generation.status), now) {
        ReplayAnswer::Unknown => None,
        ReplayAnswer::Replay { stored } => Some(ReserveAnswer::Replay { stored }),
        ReplayAnswer::InProgress => Some(ReserveAnswer::IdempotencyInProgress),
        ReplayAnswer::Conflict => Some(ReserveAnswer::IdempotencyConflict),
    }
}

fn slot_missing(account: &Account) -> Option<ReserveAnswer> {
    let limit = account.plan.limits().in_flight;
    let in_flight = account.in_flight;
    (in_flight >= limit).then_some(ReserveAnswer::ConcurrencyLimit { limit, in_flight })
}

fn credits_missing(account: &Account, required: Credits) -> Option<ReserveAnswer> {
    let balance = account.balance;
    (balance < required).then_some(ReserveAnswer::Insufficient { required, balance })
}

fn take(book: &mut Book, reserve: &Reserve, now: Timestamp) -> ReserveAnswer {
    let Some(account) = book.account_mut(reserve.account_id) else { return ReserveAnswer::AccountMissing };
    let at = account.at(now);
    account.balance = minus(account.balance, reserve.amount);
    account.reserved = plus(account.reserved, reserve.amount);
    account.in_flight = account.in_flight.saturating_add(1);
    account.generations_total = account.generations_total.saturating_add(1);
    account.generations_ever = account.generations_ever.saturating_add(1);
    let balance = account.balance;
    budgets::count(book, reserve, at);
    if let Some(claim) = &reserve.claim {
        let row = Claim {
            account_id: reserve.account_id,
            key: claim.key.clone(),
            fingerprint: claim.fingerprint.clone(),
            generation_id: reserve.generation_id,
            stored: None,
            expires_at: now.plus_ms(CLAIM_LIFETIME_MS),
        };
        book.set_claim((reserve.account_id, claim.key.clone()), Some(row));
    }
    book.push_entry(Movement {
        account_id: reserve.account_id,
        kind: EntryKind::Reserve,
        amount: reserve.amount,
        generation_id: Some(reserve.generation_id),
        add_key: None,
        model: Some(reserve.model.clone()),
        description: None,
        apikey_id: Some(reserve.apikey_id),
        now,
    });
    book.insert_generation(new_generation(reserve, at));
    ReserveAnswer::Reserved { balance }
}

fn new_generation(reserve: &Reserve, now: Timestamp) -> Generation {
    let record = Record {
        apikey_id: reserve.apikey_id,
        kind: reserve.kind,
        request: reserve.request.clone(),
        provider_order: reserve.provider_order.clone(),
        prediction_id: None,
        provider_used: None,
        error: None,
        outputs: None,
        outputs_expire_at: None,
        outputs_swept: false,
        predict_time_ms: None,
        lease_holder: Some(reserve.holder),
        claim_key: reserve.claim.as_ref().map(|claim| claim.key.clone()),
        created_at: now,
        started_at: None,
        completed_at: None,
        deadline_at: reserve.deadline_at,
    };
    Generation {
        generation_id: reserve.generation_id,
        account_id: reserve.account_id,
        model: reserve.model.clone(),
        amount: reserve.amount,
        status: GenerationStatus::Pending,
        attempts: reserve.first_attempt.iter().map(|start| started(1, &record, start, now)).collect(),
        record: Some(record),
    }
}

/// An attempt as it is written ahead of its submission.
pub(super) fn started(attempt_order: u32, record: &Record, start: &AttemptStart, now: Timestamp) -> Attempt {
    Attempt {
        attempt_order,
        kind: record.kind,
        start: start.clone(),
        outcome: AttemptOutcome::Pending,
        prediction_id: None,
        handle: None,
        error: None,
        in_doubt: false,
        submitted_at: now,
        accepted_at: None,
        resolved_at: None,
    }
}
