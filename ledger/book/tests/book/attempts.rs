//! Attempts: one open at a time, counted from one, final once resolved.

use ledger_contract::{
    AttemptOutcome::{Cancelled, Discarded, Failed, Pending, Used},
    GenerationStatus, Provider,
    command::{AcceptAttempt, AttemptAnswer, StartAttempt},
};

use crate::{
    commands::{accept, cancel, finish, generation, refund, reserve, start, start_of},
    world::World,
};

fn reserved() -> World {
    let mut world = World::with_credits(1_000);
    world.ask(reserve(1));
    world
}

#[test]
fn the_first_acceptance_starts_processing_and_later_ones_only_move_the_prediction_id() {
    let mut world = reserved();
    world.now = world.now.plus_ms(40);
    assert_eq!(world.ask(accept(1, 1)), AttemptAnswer::Done);
    let first = world.now;
    world.ask(finish(1, 1, Failed));
    world.ask(start(1, 2));
    world.now = world.now.plus_ms(40);
    assert_eq!(world.ask(accept(1, 2)), AttemptAnswer::Done);
    assert_eq!(world.generation(1).status, GenerationStatus::Processing);
    let record = world.generation(1).record.as_ref().unwrap();
    assert_eq!(record.started_at, Some(first));
    assert_eq!(record.prediction_id.as_deref(), Some("job-2"));
}

#[test]
fn an_acceptance_said_twice_is_already_done_and_another_job_for_it_is_a_conflict() {
    let mut world = reserved();
    world.ask(accept(1, 1));
    assert_eq!(world.ask(accept(1, 1)), AttemptAnswer::AlreadyDone);
    let other = AcceptAttempt { prediction_id: "another".into(), ..accept(1, 1) };
    assert_eq!(world.ask(other), AttemptAnswer::Conflict);
}

#[test]
fn a_resolved_attempt_is_not_accepted_any_more() {
    let mut world = reserved();
    world.ask(finish(1, 1, Failed));
    assert_eq!(world.ask(accept(1, 1)), AttemptAnswer::Conflict);
    assert_eq!(world.generation(1).status, GenerationStatus::Pending);
}

#[test]
fn the_next_attempt_starts_only_after_the_last_one_ended_and_counts_on() {
    let mut world = reserved();
    assert_eq!(world.ask(start(1, 2)), AttemptAnswer::Conflict);
    world.ask(finish(1, 1, Failed));
    for wrong in [0, 3, u32::MAX] {
        assert_eq!(world.ask(start(1, wrong)), AttemptAnswer::Conflict, "{wrong}");
    }
    assert_eq!(world.ask(start(1, 2)), AttemptAnswer::Done);
    assert_eq!(world.ask(start(1, 2)), AttemptAnswer::AlreadyDone);
}

#[test]
fn a_start_that_differs_or_whose_attempt_is_resolved_is_a_conflict() {
    let mut world = reserved();
    let again = StartAttempt { start: start_of(Provider::Replicate), ..start(1, 1) };
    assert_eq!(world.ask(again.clone()), AttemptAnswer::AlreadyDone);
    assert_eq!(world.ask(start(1, 1)), AttemptAnswer::Conflict);
    world.ask(finish(1, 1, Failed));
    assert_eq!(world.ask(again), AttemptAnswer::Conflict);
}

#[test]
fn an_ended_attempt_keeps_its_reason_and_loses_its_handle() {
    let mut world = reserved();
    world.ask(accept(1, 1));
    assert_eq!(world.ask(finish(1, 1, Failed)), AttemptAnswer::Done);
    let attempt = world.attempt(1, 1);
    assert_eq!((attempt.outcome, attempt.resolved_at), (Failed, Some(world.now)));
    assert_eq!(attempt.handle, None);
    assert!(attempt.error.is_some());
    assert_eq!(world.generation(1).status, GenerationStatus::Processing);
}

#[test]
fn an_outcome_is_final_except_that_failed_and_cancelled_become_discarded() {
    for first in [Failed, Cancelled, Discarded] {
        let mut world = reserved();
        world.ask(finish(1, 1, first));
        assert_eq!(world.ask(finish(1, 1, first)), AttemptAnswer::AlreadyDone);
        for second in [Failed, Cancelled] {
            if first != second {
                assert_eq!(world.ask(finish(1, 1, second)), AttemptAnswer::Conflict, "{first} {second}");
            }
        }
        let late = if first == Discarded { AttemptAnswer::AlreadyDone } else { AttemptAnswer::Done };
        assert_eq!(world.ask(finish(1, 1, Discarded)), late);
        assert_eq!(world.attempt(1, 1).outcome, Discarded);
    }
}

#[test]
fn an_attempt_is_never_finished_as_pending_or_used() {
    let mut world = reserved();
    for outcome in [Pending, Used] {
        assert_eq!(world.ask(finish(1, 1, outcome)), AttemptAnswer::Conflict);
    }
    assert_eq!(world.attempt(1, 1).outcome, Pending);
}

#[test]
fn after_the_end_nothing_starts_or_is_accepted_but_a_late_result_is_discarded() {
    let mut world = reserved();
    world.ask(cancel(1));
    let ended = AttemptAnswer::Ended { status: GenerationStatus::Canceled };
    assert_eq!(world.ask(start(1, 2)), ended);
    assert_eq!(world.ask(accept(1, 1)), ended);
    assert_eq!(world.ask(finish(1, 1, Failed)), ended);
    assert_eq!(world.ask(finish(1, 1, Discarded)), AttemptAnswer::Done);
    assert_eq!(world.attempt(1, 1).outcome, Discarded);
}

#[test]
fn unknown_generations_and_attempts_are_missing() {
    let mut world = reserved();
    assert_eq!(world.ask(start(9, 1)), AttemptAnswer::Missing);
    assert_eq!(world.ask(accept(9, 1)), AttemptAnswer::Missing);
    assert_eq!(world.ask(finish(9, 1, Failed)), AttemptAnswer::Missing);
    assert_eq!(world.ask(accept(1, 2)), AttemptAnswer::Missing);
    assert_eq!(world.ask(finish(1, 2, Failed)), AttemptAnswer::Missing);
    assert!(world.book.generation(generation(9)).is_none());
}

#[test]
fn a_clock_that_steps_back_never_ends_an_attempt_before_it_began() {
    let mut world = reserved();
    let began = world.now;
    world.now = world.now.plus_ms(-60_000);
    world.ask(accept(1, 1));
    world.ask(refund(1, false));
    let attempt = world.attempt(1, 1);
    assert_eq!((attempt.accepted_at, attempt.resolved_at), (Some(began), Some(began)));
    assert_eq!(world.generation(1).record.as_ref().unwrap().completed_at, Some(began));
}
