//! What happens after acceptance: failover, deadlines, takeover, cancellation.

use crate::world::{Behaviour, Fault, POLLED, SYNCHRONOUS, World, short_deadlines};
use ledger_contract::{
    ErrorCode, GenerationId, GenerationStatus, MediaKind, MicroUsd, Plan, Provider, Timestamp,
    command::{Answer, CancelAnswer, ChargeAnswer, Command, DeleteAnswer},
    generation::{AttemptStart, OpenAttempt, OpenGeneration, Output},
};
use proxy::{
    clock,
    config::Deadlines,
    engine::{cancel, delete},
};
use serde_json::{Value, json};
use uuid::Uuid;

fn open_generation(world: &World, model: &str, order: &[Provider], handle: Option<Value>) -> OpenGeneration {
    let now = clock::now();
    let start =
        AttemptStart { provider: order[0], native_model: "m".into(), estimated_cost: MicroUsd(1), simulated: false };
    OpenGeneration {
        generation_id: GenerationId(Uuid::now_v7()),
        account_id: world.caller.account_id,
        plan: Plan::Free,
        model: model.into(),
        kind: MediaKind::Image,
        request: serde_json::from_value(json!({
            "generation_prompt": "x", "generation_ratio": "1:1", "generation_output_format": "png",
            "generation_output_number": 1,
        }))
        .unwrap(),
        provider_order: order.to_vec(),
        status: GenerationStatus::Processing,
        created_at: now,
        deadline_at: now.plus_ms(8_000),
        ended: Vec::new(),
        open: Some(OpenAttempt {
            attempt_order: 1,
            start,
            submitted_at: now,
            accepted_at: handle.as_ref().map(|_| now),
            handle,
        }),
    }
}

/// The handle that the engine itself wrote for an accepted job.
async fn written_handle(world: &World, model: &str, order: &str) -> Value {
    assert_eq!(world.create(model, order).await.status(), 200);
    world.told(&["AcceptAttempt"]).await;
    let accepted = world.book.commands().into_iter().find_map(|command| match command {
        Command::AcceptAttempt(accept) => Some(accept.handle),
        _ => None,
    });
    accepted.unwrap()
}

fn finished(world: &World) -> Vec<(u32, bool)> {
    let ends = world.book.commands().into_iter().filter_map(|command| match command {
        Command::FinishAttempt(finish) => Some((finish.attempt_order, finish.end.in_doubt)),
        _ => None,
    });
    ends.collect()
}

#[tokio::test]
async fn a_job_that_fails_after_acceptance_moves_to_the_next_provider() {
    let world = World::new().await;
    world.stage.set(Provider::Replicate, Behaviour::Fails);
    assert_eq!(world.create(POLLED, "replicate, bfl").await.status(), 200);
    world.told(&["AcceptAttempt", "FinishAttempt", "StartAttempt", "AcceptAttempt", "Charge"]).await;
    assert_eq!(finished(&world), [(1, false)]);
}

#[tokio::test]
async fn an_output_of_the_wrong_kind_is_the_providers_failure() {
    let world = World::new().await;
    world.stage.set(Provider::Replicate, Behaviour::Garbage);
    assert_eq!(world.create(POLLED, "replicate, bfl").await.status(), 200);
    world.told(&["AcceptAttempt", "FinishAttempt", "StartAttempt", "AcceptAttempt", "Charge"]).await;
    assert_eq!(world.files(), 1);
}

#[tokio::test]
async fn a_job_past_its_deadline_is_cancelled_upstream_and_fails_over() {
    let world = World::with(Deadlines { image_attempt_ms: 1_500, ..short_deadlines() }).await;
    world.stage.set(Provider::Replicate, Behaviour::NeverEnds);
    assert_eq!(world.create(POLLED, "replicate, bfl").await.status(), 200);
    world.told(&["AcceptAttempt", "FinishAttempt", "StartAttempt", "AcceptAttempt", "Charge"]).await;
    assert_eq!(world.stage.cancels(), ["r1"]);
    assert_eq!(finished(&world), [(1, true)]);
}

#[tokio::test]
async fn a_chain_that_is_used_up_after_acceptance_is_refunded() {
    let world = World::new().await;
    world.stage.set(Provider::Replicate, Behaviour::Fails);
    world.stage.set(Provider::Bfl, Behaviour::Fails);
    assert_eq!(world.create(POLLED, "replicate, bfl").await.status(), 200);
    world.told(&["Refund"]).await;
    let refund = world.book.refund().unwrap();
    assert_eq!(refund.error.code, ErrorCode::AllProvidersFailed);
    assert_eq!(refund.error.provider_errors.unwrap().len(), 2);
    assert!(!world.book.names().contains(&"Charge"));
}

