//! What a create answers, and what it leaves behind in the ledger and at the providers.

use crate::world::{Behaviour, Fault, POLLED, SYNCHRONOUS, World, short_deadlines};
use ledger_contract::{
    Credits, ErrorCode, GenerationStatus, Provider, PublicError,
    command::{Answer, AttemptAnswer, Command, RefundAnswer, ReserveAnswer},
    generation::StoredAnswer,
    wire::ReplayAnswer,
};
use proxy::{answer::Reply, config::Deadlines, engine::create};
use serde_json::json;

fn data(reply: &Reply) -> &serde_json::Value {
    &reply.outcome.as_ref().unwrap_or_else(|failure| panic!("{failure:?}")).data
}

fn error(reply: &Reply) -> &PublicError {
    &reply.outcome.as_ref().expect_err("a failure").error
}

#[tokio::test]
async fn a_create_answers_at_acceptance_and_is_followed_until_it_is_charged() {
    let world = World::new().await;
    let reply = world.create(POLLED, "replicate, bfl").await;
    let data = data(&reply);
    assert_eq!(data["generation_prediction_id"], "r1");
    assert_eq!(data["generation_provider_order"], json!(["replicate", "bfl"]));
    assert_eq!(data["generation_initialized"], true);
    world.told(&["Reserve", "AcceptAttempt", "Charge"]).await;
    let Some(Command::Charge(charge)) = world.book.commands().pop() else { panic!("no charge") };
    assert_eq!((charge.outputs.len(), charge.predict_time_ms), (1, Some(1_500)));
    assert_eq!(world.files(), 1);
}

#[tokio::test]
async fn an_output_is_given_in_the_format_that_was_asked_for() {
    let world = World::new().await;
    let body =
        json!({"generation_prompt": "x", "generation_output_format": "webp", "generation_provider_order": "bfl"});
    let reply = create(&world.engine, world.request(POLLED, &body)).await;
    assert_eq!(reply.status(), 200);
    world.told(&["Charge"]).await;
    let Some(Command::Charge(charge)) = world.book.commands().pop() else { panic!("no charge") };
    assert_eq!(charge.outputs[0].content_type, "image/webp");
    assert_eq!(charge.outputs[0].key.rsplit('.').next(), Some("webp"));
}

#[tokio::test]
async fn a_refusal_before_acceptance_moves_on_and_is_written_ahead() {
    let world = World::new().await;
    world.stage.set(Provider::Replicate, Behaviour::Status(500));
    let reply = world.create(POLLED, "replicate, bfl").await;
    assert_eq!(data(&reply)["generation_prediction_id"], "b1");
    world.told(&["Reserve", "FinishAttempt", "StartAttempt", "AcceptAttempt", "Charge"]).await;
    assert_eq!(world.stage.submissions(), [Provider::Replicate, Provider::Bfl]);
}

#[tokio::test]
async fn when_all_refuse_the_record_is_refunded_before_the_answer() {
    let world = World::new().await;
    world.stage.set(Provider::Replicate, Behaviour::Status(429));
    world.stage.set(Provider::Bfl, Behaviour::Status(503));
    let reply = world.create(POLLED, "replicate, bfl").await;
    let error = error(&reply);
    assert_eq!((error.code, error.retryable), (ErrorCode::AllProvidersFailed, true));
    let items = error.provider_errors.as_ref().unwrap();
    let codes: Vec<_> = items.iter().map(|item| item.code).collect();
    assert_eq!(codes, [ErrorCode::ProviderRateLimited, ErrorCode::ProviderUnavailable]);
    let refund = world.book.refund().expect("refunded before the answer");
    assert_eq!(&refund.error, error);
    assert!(!refund.attempt.unwrap().in_doubt);
}

#[tokio::test]
async fn a_single_provider_is_asked_twice_after_a_transient_refusal() {
    let world = World::new().await;
    world.stage.set(Provider::Bfl, Behaviour::Status(429));
    let reply = world.create(POLLED, "bfl").await;
    let error = error(&reply);
    assert_eq!((error.code, error.retryable), (ErrorCode::ProviderRateLimited, true));
    assert_eq!(error.provider_errors.as_ref().unwrap().len(), 2);
    assert_eq!(world.stage.submissions(), [Provider::Bfl, Provider::Bfl]);
}

#[tokio::test]
async fn what_the_provider_says_about_the_input_ends_the_chain() {
    let world = World::new().await;
    world.stage.set(Provider::Replicate, Behaviour::Status(422));
    let reply = world.create(POLLED, "replicate, bfl").await;
    assert_eq!((error(&reply).code, error(&reply).retryable), (ErrorCode::ProviderRejectedInput, false));
    assert_eq!(world.stage.submissions(), [Provider::Replicate]);
}

#[tokio::test]
async fn a_submission_in_doubt_moves_on_and_makes_the_error_final() {
    let world = World::new().await;
    world.stage.set(Provider::Replicate, Behaviour::Hangs);
    world.stage.set(Provider::Bfl, Behaviour::Status(503));
    let reply = world.create(POLLED, "replicate, bfl").await;
    assert_eq!((error(&reply).code, error(&reply).retryable), (ErrorCode::AllProvidersFailed, false));
    let codes: Vec<_> = error(&reply).provider_errors.as_ref().unwrap().iter().map(|item| item.code).collect();
    assert_eq!(codes, [ErrorCode::ProviderTimeout, ErrorCode::ProviderUnavailable]);
}

