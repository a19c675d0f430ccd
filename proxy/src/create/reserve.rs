//! Step 15: the one transaction, and the answer to each of its results. Sends nothing to any provider.

use std::sync::Arc;

use ledger_contract::{
    ErrorCode, GenerationId, MediaKind, PublicError,
    command::{Reserve, ReserveAnswer},
};
use tokio::time::Instant;
use tracing::{Instrument, Span, error, info, warn};

use super::{
    CreateRequest,
    claim::{conflict, in_progress},
    prepare::Prepared,
};
use crate::{
    answer::Reply,
    chain::Chain,
    clock,
    engine::Engine,
    ledger::{Landed, LedgerError},
    run::Run,
};

/// Reserves, and gives back the generation with attempt 1 open.
pub async fn reserve(
    engine: &Arc<Engine>,
    request: &CreateRequest,
    prepared: Prepared,
    generation_id: GenerationId,
    until: Instant,
) -> Result<Run, Reply> {
    let total_ms = match request.route_kind {
        MediaKind::Image => engine.deadlines.image_total_ms,
        MediaKind::Video => engine.deadlines.video_total_ms,
    };
    let created_at = clock::now();
    let deadline_at = created_at.plus_ms(i64::try_from(total_ms).unwrap_or(i64::MAX));
    let first = prepared.routed.first_attempt.provider;
    let command = Reserve {
        account_id: request.caller.account_id,
        apikey_id: request.caller.apikey_id,
        generation_id,
        amount: prepared.amount,
        model: request.model.clone(),
        kind: request.route_kind,
        request: prepared.canonical.fields.clone(),
        provider_order: prepared.routed.order.clone(),
        deadline_at,
        claim: prepared.claim,
        first_attempt: Some(prepared.routed.first_attempt),
        holder: engine.holder,
    };
    match engine.ledger.ask_until(command.clone(), until).await {
        Ok(landed) => read(landed)?,
        Err(LedgerError::InDoubt) => return Err(settle_doubt(engine, command)),
        Err(LedgerError::Unavailable) => return Err(Reply::ledger_unavailable()),
        Err(LedgerError::Refused) => return Err(Reply::internal_error()),
    }
    info!(amount = %command.amount, order = ?command.provider_order, "reserved");
    Ok(Run {
        engine: Arc::clone(engine),
        generation_id,
        account_id: command.account_id,
        plan: request.plan,
        model: command.model,
        kind: command.kind,
        canonical: prepared.canonical,
        created_at,
        deadline: clock::instant_of(deadline_at),
        chain: Chain::starting_at(command.provider_order, first),
        permit: Some(prepared.routed.permit),
        wake: engine.callbacks.listen(generation_id),
    })
}

fn read(landed: Landed<ReserveAnswer>) -> Result<(), Reply> {
    match landed.answer {
        ReserveAnswer::Reserved { .. } | ReserveAnswer::AlreadyReserved { .. } => Ok(()),
        ReserveAnswer::Replay { stored } => Err(Reply::replay(stored)),
        ReserveAnswer::IdempotencyInProgress => Err(in_progress()),
        ReserveAnswer::IdempotencyConflict => Err(conflict()),
        ReserveAnswer::ConcurrencyLimit { limit, in_flight } => Err(Reply::failure(
            PublicError::new(ErrorCode::ConcurrencyLimitExceeded, "Too many generations are in flight")
                .with_detail("limit", limit)
                .with_detail("in_flight", in_flight),
        )),
        ReserveAnswer::BudgetExceeded { holder, budget, spent, required, window_ends_at } => Err(Reply::failure(
            PublicError::new(ErrorCode::BudgetExceeded, format!("The budget of this {holder} would be exceeded"))
                .with_detail("budget", budget.to_json())
                .with_detail("spent", spent.to_json())
                .with_detail("required", required.to_json())
                .with_detail("window_ends_at", window_ends_at.map(|end| end.to_string())),
        )),
        ReserveAnswer::Insufficient { required, balance } => Err(Reply::failure(
            PublicError::new(ErrorCode::InsufficientCredits, "Not enough credits")
                .with_detail("required", required.to_json())
                .with_detail("balance", balance.to_json()),
        )),
        ReserveAnswer::AccountMissing => {
            Err(Reply::refuse(ErrorCode::AccountNotFound, "The account of this key no longer exists"))
        }
        ReserveAnswer::Conflict => {
            error!("the ledger knows this generation id with another account or amount");
            Err(Reply::internal_error())
        }
    }
}

/// The commit itself is in doubt: the answer is final, and the record is settled in the background. The reservation is
/// said again first, so that no delayed copy of it can come after the refund.
fn settle_doubt(engine: &Arc<Engine>, command: Reserve) -> Reply {
    warn!("the reservation is in doubt");
    let settling = Arc::clone(engine);
    let work = async move {
        let generation_id = command.generation_id;
        if let Ok(Landed { answer: ReserveAnswer::Reserved { .. } | ReserveAnswer::AlreadyReserved { .. }, .. }) =
            settling.ledger.land(command).await
        {
            settling.refund_broken(generation_id).await;
        }
    };
    engine.follows.spawn(work.instrument(Span::current()));
    Reply::internal_error()
}
