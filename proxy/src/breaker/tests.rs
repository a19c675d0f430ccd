//! Permits always come back.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use ledger_contract::MediaKind;
use proxy_normalize::lane;

fn breakers() -> Breakers {
    Breakers::new(Arc::new(Metrics::new(&prometheus::Registry::new()).unwrap()))
}

fn at(provider: Provider) -> Lane {
    lane(provider, "any", MediaKind::Image)
}

fn admitted(breakers: &Breakers, provider: Provider) -> Permit {
    match breakers.admit(at(provider), 1) {
        Admitted::Yes(permit) => permit,
        other => panic!("{other:?}"),
    }
}

fn fail(breakers: &Breakers, times: u32) {
    for _ in 0..times {
        admitted(breakers, Provider::Fal).fail(ErrorCode::ProviderError);
    }
}

#[test]
fn a_provider_that_keeps_failing_is_not_admitted_and_others_are() {
    let breakers = breakers();
    fail(&breakers, 10);
    assert_eq!(breakers.state(Provider::Fal), BreakerState::Open);
    assert!(matches!(breakers.admit(at(Provider::Fal), 1), Admitted::Refused));
    drop(admitted(&breakers, Provider::Bfl));
}

#[test]
fn a_permit_that_is_dropped_says_nothing_about_the_provider() {
    let breakers = breakers();
    for _ in 0..20 {
        drop(admitted(&breakers, Provider::Fal));
    }
    assert_eq!(breakers.window(Provider::Fal).total_attempts, 0);
    fail(&breakers, 1);
    breakers.resumed(at(Provider::Fal), 1).succeed();
    let window = breakers.window(Provider::Fal);
    assert_eq!((window.failures, window.successes), (1, 1));
}

#[test]
fn a_full_lane_admits_nobody_and_the_lanes_beside_it_do() {
    let breakers = breakers();
    let places: Vec<_> = (0..24).map(|_| admitted(&breakers, Provider::Bfl)).collect();
    assert!(matches!(breakers.admit(at(Provider::Bfl), 1), Admitted::Full));
    let other = lane(Provider::Bfl, "flux-kontext-max", MediaKind::Image);
    assert!(matches!(breakers.admit(other, 4), Admitted::Yes(_)));
    drop(places);
    drop(admitted(&breakers, Provider::Bfl));
}

#[test]
fn a_refused_attempt_leaves_no_place_taken() {
    let breakers = breakers();
    for _ in 0..10 {
        admitted(&breakers, Provider::Bfl).fail(ErrorCode::ProviderError);
    }
    for _ in 0..30 {
        assert!(matches!(breakers.admit(at(Provider::Bfl), 1), Admitted::Refused));
    }
}

#[tokio::test]
async fn whoever_waits_for_a_place_is_woken_when_one_is_given_back() {
    let breakers = breakers();
    let permit = admitted(&breakers, Provider::Fal);
    let mut freed = std::pin::pin!(breakers.freed());
    freed.as_mut().enable();
    permit.fail(ErrorCode::ProviderRateLimited);
    freed.await;
}
