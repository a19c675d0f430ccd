//! One generation as this process runs it: what it is, where its chain stands, and how it ends in the ledger.

use std::sync::Arc;

use ledger_contract::{
    AccountId, AttemptOutcome, GenerationId, GenerationStatus, MediaKind, Plan, Provider, PublicError, Timestamp,
    command::{AttemptEnd, Refund, RefundAnswer},
    generation::AttemptStart,
};
use proxy_normalize::{Canonical, Endpoint, Lane, Model, ProviderFailure, job_count, lane};
use tokio::time::Instant;
use tracing::{error, info, warn};

use crate::{
    breaker::{Admitted, Permit},
    callbacks::Wake,
    chain::Chain,
    clock,
    engine::Engine,
    ledger::LedgerError,
};

/// A generation with an open or ended attempt. Exactly one task owns it.
pub struct Run {
    /// Everything around it.
    pub engine: Arc<Engine>,
    /// Which one.
    pub generation_id: GenerationId,
    /// Whose; for the log.
    pub account_id: AccountId,
    /// Decides how long outputs live.
    pub plan: Plan,
    /// Public model id.
    pub model: String,
    /// What it makes.
    pub kind: MediaKind,
    /// What was asked for.
    pub canonical: Canonical,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it must have ended.
    pub deadline: Instant,
    /// Its attempts.
    pub chain: Chain,
    /// The open attempt's place at its provider.
    pub permit: Option<Permit>,
    /// Hears when a provider calls back.
    pub wake: Wake,
}

impl Run {
    /// Its model; `None` when the catalogue lost it since.
    pub fn offered_model(&self) -> Option<&Model> {
        self.engine.catalogue.model(&self.model)
    }

    /// The endpoint of the provider that is tried.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        self.chain.provider().and_then(|provider| self.engine.endpoints.get(provider))
    }

    /// An attempt at `provider`, as it is written ahead; `None`: it can't be tried any more.
    pub fn attempt_start(&self, provider: Provider) -> Option<AttemptStart> {
        let model = self.offered_model()?;
        attempt_start(&self.engine, model, provider, &self.canonical)
    }

    /// Asks for a place for this attempt.
    pub fn admit(&self, attempt: &AttemptStart) -> Admitted {
        match self.offered_model() {
            Some(model) => admit(&self.engine, model, attempt, &self.canonical),
            None => Admitted::Refused,
        }
    }

    /// How long an attempt may run once it is accepted.
    pub fn attempt_ms(&self) -> u64 {
        let deadlines = &self.engine.deadlines;
        let usual = match self.kind {
            MediaKind::Image => deadlines.image_attempt_ms,
            MediaKind::Video => deadlines.video_attempt_ms,
        };
        // A model can only ask for more: what an operator allows every model, it allows this one.
        self.offered_model().and_then(Model::attempt_ms).map_or(usual, |own| own.max(usual))
    }

    /// Counts the open attempt as failed and says how it is written down.
    pub fn fail_attempt(&mut self, provider: Provider, failure: &ProviderFailure) -> AttemptEnd {
        if let Some(permit) = self.permit.take() {
            permit.fail(failure.code);
        }
        self.engine.metrics.attempt_ended(provider, AttemptOutcome::Failed, Some(failure.code));
        let attempt = self.chain.attempt_order();
        if failure.alert {
            error!(%provider, attempt, code = %failure.code, "{}: an operator must look at this", failure.message);
        } else {
            info!(%provider, attempt, code = %failure.code, in_doubt = failure.is_in_doubt(), "attempt failed");
        }
        AttemptEnd {
            outcome: AttemptOutcome::Failed,
            error: Some(failure.to_error(provider)),
            in_doubt: failure.is_in_doubt(),
        }
    }

    /// Counts the open attempt as the one that made the outputs.
    pub fn use_attempt(&mut self) {
        if let Some(permit) = self.permit.take() {
            permit.succeed();
        }
        if let Some(provider) = self.chain.provider() {
            self.engine.metrics.attempt_ended(provider, AttemptOutcome::Used, None);
        }
        self.ended(GenerationStatus::Succeeded);
    }

    /// Ends the generation as failed, however long the ledger takes to hear it, and says what it is now.
    pub async fn refund(&self, error: PublicError, attempt: Option<AttemptEnd>) -> GenerationStatus {
        let code = error.code;
        let refund = Refund { generation_id: self.generation_id, error, attempt };
        match self.engine.ledger.land(refund).await.map(|landed| landed.answer) {
            Ok(RefundAnswer::Refunded { .. }) => {
                warn!(%code, "generation failed and refunded");
                self.ended(GenerationStatus::Failed);
                GenerationStatus::Failed
            }
            Ok(RefundAnswer::AlreadyRefunded { status }) => status,
            Ok(RefundAnswer::AlreadyCharged) => GenerationStatus::Succeeded,
            Ok(RefundAnswer::NoReservation) => {
                error!("the ledger knows no reservation of a generation that ran");
                GenerationStatus::Failed
            }
            Err(LedgerError::Unavailable | LedgerError::Refused | LedgerError::InDoubt) => {
                error!("the ledger answered a refund with something else");
                GenerationStatus::Failed
            }
        }
    }

    /// Counts the end of the generation.
    pub fn ended(&self, status: GenerationStatus) {
        self.engine.hub.moved(self.generation_id);
        let lived_ms = clock::now().since_ms(self.created_at);
        self.engine.metrics.generation_ended(self.kind, status, clock::millis(lived_ms).as_secs_f64());
    }
}

/// See [`Run::attempt_start`].
pub fn attempt_start(
    engine: &Engine,
    model: &Model,
    provider: Provider,
    canonical: &Canonical,
) -> Option<AttemptStart> {
    if engine.routing.is_off(provider, model.id()) {
        return None;
    }
    let endpoint = engine.endpoints.get(provider)?;
    let native_model = canonical.native_model(model, provider)?.to_owned();
    let estimated_cost = proxy_normalize::provider_cost(model, provider, canonical);
    Some(AttemptStart { provider, native_model, estimated_cost, simulated: endpoint.simulated })
}

/// Asks for a place for this attempt.
pub fn admit(engine: &Engine, model: &Model, attempt: &AttemptStart, canonical: &Canonical) -> Admitted {
    engine.breakers.admit(lane_of(attempt, model.kind()), job_count(model, attempt.provider, canonical))
}

/// What an attempt counts together with.
pub fn lane_of(attempt: &AttemptStart, kind: MediaKind) -> Lane {
    lane(attempt.provider, &attempt.native_model, kind)
}
