//! Steps 10–14: everything that can be said about a request before it costs anything. Reserves nothing, submits nothing.

use std::sync::Arc;

use ledger_contract::{Credits, ErrorCode, MediaKind, Provider, PublicError, command::Claim, generation::AttemptStart};
use proxy_normalize::{Canonical, Model, OrderRequest, can_submit, canonical_fields, parse_body, price};
use proxy_route::{Candidate, Exploration, Order, resolve};
use serde_json::{Map, Value};

use super::{
    CreateRequest,
    claim::{claim_of, replay},
};
use crate::{
    answer::Reply,
    breaker::{Admitted, Permit},
    engine::Engine,
    inputs,
    run::{admit, attempt_start},
};

/// A request that is ready to be reserved.
pub struct Prepared {
    /// What was asked for.
    pub canonical: Canonical,
    /// What it costs.
    pub amount: Credits,
    /// Its idempotency key.
    pub claim: Option<Claim>,
    /// Who is tried.
    pub routed: Routed,
}

/// A resolved order with a provider that lets us in.
pub struct Routed {
    /// At least one.
    pub order: Vec<Provider>,
    /// Attempt 1: at the first of them that is not full.
    pub first_attempt: AttemptStart,
    /// Its place at the provider.
    pub permit: Permit,
}

/// A replay wins over everything that could be wrong with the request, except that it isn't JSON: so the key is looked up
/// when something is wrong, and before anything is fetched. Otherwise the reservation answers it.
pub async fn prepare(engine: &Arc<Engine>, request: &CreateRequest) -> Result<Prepared, Reply> {
    let body = parse_body(&request.body).map_err(|rejection| Reply::failure(rejection.error()))?;
    let claim = claim_of(request, &body);
    let checked = check(engine, request, &body);
    if checked.as_ref().map_or(true, |(canonical, _)| canonical.has_input_file())
        && let Some(reply) = replay(engine, request, claim.as_ref()).await
    {
        return Err(reply);
    }
    let (canonical, amount) = checked.map_err(Reply::failure)?;
    let routed = match finish(engine, request, &canonical).await {
        Ok(routed) => routed,
        Err(error) => return Err(replay(engine, request, claim.as_ref()).await.unwrap_or(Reply::failure(error))),
    };
    Ok(Prepared { canonical, amount, claim, routed })
}

/// Step 12 and the price.
fn check(
    engine: &Engine,
    request: &CreateRequest,
    body: &Map<String, Value>,
) -> Result<(Canonical, Credits), PublicError> {
    let model = engine.catalogue.model(&request.model).ok_or_else(|| unknown_model(&request.model))?;
    if model.kind() != request.route_kind {
        return Err(wrong_route(model));
    }
    let canonical = canonical_fields(model, body).map_err(|rejection| rejection.error())?;
    let amount = price(model, &canonical).map_err(|unpriced| unpriced.error(model))?;
    Ok((canonical, amount))
}

/// Steps 13 and 14.
async fn finish(engine: &Engine, request: &CreateRequest, canonical: &Canonical) -> Result<Routed, PublicError> {
    let model = engine.catalogue.model(&request.model).ok_or_else(|| unknown_model(&request.model))?;
    inputs::check(engine, model, canonical).await?;
    engine.content.check(canonical)?;
    route(engine, model, canonical, &request.request_id).ok_or_else(no_provider)
}

/// The resolved order. The place at its first provider that is not full is taken here, so that BSE4009 never follows a
/// reservation; the full ones before it keep their place in the order and are waited for at the end of the chain.
fn route(engine: &Engine, model: &Model, canonical: &Canonical, request_id: &str) -> Option<Routed> {
    let mut order = resolved_order(engine, model, canonical, request_id);
    let mut place = 0;
    while let Some(&provider) = order.get(place) {
        let attempt = attempt_start(engine, model, provider, canonical);
        match attempt.as_ref().map(|attempt| admit(engine, model, attempt, canonical)).zip(attempt) {
            Some((Admitted::Yes(permit), first_attempt)) => return Some(Routed { order, first_attempt, permit }),
            Some((Admitted::Full, _)) => place += 1,
            Some((Admitted::Refused, _)) | None => _ = order.remove(place),
        }
    }
    None
}

fn resolved_order(engine: &Engine, model: &Model, canonical: &Canonical, request_id: &str) -> Vec<Provider> {
    let order = match canonical.order {
        OrderRequest::Fastest => Order::Fastest,
        OrderRequest::Explicit(_) => Order::Explicit,
    };
    let candidates: Vec<Candidate> =
        canonical.eligible.iter().map(|&provider| candidate(engine, model, provider)).collect();
    let ranking = if engine.adaptive_routing { engine.rankings.ranking(model.id()) } else { None };
    let explore = engine.adaptive_routing.then(|| Exploration::from_request_id(request_id, engine.exploration_share));
    resolve(order, &canonical.eligible, ranking.as_deref(), &candidates, explore)
}

fn candidate(engine: &Engine, model: &Model, provider: Provider) -> Candidate {
    Candidate {
        provider,
        state: engine.breakers.state(provider),
        configured: engine.endpoints.get(provider).is_some_and(|endpoint| can_submit(model, endpoint)),
        degraded: engine.rankings.is_degraded(provider),
        attempts: engine.breakers.window(provider).total_attempts,
    }
}

fn unknown_model(model: &str) -> PublicError {
    PublicError::new(ErrorCode::ModelNotFound, "No such model").with_detail("model_identifier", model)
}

fn wrong_route(model: &Model) -> PublicError {
    let kind = model.kind();
    let hint = match kind {
        MediaKind::Video => "This is a video model: add generation_duration and use the video route",
        MediaKind::Image => "This is an image model: leave out generation_duration and use the image route",
    };
    PublicError::new(ErrorCode::WrongMediaRoute, hint)
        .with_detail("model_type", kind.as_str())
        .with_detail("route", format!("/v1/generate/{kind}/{}", model.id()))
}

fn no_provider() -> PublicError {
    PublicError::new(ErrorCode::NoProviderAvailable, "No provider of this model is available at the moment")
}
