//! A generation's side of its idempotency key: the answer is stored once, or the key is released.

use ledger_contract::{GenerationId, PublicError, generation::CreatedData, generation::StoredAnswer};

use crate::{
    book::{Book, ClaimName},
    state::{Claim, Generation},
};

/// Stores `answer` under the generation's key, if the key is still its own and has no answer yet.
pub(super) fn store_answer(book: &mut Book, generation_id: GenerationId, answer: StoredAnswer) {
    if let Some((name, claim)) = unanswered(book, generation_id) {
        let claim = Claim { stored: Some(answer), ..claim.clone() };
        book.set_claim(name, Some(claim));
    }
}

/// A final error is kept under the key; a retryable one frees it, so that the same key runs again.
pub(super) fn store_error(book: &mut Book, generation_id: GenerationId, error: &PublicError) {
    if !error.retryable {
        store_answer(book, generation_id, StoredAnswer::Failed(error.clone()));
    } else if let Some((name, _)) = unanswered(book, generation_id) {
        book.set_claim(name, None);
    }
}

/// The answer of a create in normal form.
pub(super) fn created(generation: &Generation, prediction_id: &str) -> StoredAnswer {
    let order = generation.record.as_ref().map(|record| record.provider_order.clone());
    StoredAnswer::Created(CreatedData {
        model_identifier: generation.model.clone(),
        generation_provider_order: order.unwrap_or_default(),
        generation_prediction_id: prediction_id.to_owned(),
        generation_id: generation.generation_id,
        generation_initialized: true,
    })
}

fn unanswered(book: &Book, generation_id: GenerationId) -> Option<(ClaimName, &Claim)> {
    let generation = book.generation(generation_id)?;
    let key = generation.record.as_ref()?.claim_key.clone()?;
    let name = (generation.account_id, key);
    let claim = book.claim(&name).filter(|claim| claim.generation_id == generation_id && claim.stored.is_none())?;
    Some((name, claim))
}
