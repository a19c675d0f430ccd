//! The breaker's numbers, one rule a test.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use Verdict::{Failure, Neutral, Success};
use ledger_contract::{ErrorCode, Timestamp};
use proptest::prelude::*;
use proxy_route::{Admission, Breaker, BreakerState, Verdict, verdict};

const START: Timestamp = Timestamp(1_779_874_860_123);

fn after(millis: i64) -> Timestamp {
    START.plus_ms(millis)
}

fn fed(verdicts: &[Verdict]) -> Breaker {
    let mut breaker = Breaker::new();
    for verdict in verdicts {
        breaker.record(START, *verdict, false);
    }
    breaker
}

fn opened() -> Breaker {
    let breaker = fed(&[Failure; 10]);
    assert_eq!(breaker.state(START), BreakerState::Open);
    breaker
}

fn probe(breaker: &mut Breaker, now: Timestamp, verdict: Verdict) {
    assert_eq!(breaker.admit(now), Admission::Probe);
    breaker.record(now, verdict, true);
}

#[test]
fn nine_failures_do_not_open_and_the_tenth_does() {
    assert_eq!(fed(&[Failure; 9]).state(START), BreakerState::Closed);
    assert_eq!(fed(&[Failure; 10]).state(START), BreakerState::Open);
}

#[test]
fn half_of_ten_opens_and_less_than_half_does_not() {
    let half = [[Success; 5], [Failure; 5]].concat();
    let half_other_way_round = [[Failure; 5], [Success; 5]].concat();
    let less = [vec![Success; 6], vec![Failure; 5]].concat();
    assert_eq!(fed(&half).state(START), BreakerState::Open);
    assert_eq!(fed(&half_other_way_round).state(START), BreakerState::Open);
    assert_eq!(fed(&less).state(START), BreakerState::Closed);
}

#[test]
fn what_customers_cause_counts_neither_way() {
    let breaker = fed(&[[Failure; 9].to_vec(), vec![Neutral; 50]].concat());
    assert_eq!(breaker.state(START), BreakerState::Closed);
    assert_eq!(breaker.window(START).total_attempts, 9);
    for code in ErrorCode::ALL {
        let counted = matches!(code.code(), "BSE4001" | "BSE4002" | "BSE4003" | "BSE4004" | "BSE4005");
        assert_eq!(verdict(*code) == Failure, counted, "{code}");
        assert_ne!(verdict(*code), Success, "{code}");
    }
}

#[test]
fn failures_older_than_five_minutes_are_forgotten() {
    let mut breaker = fed(&[Failure; 9]);
    breaker.record(after(301_000), Failure, false);
    assert_eq!(breaker.state(after(301_000)), BreakerState::Closed);
    assert_eq!(breaker.window(after(301_000)).failures, 1);
    assert_eq!(breaker.window(START).duration_seconds, 300);
}

#[test]
fn an_open_breaker_refuses_for_thirty_seconds_and_then_lets_one_probe_through() {
    let mut breaker = opened();
    assert_eq!(breaker.admit(after(29_999)), Admission::Refused);
    assert_eq!(breaker.state(after(30_000)), BreakerState::HalfOpen);
    assert!(breaker.would_admit(after(30_000)));
    assert_eq!(breaker.admit(after(30_000)), Admission::Probe);
    assert!(!breaker.would_admit(after(30_000)));
    assert_eq!(breaker.admit(after(30_001)), Admission::Refused);
}

#[test]
fn three_successful_probes_close_it_and_old_failures_do_not_open_it_again() {
    let mut breaker = opened();
    for _ in 0..2 {
        probe(&mut breaker, after(30_000), Success);
        assert_eq!(breaker.state(after(30_000)), BreakerState::HalfOpen);
    }
    probe(&mut breaker, after(30_000), Success);
    assert_eq!(breaker.state(after(30_000)), BreakerState::Closed);
    breaker.record(after(30_001), Failure, false);
    assert_eq!(breaker.state(after(30_001)), BreakerState::Closed);
    assert_eq!(breaker.window(after(30_001)).successes, 3);
}

#[test]
fn a_failed_probe_opens_it_again_and_the_count_starts_over() {
    let mut breaker = opened();
    probe(&mut breaker, after(30_000), Success);
    probe(&mut breaker, after(30_000), Success);
    probe(&mut breaker, after(31_000), Failure);
    assert_eq!(breaker.admit(after(60_999)), Admission::Refused);
    probe(&mut breaker, after(61_000), Success);
    probe(&mut breaker, after(61_000), Success);
    assert_eq!(breaker.state(after(61_000)), BreakerState::HalfOpen);
    probe(&mut breaker, after(61_000), Success);
    assert_eq!(breaker.state(after(61_000)), BreakerState::Closed);
}

#[test]
fn a_neutral_probe_gives_the_probe_back_and_keeps_the_count() {
    let mut breaker = opened();
    probe(&mut breaker, after(30_000), Success);
    probe(&mut breaker, after(30_000), Neutral);
    probe(&mut breaker, after(30_000), Success);
    probe(&mut breaker, after(30_000), Success);
    assert_eq!(breaker.state(after(30_000)), BreakerState::Closed);
}

#[test]
fn attempts_from_before_it_opened_do_not_move_it() {
    let mut breaker = opened();
    breaker.record(after(20_000), Failure, false);
    assert_eq!(breaker.admit(after(30_000)), Admission::Probe);
    breaker.record(after(30_001), Failure, false);
    breaker.record(after(30_001), Success, false);
    assert_eq!(breaker.state(after(30_001)), BreakerState::HalfOpen);
    assert_eq!(breaker.admit(after(30_001)), Admission::Refused);
}

#[test]
fn a_lost_probe_does_not_keep_a_provider_out_for_ever() {
    let mut breaker = opened();
    assert_eq!(breaker.admit(after(30_000)), Admission::Probe);
    assert_eq!(breaker.admit(after(1_229_999)), Admission::Refused);
    assert_eq!(breaker.admit(after(1_230_000)), Admission::Probe);
}

fn any_verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![Just(Success), Just(Failure), Just(Neutral)]
}

proptest! {
    #[test]
    fn at_most_one_probe_is_out_and_a_refusal_means_open_or_probing(
        steps in proptest::collection::vec((0_i64..40_000, any_verdict(), any::<bool>()), 1..400)
    ) {
        let mut breaker = Breaker::new();
        let (mut now, mut probing, mut running) = (START, false, 0_u32);
        for (pause, verdict, start) in steps {
            now = now.plus_ms(pause / 20);
            if start || (running == 0 && !probing) {
                let state = breaker.state(now);
                match breaker.admit(now) {
                    Admission::Normal => { prop_assert_eq!(state, BreakerState::Closed); running += 1; }
                    Admission::Probe => { prop_assert_eq!(state, BreakerState::HalfOpen); prop_assert!(!probing); probing = true; }
                    Admission::Refused => prop_assert!(state == BreakerState::Open || probing),
                }
            } else {
                breaker.record(now, verdict, probing);
                if probing { probing = false; } else { running -= 1; }
            }
            let window = breaker.window(now);
            prop_assert_eq!(window.total_attempts, window.failures + window.successes);
        }
    }
}
