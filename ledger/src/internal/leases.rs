//! Leases: proxies say that they live, and take over what gone ones left.

use std::sync::Arc;

use axum::{Json, extract::State};
use ledger_contract::wire::{RenewLease, TakeLeases, TakenLeases};
use ledger_store::StoreError;
use serde::Serialize;

use super::Answered;
use crate::{app::App, clock, routes::Body};

/// Most generations that are handed over at once.
const MAX_TAKEN: u32 = 1_000;

/// `{}`.
#[derive(Serialize)]
pub(crate) struct Nothing {}

/// `POST /internal/leases/renew`.
pub(crate) async fn renew(State(app): State<Arc<App>>, Body(renew): Body<RenewLease>) -> Answered<Nothing> {
    let expires_at = clock::now().plus_ms(clock::millis(app.timing.lease));
    let renewed = app.store.renew_lease(renew.holder, expires_at).await;
    if matches!(renewed, Err(StoreError::Unavailable(_))) {
        // A holder that could not renew must not be taken for gone.
        app.leases.suspend();
    }
    renewed?;
    Ok(Json(Nothing {}))
}

/// `POST /internal/leases/take`. Nobody is gone while leases are suspended, so there is nothing to take then.
pub(crate) async fn take(State(app): State<Arc<App>>, Body(take): Body<TakeLeases>) -> Answered<TakenLeases> {
    if app.leases.are_suspended() {
        return Ok(Json(TakenLeases { generations: Vec::new() }));
    }
    let limit = take.limit.min(MAX_TAKEN);
    let generations = app.store.take_leases(take.holder, limit, clock::now()).await?;
    Ok(Json(TakenLeases { generations }))
}