#[tokio::test]
async fn a_submission_that_is_accepted_too_late_is_cancelled_upstream() {
    let world = World::new().await;
    world.stage.set(Provider::Replicate, Behaviour::Slow(1_600));
    let reply = world.create(POLLED, "replicate, bfl").await;
    assert_eq!(data(&reply)["generation_prediction_id"], "b1");
    crate::world::eventually(|| world.stage.cancels() == ["r1"], || "never cancelled".into()).await;
}

#[tokio::test]
async fn a_budget_that_ends_in_doubt_is_a_timeout_of_the_one_provider_that_was_tried() {
    let world = World::with(Deadlines { submit_ms: 8_000, create_ms: 2_500, ..short_deadlines() }).await;
    world.stage.set(Provider::Replicate, Behaviour::Hangs);
    let reply = world.create(POLLED, "replicate, bfl").await;
    assert_eq!((error(&reply).code, error(&reply).retryable), (ErrorCode::ProviderTimeout, false));
    assert_eq!(world.stage.submissions(), [Provider::Replicate]);
    assert!(world.book.refund().unwrap().attempt.unwrap().in_doubt);
}

#[tokio::test]
async fn nothing_is_sent_when_the_ledger_reserves_nothing() {
    let world = World::new().await;
    let answers = [
        (ReserveAnswer::Insufficient { required: Credits(52), balance: Credits(1) }, ErrorCode::InsufficientCredits),
        (ReserveAnswer::ConcurrencyLimit { limit: 2, in_flight: 2 }, ErrorCode::ConcurrencyLimitExceeded),
        (ReserveAnswer::IdempotencyInProgress, ErrorCode::IdempotencyInProgress),
        (ReserveAnswer::IdempotencyConflict, ErrorCode::IdempotencyConflict),
        (ReserveAnswer::AccountMissing, ErrorCode::AccountNotFound),
    ];
    for (answer, code) in answers {
        world.book.answer("Reserve", Answer::Reserve(answer));
        assert_eq!(error(&world.create(POLLED, "bfl").await).code, code);
    }
    world.book.fail(Fault::Away);
    let reply = world.create(POLLED, "bfl").await;
    assert_eq!((error(&reply).code, error(&reply).retryable), (ErrorCode::LedgerUnavailable, true));
    assert!(world.stage.submissions().is_empty());
}

#[tokio::test]
async fn a_reservation_whose_answer_is_lost_is_asked_again_and_goes_on() {
    let world = World::new().await;
    world.book.fail(Fault::Lost);
    world.book.answer("Reserve", Answer::Reserve(ReserveAnswer::Reserved { balance: Credits(1) }));
    world.book.answer("Reserve", Answer::Reserve(ReserveAnswer::AlreadyReserved { balance: Credits(1) }));
    assert_eq!(world.create(POLLED, "bfl").await.status(), 200);
    assert_eq!(world.stage.submissions(), [Provider::Bfl]);
}

#[tokio::test]
async fn a_reservation_in_doubt_until_the_end_is_final_and_settled_afterwards() {
    let world = World::with(Deadlines { create_ms: 1_300, ..short_deadlines() }).await;
    for _ in 0..8 {
        world.book.fail(Fault::Lost);
    }
    let reply = world.create(POLLED, "bfl").await;
    assert_eq!((error(&reply).code, error(&reply).retryable), (ErrorCode::InternalError, false));
    world.told(&["Reserve", "Refund"]).await;
    assert!(world.stage.submissions().is_empty());
}

#[tokio::test]
async fn a_generation_canceled_before_acceptance_is_answered_so_and_stopped_upstream() {
    let world = World::new().await;
    let ended = AttemptAnswer::Ended { status: GenerationStatus::Canceled };
    world.book.answer("AcceptAttempt", Answer::AcceptAttempt(ended));
    let reply = world.create(POLLED, "replicate, bfl").await;
    assert_eq!(data(&reply)["generation_status"], "canceled");
    crate::world::eventually(|| world.stage.cancels() == ["r1"], || "never cancelled".into()).await;
    assert!(!world.book.names().contains(&"Charge"));
}

#[tokio::test]
async fn a_generation_canceled_while_the_chain_moves_on_is_answered_so() {
    let world = World::new().await;
    world.stage.set(Provider::Replicate, Behaviour::Status(500));
    let ended = AttemptAnswer::Ended { status: GenerationStatus::Canceled };
    world.book.answer("StartAttempt", Answer::StartAttempt(ended));
    let reply = world.create(POLLED, "replicate, bfl").await;
    assert_eq!(data(&reply)["generation_status"], "canceled");
    assert_eq!(world.stage.submissions(), [Provider::Replicate]);

    world.stage.set(Provider::Bfl, Behaviour::Status(422));
    let canceled = RefundAnswer::AlreadyRefunded { status: GenerationStatus::Canceled };
    world.book.answer("Refund", Answer::Refund(canceled));
    assert_eq!(data(&world.create(POLLED, "bfl").await)["generation_status"], "canceled");
}

