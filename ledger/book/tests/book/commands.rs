//! Commands with small names: account 1, generation 7. Shared with the store's conformance suite.
#![allow(dead_code, reason = "each suite uses its part")]

use ledger_contract::{
    AccountId, AttemptOutcome, Credits, ErrorCode, GenerationId, HolderId, MediaKind, MicroUsd, Provider,
    ProviderError, PublicError, Timestamp,
    command::{
        AcceptAttempt, Add, AttemptEnd, Cancel, Charge, Claim, Command, Delete, FinishAttempt, Refund, Reserve,
        StartAttempt,
    },
    generation::{AttemptStart, Output},
};
use proptest::prelude::*;

pub const NOW: Timestamp = Timestamp(1_779_874_860_000);

pub fn account(n: u32) -> AccountId {
    format!("aaaaaaaa-0000-4000-8000-{n:012}").parse().unwrap()
}

pub fn generation(n: u32) -> GenerationId {
    format!("01999999-0000-7000-8000-{n:012}").parse().unwrap()
}

pub fn holder(n: u32) -> HolderId {
    format!("cccccccc-0000-4000-8000-{n:012}").parse().unwrap()
}

pub fn start_of(provider: Provider) -> AttemptStart {
    AttemptStart { provider, native_model: "native/model".into(), estimated_cost: MicroUsd(3_000), simulated: true }
}

