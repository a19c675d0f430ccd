//! Permits always come back.
#![allow(clippy::unwrap_used)]

use super::*;

fn breakers() -> Breakers {
    Breakers::new(Arc::new(Metrics::new(&prometheus::Registry::new()).unwrap()))
}

fn fail(breakers: &Breakers, times: u32) {
    for _ in 0..times {
        breakers.admit(Provider::Fal).unwrap().settle(Verdict::Failure);
    }
}

#[test]
fn a_provider_that_keeps_failing_is_not_admitted_and_others_are() {
    let breakers = breakers();
    fail(&breakers, 10);
    assert_eq!(breakers.state(Provider::Fal), BreakerState::Open);
    assert!(breakers.admit(Provider::Fal).is_none());
    assert!(breakers.admit(Provider::Bfl).is_some());
}

#[test]
fn a_permit_that_is_dropped_says_nothing_about_the_provider() {
    let breakers = breakers();
    for _ in 0..20 {
        drop(breakers.admit(Provider::Fal));
    }
    assert_eq!(breakers.window(Provider::Fal).total_attempts, 0);
    fail(&breakers, 1);
    breakers.resumed(Provider::Fal).settle(Verdict::Success);
    let window = breakers.window(Provider::Fal);
    assert_eq!((window.failures, window.successes), (1, 1));
}