#[tokio::test]
async fn a_client_gets_its_generation_even_if_the_ledger_goes_away_after_acceptance() {
    let world = World::new().await;
    world.book.answer("Reserve", Answer::Reserve(ReserveAnswer::Reserved { balance: Credits(1) }));
    world.stage.set(Provider::Bfl, Behaviour::Slow(200));
    let creating = world.create(POLLED, "bfl");
    let cutting = async {
        crate::world::eventually(|| !world.stage.submissions().is_empty(), || "never submitted".into()).await;
        for _ in 0..3 {
            world.book.fail(Fault::Away);
        }
    };
    let (reply, ()) = tokio::join!(creating, cutting);
    assert_eq!(data(&reply)["generation_prediction_id"], "b1");
    world.told(&["Reserve", "AcceptAttempt", "Charge"]).await;
}

#[tokio::test]
async fn a_synchronous_refusal_within_a_second_fails_over_like_any_other() {
    let world = World::new().await;
    world.stage.set(Provider::Cloudflare, Behaviour::Status(503));
    let reply = world.create(SYNCHRONOUS, "cloudflare, replicate").await;
    assert_eq!(data(&reply)["generation_prediction_id"], "r1");
}

#[tokio::test]
async fn a_synchronous_call_that_takes_longer_is_accepted_and_delivers_later() {
    let world = World::new().await;
    world.stage.set(Provider::Cloudflare, Behaviour::Slow(2_500));
    let reply = world.create(SYNCHRONOUS, "cloudflare").await;
    assert!(data(&reply)["generation_prediction_id"].as_str().is_some_and(|id| id.len() == 36));
    assert!(!world.book.names().contains(&"Charge"));
    world.told(&["AcceptAttempt", "Charge"]).await;
}

#[tokio::test]
async fn a_replay_wins_over_a_validation_error_and_over_nothing_else() {
    let world = World::new().await;
    let mut request = world.request(POLLED, &json!({"generation_prompt": 1}));
    assert_eq!(error(&create(&world.engine, request.clone()).await).code, ErrorCode::InvalidInput);
    request.idempotency_key = Some("k".into());
    assert_eq!(error(&create(&world.engine, request.clone()).await).code, ErrorCode::InvalidInput);
    let stored = StoredAnswer::Failed(PublicError::new(ErrorCode::ProviderRejectedInput, "no"));
    world.book.replay(ReplayAnswer::Replay { stored });
    let reply = create(&world.engine, request.clone()).await;
    assert_eq!(error(&reply).code, ErrorCode::ProviderRejectedInput);
    assert!(reply.outcome.unwrap_err().replayed);
    request.body = "{".into();
    assert_eq!(error(&create(&world.engine, request).await).code, ErrorCode::InvalidInput);
    assert!(world.book.commands().is_empty());
}

#[tokio::test]
async fn requests_that_can_never_run_say_why() {
    let world = World::new().await;
    let body = json!({"generation_prompt": "x"});
    let unknown = create(&world.engine, world.request("nobody/nothing", &body)).await;
    assert_eq!(error(&unknown).code, ErrorCode::ModelNotFound);
    assert_eq!(error(&unknown).details.as_ref().unwrap()["model_identifier"], "nobody/nothing");

    let video = create(&world.engine, world.request("google/veo-2", &body)).await;
    assert_eq!(error(&video).code, ErrorCode::WrongMediaRoute);
    let details = error(&video).details.as_ref().unwrap();
    assert_eq!(details["model_type"], "video");
    assert_eq!(details["route"], "/v1/generate/video/google/veo-2");

    // fal has no key in this world.
    let reply = world.create(POLLED, "fal").await;
    assert_eq!((error(&reply).code, error(&reply).retryable), (ErrorCode::NoProviderAvailable, true));
    assert!(world.book.commands().is_empty());
}

#[tokio::test]
async fn a_prompt_that_the_operator_refuses_starts_nothing() {
    let world = World::new().await;
    let body = json!({"generation_prompt": "Release the Kraken", "generation_provider_order": "bfl"});
    let reply = create(&world.engine, world.request(POLLED, &body)).await;
    let refused = error(&reply);
    assert_eq!((refused.code, refused.retryable), (ErrorCode::ContentPolicyViolation, false));
    assert!(!serde_json::to_string(refused).unwrap().to_lowercase().contains("kraken"), "{refused:?}");
    assert!(world.book.commands().is_empty() && world.stage.submissions().is_empty());
}

#[tokio::test]
async fn used_up_funds_at_a_provider_are_final_and_its_own_error() {
    let world = World::new().await;
    world.stage.set(Provider::Replicate, Behaviour::Status(402));
    let reply = world.create(POLLED, "replicate").await;
    let refused = error(&reply);
    assert_eq!((refused.code, refused.retryable), (ErrorCode::ProviderCreditsExhausted, false));
}
