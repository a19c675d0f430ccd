//! The refund that ends a generation whose process is gone. Pure.

use ledger_contract::{
    AttemptOutcome, ErrorCode, ProviderError, PublicError,
    command::{AttemptEnd, Refund, in_doubt_error},
    generation::{OpenAttempt, OpenGeneration},
};

/// Why recovery ends a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// `pending`: a provider may or may not have been reached.
    Abandoned,
    /// Its time was over and nobody ended it.
    Overdue,
}

impl Why {
    /// The label in metrics and logs.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Abandoned => "abandoned",
            Self::Overdue => "overdue",
        }
    }

    fn error(self) -> PublicError {
        match self {
            Self::Abandoned => in_doubt_error(),
            Self::Overdue => PublicError::new(ErrorCode::ProviderTimeout, "The generation did not end in time"),
        }
    }
}

/// Fails the generation, and its open attempt as in doubt: the provider may run the job all the same.
pub(super) fn refund(why: Why, generation: &OpenGeneration) -> Refund {
    let mut error = why.error();
    let open = generation.open.as_ref().map(|attempt| attempt_error(&error, attempt));
    let ended = generation.ended.iter().filter_map(|attempt| attempt.error.clone());
    let tried: Vec<_> = ended.chain(open.clone()).collect();
    error.provider_errors = (!tried.is_empty()).then_some(tried);
    let attempt = open.map(|error| AttemptEnd { outcome: AttemptOutcome::Failed, error: Some(error), in_doubt: true });
    Refund { generation_id: generation.generation_id, error, attempt }
}

fn attempt_error(error: &PublicError, attempt: &OpenAttempt) -> ProviderError {
    ProviderError {
        provider: attempt.start.provider,
        code: error.code,
        kind: error.kind.clone(),
        message: error.message.clone(),
        retryable: false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use ledger_contract::{
        AccountId, GenerationId, GenerationStatus, MediaKind, MicroUsd, Plan, Provider, Timestamp,
        generation::{AttemptStart, EndedAttempt},
    };
    use uuid::Uuid;

    use super::*;

    fn left_behind() -> OpenGeneration {
        let refusal = PublicError::new(ErrorCode::ProviderUnavailable, "down");
        let start = |provider| AttemptStart {
            provider,
            native_model: "n".to_owned(),
            estimated_cost: MicroUsd(1),
            simulated: true,
        };
        let open = OpenAttempt {
            attempt_order: 2,
            start: start(Provider::Fal),
            submitted_at: Timestamp(1),
            accepted_at: None,
            handle: None,
        };
        let refused = attempt_error(&refusal, &OpenAttempt { start: start(Provider::Replicate), ..open.clone() });
        let ended =
            EndedAttempt { attempt_order: 1, provider: Provider::Replicate, error: Some(refused), in_doubt: false };
        OpenGeneration {
            generation_id: GenerationId(Uuid::nil()),
            account_id: AccountId(Uuid::nil()),
            plan: Plan::Free,
            model: "m".to_owned(),
            kind: MediaKind::Image,
            request: serde_json::Map::new(),
            provider_order: vec![Provider::Replicate, Provider::Fal],
            status: GenerationStatus::Pending,
            created_at: Timestamp(0),
            deadline_at: Timestamp(2),
            ended: vec![ended],
            open: Some(open),
        }
    }

    #[test]
    fn the_open_attempt_ends_in_doubt_and_the_answer_names_every_try() {
        let refund = refund(Why::Abandoned, &left_behind());
        let tried = refund.error.provider_errors.unwrap();
        let named: Vec<_> = tried.iter().map(|error| (error.provider, error.code)).collect();
        let expected =
            [(Provider::Replicate, ErrorCode::ProviderUnavailable), (Provider::Fal, ErrorCode::ProviderError)];
        assert_eq!(named, expected);
        assert!(!refund.error.retryable, "something may still run");
        let end = refund.attempt.unwrap();
        assert!(end.in_doubt && end.outcome == AttemptOutcome::Failed);
    }

    #[test]
    fn a_generation_without_an_open_attempt_only_ends() {
        let generation = OpenGeneration { open: None, ended: vec![], ..left_behind() };
        let refund = refund(Why::Overdue, &generation);
        assert_eq!((refund.error.code, refund.error.provider_errors), (ErrorCode::ProviderTimeout, None));
        assert_eq!(refund.attempt, None);
    }
}