#[tokio::test]
async fn a_charge_whose_answer_is_lost_is_said_again_and_keeps_its_files() {
    let world = World::new().await;
    world.stage.set(Provider::Bfl, Behaviour::NeverEnds);
    assert_eq!(world.create(POLLED, "bfl").await.status(), 200);
    world.told(&["AcceptAttempt"]).await;
    world.book.fail(Fault::Lost);
    world.book.answer("Charge", Answer::Charge(ChargeAnswer::Charged { balance: ledger_contract::Credits(1) }));
    world.book.answer("Charge", Answer::Charge(ChargeAnswer::AlreadyCharged));
    world.stage.set(Provider::Bfl, Behaviour::Works);
    world.told(&["Charge", "Charge"]).await;
    crate::world::eventually(|| world.engine.running.is_empty(), || "still followed".into()).await;
    assert_eq!(world.files(), 1);
}

#[tokio::test]
async fn a_result_that_comes_after_the_end_leaves_no_file_behind() {
    let world = World::new().await;
    let ended = ChargeAnswer::Ended { status: GenerationStatus::Canceled };
    world.book.answer("Charge", Answer::Charge(ended));
    assert_eq!(world.create(POLLED, "bfl").await.status(), 200);
    world.told(&["Charge"]).await;
    crate::world::eventually(|| world.engine.running.is_empty(), || "still followed".into()).await;
    assert_eq!(world.files(), 0);
}

#[tokio::test]
async fn a_job_of_a_gone_process_is_asked_for_and_charged() {
    let world = World::new().await;
    let handle = written_handle(&world, POLLED, "bfl").await;
    world.told(&["Charge"]).await;
    world.book.hand_over(open_generation(&world, POLLED, &[Provider::Bfl], Some(handle)));
    world.told(&["Charge", "Charge"]).await;
    assert_eq!(world.stage.submissions(), [Provider::Bfl], "nothing is submitted again");
}

#[tokio::test]
async fn a_synchronous_call_of_a_gone_process_fails_in_doubt_and_the_chain_moves_on() {
    let world = World::new().await;
    let handle = written_handle(&world, SYNCHRONOUS, "cloudflare").await;
    world.told(&["Charge"]).await;
    let order = [Provider::Cloudflare, Provider::Replicate];
    world.book.hand_over(open_generation(&world, SYNCHRONOUS, &order, Some(handle)));
    world.told(&["Charge", "FinishAttempt", "StartAttempt", "AcceptAttempt", "Charge"]).await;
    assert_eq!(finished(&world), [(1, true)]);
    assert_eq!(world.stage.submissions(), [Provider::Cloudflare, Provider::Replicate]);
}

#[tokio::test]
async fn an_attempt_that_never_got_an_answer_fails_in_doubt() {
    let world = World::new().await;
    world.book.hand_over(open_generation(&world, POLLED, &[Provider::Bfl], None));
    world.told(&["Refund"]).await;
    let refund = world.book.refund().unwrap();
    assert_eq!((refund.error.code, refund.error.retryable), (ErrorCode::ProviderError, false));
    assert!(refund.attempt.unwrap().in_doubt);
    assert!(world.stage.submissions().is_empty());
}

#[tokio::test]
async fn a_generation_between_two_attempts_goes_on_with_the_next() {
    let world = World::new().await;
    let mut generation = open_generation(&world, POLLED, &[Provider::Replicate, Provider::Bfl], None);
    let open = generation.open.take().unwrap();
    generation.ended = vec![ledger_contract::generation::EndedAttempt {
        attempt_order: 1,
        provider: open.start.provider,
        error: None,
        in_doubt: false,
    }];
    world.book.hand_over(generation);
    world.told(&["StartAttempt", "AcceptAttempt", "Charge"]).await;
    assert_eq!(world.stage.submissions(), [Provider::Bfl]);
}

