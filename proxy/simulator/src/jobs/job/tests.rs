//! The states of one job over time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

fn job(outcome: Outcome, cancel_after_ms: Option<i64>) -> Job {
    let draft = Draft {
        id: "id".to_owned(),
        provider: Provider::Replicate,
        model: "model".to_owned(),
        input: Value::Null,
        outcome,
        problems: Vec::new(),
        accepted_at_ms: 1_000,
        queue_ms: 100,
        run_ms: 900,
        max_running: None,
        cancel_after_ms,
        token: "token".to_owned(),
        seed: 0,
        artworks: Vec::new(),
        callback: None,
        fault: None,
    };
    draft.into_job(0)
}

#[test]
fn a_job_waits_runs_and_ends_by_the_clock_alone() {
    let job = job(Outcome::Succeed, None);
    assert_eq!(job.stage(1_099), Stage::Queued);
    assert_eq!(job.stage(1_100), Stage::Running);
    assert_eq!(job.stage(1_999), Stage::Running);
    assert_eq!(job.stage(2_000), Stage::Ended(Outcome::Succeed));
    assert_eq!((job.ran_ms(1_500), job.ran_ms(9_000)), (400, 900));
}

#[test]
fn a_job_that_never_finishes_ends_by_cancellation_only() {
    let mut job = job(Outcome::Never, None);
    assert_eq!(job.stage(i64::MAX), Stage::Running);
    job.cancelled_at_ms = Some(5_000);
    assert_eq!((job.stage(4_999), job.stage(5_000)), (Stage::Running, Stage::Cancelled));
}

#[test]
fn a_callers_deadline_tells_waiting_from_running() {
    assert_eq!(job(Outcome::Succeed, Some(50)).stage(9_000), Stage::Expired { begun: false });
    assert_eq!(job(Outcome::Succeed, Some(500)).stage(9_000), Stage::Expired { begun: true });
    assert_eq!(job(Outcome::Succeed, Some(5_000)).stage(9_000), Stage::Ended(Outcome::Succeed));
}
