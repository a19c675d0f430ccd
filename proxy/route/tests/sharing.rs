//! Processes of one region share their breakers: what one learns, all know; only one of them probes.
#![allow(missing_docs)]

use ledger_contract::Timestamp;
use proxy_route::{Admission, Breaker, BreakerState, Heard, Verdict};

const NOW: Timestamp = Timestamp(1_000_000);

fn fail(breaker: &mut Breaker, times: u32) {
    for _ in 0..times {
        let probe = breaker.admit(NOW) == Admission::Probe;
        breaker.record(NOW, Verdict::Failure, probe);
    }
}

/// What `listener` hears of `speaker`.
fn heard(speaker: &Breaker, now: Timestamp, may_probe: bool) -> Heard {
    let report = speaker.report(now);
    let (changed_at, open_until) = (report.changed_at, report.open_until);
    Heard { changed_at, open_until, attempts: report.attempts, failures: report.failures, may_probe }
}

#[test]
fn failures_of_several_processes_open_together_what_none_would_open_alone() {
    let (mut one, mut other) = (Breaker::new(), Breaker::new());
    fail(&mut one, 6);
    fail(&mut other, 6);
    assert_eq!((one.state(NOW), other.state(NOW)), (BreakerState::Closed, BreakerState::Closed));
    one.hear(NOW, &heard(&other, NOW, true));
    assert_eq!(one.state(NOW), BreakerState::Open);
    assert_eq!(one.window(NOW).total_attempts, 12);
}

#[test]
fn an_opening_is_taken_over_with_its_end() {
    let (mut one, mut other) = (Breaker::new(), Breaker::new());
    fail(&mut one, 10);
    let later = NOW.plus_ms(20_000);
    other.hear(later, &heard(&one, later, true));
    assert_eq!(other.state(later), BreakerState::Open);
    assert_eq!(other.state(NOW.plus_ms(30_000)), BreakerState::HalfOpen);
}

#[test]
fn only_the_process_that_may_probe_does_and_its_closing_is_taken_over() {
    let (mut one, mut other) = (Breaker::new(), Breaker::new());
    fail(&mut one, 10);
    other.hear(NOW, &heard(&one, NOW, false));
    let open = NOW.plus_ms(30_000);
    other.hear(open, &heard(&one, open, false));
    assert_eq!(other.admit(open), Admission::Refused);
    for _ in 0..3 {
        assert_eq!(one.admit(open), Admission::Probe);
        one.record(open, Verdict::Success, true);
    }
    assert_eq!(one.state(open), BreakerState::Closed);
    other.hear(open, &heard(&one, open, false));
    assert_eq!(other.admit(open), Admission::Normal);
    // What was said before the closing changes nothing.
    one.hear(open, &Heard { changed_at: NOW, open_until: Some(NOW), attempts: 0, failures: 0, may_probe: true });
    assert_eq!(one.state(open), BreakerState::Closed);
}

#[test]
fn a_process_that_hears_nobody_judges_by_itself() {
    let mut one = Breaker::new();
    fail(&mut one, 5);
    one.hear(NOW, &Heard { changed_at: Timestamp(0), open_until: None, attempts: 4, failures: 4, may_probe: false });
    one.alone();
    assert_eq!(one.window(NOW).total_attempts, 5);
    fail(&mut one, 5);
    assert_eq!(one.admit(NOW.plus_ms(30_000)), Admission::Probe);
}