#[tokio::test]
async fn a_generation_past_its_deadline_is_refunded() {
    let world = World::new().await;
    world.stage.set(Provider::Bfl, Behaviour::NeverEnds);
    let handle = written_handle(&world, POLLED, "bfl").await;
    let mut late = open_generation(&world, POLLED, &[Provider::Bfl, Provider::Replicate], Some(handle));
    late.deadline_at = Timestamp(1);
    let id = late.generation_id;
    world.book.hand_over(late);
    let refund = || {
        world.book.commands().into_iter().find_map(|command| match command {
            Command::Refund(refund) if refund.generation_id == id => Some(refund),
            _ => None,
        })
    };
    crate::world::eventually(|| refund().is_some(), || format!("{:?}", world.book.names())).await;
    assert_eq!(refund().unwrap().error.code, ErrorCode::ProviderTimeout);
}

#[tokio::test]
async fn a_cancel_stops_following_and_the_upstream_job() {
    let world = World::new().await;
    world.stage.set(Provider::Replicate, Behaviour::NeverEnds);
    let handle = written_handle(&world, POLLED, "replicate").await;
    let open = open_generation(&world, POLLED, &[Provider::Replicate], Some(handle)).open;
    let id = world.engine.running.iter().next().unwrap().key().to_string();
    world.book.answer("Cancel", Answer::Cancel(CancelAnswer::Canceled { open }));
    let reply = cancel(&world.engine, world.caller, &id).await;
    let expected = json!({
        "generation_id": id, "generation_status": "canceled", "provider_cancel_sent": true, "credits_refunded": true,
    });
    assert_eq!(reply.outcome.unwrap().data, expected);
    assert_eq!(world.stage.cancels(), ["r1"]);
    crate::world::eventually(|| world.engine.running.is_empty(), || "still followed".into()).await;
}

#[tokio::test]
async fn a_cancel_says_what_can_not_be_canceled() {
    let world = World::new().await;
    let id = Uuid::now_v7().to_string();
    let status = GenerationStatus::Succeeded;
    world.book.answer("Cancel", Answer::Cancel(CancelAnswer::NotCancelable { status }));
    let error = cancel(&world.engine, world.caller, &id).await.outcome.unwrap_err().error;
    assert_eq!(error.code, ErrorCode::GenerationNotCancelable);
    assert_eq!(error.details.unwrap()["generation_status"], "succeeded");
    world.book.answer("Cancel", Answer::Cancel(CancelAnswer::NotFound));
    for unknown in [id.as_str(), "not-a-uuid"] {
        let error = cancel(&world.engine, world.caller, unknown).await.outcome.unwrap_err().error;
        assert_eq!(error.code, ErrorCode::GenerationNotFound);
    }
}

#[tokio::test]
async fn a_cancel_whose_answer_was_lost_is_recognised_when_said_again() {
    let world = World::new().await;
    world.book.fail(Fault::Lost);
    world.book.answer("Cancel", Answer::Cancel(CancelAnswer::Canceled { open: None }));
    let status = GenerationStatus::Canceled;
    world.book.answer("Cancel", Answer::Cancel(CancelAnswer::NotCancelable { status }));
    let reply = cancel(&world.engine, world.caller, &Uuid::now_v7().to_string()).await;
    assert_eq!(reply.outcome.unwrap().data["generation_status"], "canceled");
}

#[tokio::test]
async fn a_delete_counts_the_files_it_removed() {
    let world = World::new().await;
    assert_eq!(world.create(POLLED, "bfl").await.status(), 200);
    world.told(&["Charge"]).await;
    let Some(Command::Charge(charge)) = world.book.commands().pop() else { panic!("no charge") };
    let gone = Output { key: "aa/gone.png".into(), content_type: "image/png".into(), bytes: 1 };
    let outputs = charge.outputs.into_iter().chain([gone]).collect();
    world.book.answer("Delete", Answer::Delete(DeleteAnswer::Deleted { outputs, open: None }));
    let reply = delete(&world.engine, world.caller, &charge.generation_id.to_string()).await;
    assert_eq!(reply.outcome.unwrap().data["files_deleted"], 1);
    assert_eq!(world.files(), 0);
}

#[tokio::test]
async fn a_drain_waits_for_creates_and_not_for_what_is_followed() {
    let world = World::new().await;
    world.stage.set(Provider::Bfl, Behaviour::NeverEnds);
    assert_eq!(world.create(POLLED, "bfl").await.status(), 200);
    world.told(&["AcceptAttempt"]).await;
    let started = std::time::Instant::now();
    world.engine.drain(std::time::Duration::from_secs(5)).await;
    assert!(started.elapsed() < std::time::Duration::from_secs(1));
    assert_eq!(world.engine.running.len(), 1);
}
