//! The top-level code and its retryability, case by case (api contract §6.1, §9 rule 9, §10).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use Provider::{Bfl, Fal, Replicate};
use proxy_normalize::Standing;

use super::*;

fn failure(code: ErrorCode, standing: Standing) -> ProviderFailure {
    ProviderFailure { code, message: "the provider failed".into(), standing, alert: false }
}

const REFUSED: Standing = Standing::Refused { transient: true };

fn after(order: &[Provider], failures: &[ProviderFailure]) -> Chain {
    let mut chain = Chain::new(order.to_vec());
    for failure in failures {
        let provider = chain.provider().unwrap();
        let _ = chain.fail(provider, failure, 0.5);
    }
    chain
}

#[test]
fn one_provider_answers_with_its_own_code() {
    let chain = after(&[Bfl], &[ProviderFailure::connection_refused()]);
    let error = chain.error(false);
    assert_eq!((error.code, error.retryable), (ErrorCode::ProviderUnavailable, true));
    assert_eq!(error.provider_errors.unwrap().len(), 1);
}

#[test]
fn several_providers_answer_that_all_failed_and_doubt_makes_it_final() {
    let refused = failure(ErrorCode::ProviderRateLimited, REFUSED);
    let error = after(&[Bfl, Fal], &[refused.clone(), refused.clone()]).error(false);
    assert_eq!((error.code, error.retryable), (ErrorCode::AllProvidersFailed, true));
    let error = after(&[Bfl, Fal], &[ProviderFailure::timed_out(), refused]).error(false);
    assert_eq!((error.code, error.retryable), (ErrorCode::AllProvidersFailed, false));
}

#[test]
fn what_the_customer_caused_ends_the_chain_and_stays_on_top() {
    for code in [ErrorCode::ProviderContentRejected, ErrorCode::ProviderRejectedInput] {
        let mut chain = after(&[Bfl, Fal, Replicate], &[ProviderFailure::connection_refused()]);
        let next = chain.fail(Fal, &failure(code, Standing::Refused { transient: false }), 0.5);
        assert_eq!(next, Next::Nobody);
        let error = chain.error(false);
        assert_eq!((error.code, error.retryable), (code, false));
        assert_eq!(error.provider_errors.unwrap().len(), 2);
    }
}

#[test]
fn a_repeat_at_one_provider_is_still_one_provider() {
    let mut chain = Chain::new(vec![Bfl]);
    let refused = failure(ErrorCode::ProviderRateLimited, REFUSED);
    assert_eq!(chain.fail(Bfl, &refused, 0.5), Next::Repeat(Bfl, Duration::from_millis(500)));
    chain.started();
    assert_eq!((chain.attempt_order(), chain.provider()), (2, Some(Bfl)));
    assert_eq!(chain.fail(Bfl, &refused, 0.5), Next::Nobody);
    let error = chain.error(false);
    assert_eq!((error.code, error.retryable), (ErrorCode::ProviderRateLimited, true));
    assert_eq!(error.provider_errors.unwrap().len(), 2);
}

#[test]
fn doubt_is_never_repeated() {
    for failure in [ProviderFailure::timed_out(), ProviderFailure::lost()] {
        assert_eq!(Chain::new(vec![Bfl]).fail(Bfl, &failure, 0.5), Next::Nobody);
    }
}

#[test]
fn a_chain_that_ran_out_of_time_says_timeout_or_all_failed() {
    let fault = failure(ErrorCode::ProviderError, Standing::InDoubt);
    assert_eq!(after(&[Bfl, Fal], std::slice::from_ref(&fault)).error(true).code, ErrorCode::ProviderTimeout);
    assert_eq!(after(&[Bfl, Fal, Replicate], &[fault.clone(), fault]).error(true).code, ErrorCode::AllProvidersFailed);
    let untried = Chain::new(vec![Bfl]).error(true);
    assert_eq!((untried.code, untried.retryable), (ErrorCode::ProviderTimeout, false));
}

#[test]
fn a_resumed_chain_knows_its_attempts_and_who_is_next() {
    let ended = EndedAttempt {
        attempt_order: 1,
        provider: Bfl,
        error: Some(ProviderFailure::timed_out().to_error(Bfl)),
        in_doubt: true,
    };
    let mut chain = Chain::resume(vec![Bfl, Fal, Replicate], &[ended], None);
    assert_eq!((chain.attempt_order(), chain.next_attempt_order()), (1, 2));
    assert_eq!(chain.pass(), Next::Try(Fal));
    chain.started();
    assert_eq!(chain.fail(Fal, &ProviderFailure::lost(), 0.5), Next::Try(Replicate));
    assert_eq!(chain.error(false).provider_errors.unwrap().len(), 2);
}