/// Account 1 reserves 100 thousandths for generation `n` without a key.
pub fn reserve(n: u32) -> Reserve {
    Reserve {
        account_id: account(1),
        apikey_id: "bbbbbbbb-0000-4000-8000-000000000001".parse().unwrap(),
        generation_id: generation(n),
        amount: Credits(100),
        model: "lab/model".into(),
        kind: MediaKind::Image,
        request: serde_json::from_str(r#"{"generation_prompt":"a \u0000 cat's \"hat\" 猫"}"#).unwrap(),
        provider_order: vec![Provider::Replicate, Provider::Fal],
        deadline_at: NOW.plus_ms(300_000),
        claim: None,
        first_attempt: Some(start_of(Provider::Replicate)),
        holder: holder(1),
    }
}

/// The same under an idempotency key; the fingerprint says what was asked.
pub fn reserve_under(n: u32, key: &str, fingerprint: &str) -> Reserve {
    Reserve { claim: Some(claim(key, fingerprint)), ..reserve(n) }
}

pub fn claim(key: &str, fingerprint: &str) -> Claim {
    Claim { key: key.into(), fingerprint: fingerprint.into() }
}

pub fn start(n: u32, attempt_order: u32) -> StartAttempt {
    StartAttempt { generation_id: generation(n), attempt_order, start: start_of(Provider::Fal) }
}

pub fn accept(n: u32, attempt_order: u32) -> AcceptAttempt {
    AcceptAttempt {
        generation_id: generation(n),
        attempt_order,
        prediction_id: format!("job-{attempt_order}"),
        handle: serde_json::json!({ "url": "https://provider.example/jobs/1" }),
    }
}

pub fn finish(n: u32, attempt_order: u32, outcome: AttemptOutcome) -> FinishAttempt {
    FinishAttempt { generation_id: generation(n), attempt_order, end: end(outcome) }
}

pub fn end(outcome: AttemptOutcome) -> AttemptEnd {
    let error = (outcome == AttemptOutcome::Failed).then(|| ProviderError {
        provider: Provider::Replicate,
        code: ErrorCode::ProviderTimeout,
        kind: ErrorCode::ProviderTimeout.kind().into(),
        message: "The provider did not answer in time".into(),
        retryable: false,
    });
    AttemptEnd { outcome, error, in_doubt: false }
}

pub fn charge(n: u32, attempt_order: u32) -> Charge {
    let output = Output { key: "ab/cdef.png".into(), content_type: "image/png".into(), bytes: 1_234 };
    Charge {
        generation_id: generation(n),
        attempt_order: Some(attempt_order),
        outputs: vec![output],
        predict_time_ms: Some(850),
    }
}

/// Fails generation `n`; a retryable error is one where no provider accepted anything.
pub fn refund(n: u32, retryable: bool) -> Refund {
    let error = PublicError { retryable, ..PublicError::new(ErrorCode::ProviderTimeout, "Too late") };
    Refund { generation_id: generation(n), error, attempt: None }
}

pub fn cancel(n: u32) -> Cancel {
    Cancel { account_id: account(1), generation_id: generation(n) }
}

pub fn delete(n: u32) -> Delete {
    Delete { account_id: account(1), generation_id: generation(n) }
}

pub fn add(key: &str, amount: i64) -> Add {
    Add { account_id: account(1), amount: Credits(amount), key: key.into(), description: Some("Credit pack".into()) }
}

/// Any command about two accounts and a few generations, attempts, keys and adds: small, so that they meet.
pub fn any_command() -> impl Strategy<Value = Command> {
    let n = 1..=6_u32;
    let order = 1..=3_u32;
    let outcome = proptest::sample::select(AttemptOutcome::ALL);
    prop_oneof![
        4 => any_reserve().prop_map(Command::Reserve),
        2 => (n.clone(), order.clone()).prop_map(|(n, order)| Command::StartAttempt(start(n, order))),
        3 => (n.clone(), order.clone(), any::<bool>()).prop_map(|(n, order, other)| {
            let mut accept = accept(n, order);
            if other {
                accept.prediction_id = "another".into();
            }
            Command::AcceptAttempt(accept)
        }),
        2 => (n.clone(), order.clone(), outcome.clone())
            .prop_map(|(n, order, outcome)| Command::FinishAttempt(finish(n, order, outcome))),
        3 => (n.clone(), proptest::option::weighted(0.9, order), proptest::bool::weighted(0.9)).prop_map(
            |(n, attempt_order, has_outputs)| {
                let mut charge = Charge { attempt_order, ..charge(n, 1) };
                charge.outputs.truncate(usize::from(has_outputs));
                Command::Charge(charge)
            }
        ),
        2 => (n.clone(), any::<bool>(), proptest::option::of(outcome)).prop_map(|(n, retryable, outcome)| {
            Command::Refund(Refund { attempt: outcome.map(end), ..refund(n, retryable) })
        }),
        1 => (n.clone(), 1..=2_u32)
            .prop_map(|(n, owner)| Command::Cancel(Cancel { account_id: account(owner), ..cancel(n) })),
        1 => (n, 1..=2_u32)
            .prop_map(|(n, owner)| Command::Delete(Delete { account_id: account(owner), ..delete(n) })),
        2 => any_add().prop_map(Command::Add),
    ]
}

fn any_reserve() -> impl Strategy<Value = Reserve> {
    let amount = prop_oneof![8 => 1..=60_i64, 1 => -1..=0_i64, 1 => Credits::MAX.0..=Credits::MAX.0 + 1];
    let claim = proptest::option::of((1..=3_u32, 1..=2_u32));
    (1..=3_u32, 1..=6_u32, amount, claim).prop_map(|(owner, n, amount, claim)| Reserve {
        account_id: account(owner),
        amount: Credits(amount),
        claim: claim.map(|(key, print)| self::claim(&format!("key-{key}"), &format!("print-{print}"))),
        ..reserve(n)
    })
}

fn any_add() -> impl Strategy<Value = Add> {
    let amount = prop_oneof![6 => 1..=80_i64, 1 => -1..=0_i64, 1 => Credits::MAX.0 - 90..=Credits::MAX.0 + 1];
    (1..=3_u32, 1..=9_u32, amount)
        .prop_map(|(owner, key, amount)| Add { account_id: account(owner), ..add(&format!("order:{key}"), amount) })
}
