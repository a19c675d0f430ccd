//! The commands of a lifecycle: bare (neither attempts nor key), or with full records.

use ledger_contract::{
    AccountId, ApiKeyId, Credits, GenerationId, HolderId, MediaKind, MicroUsd, Provider, Timestamp,
    command::{AcceptAttempt, Charge, Claim, Command, Reserve},
    generation::{AttemptStart, Output},
};
use uuid::Uuid;

/// What every lifecycle costs, thousandths.
pub const AMOUNT: i64 = 1;

pub fn account(n: usize) -> AccountId {
    AccountId(Uuid::from_u128(0xACC0_0000 + n as u128))
}

pub fn new_id() -> GenerationId {
    GenerationId(Uuid::now_v7())
}

pub fn reserve(account_id: AccountId, generation_id: GenerationId, full: bool) -> Command {
    let claim = || Claim { key: generation_id.to_string(), fingerprint: "f".repeat(64) };
    let start = || AttemptStart {
        provider: Provider::Replicate,
        native_model: "black-forest-labs/flux-schnell".to_owned(),
        estimated_cost: MicroUsd(3_000),
        simulated: true,
    };
    let request = serde_json::json!({
        "generation_prompt": "A lighthouse on a cliff at dawn, seen from the sea",
        "generation_ratio": "16:9", "generation_output_format": "png", "generation_output_number": 1
    });
    let serde_json::Value::Object(request) = request else { unreachable!() };
    Command::Reserve(Reserve {
        account_id,
        apikey_id: ApiKeyId(Uuid::from_u128(7)),
        generation_id,
        amount: Credits(AMOUNT),
        model: "bfl/flux-schnell".to_owned(),
        kind: MediaKind::Image,
        request,
        provider_order: vec![Provider::Replicate, Provider::Fal],
        deadline_at: Timestamp(4_000_000_000_000),
        claim: full.then(claim),
        first_attempt: full.then(start),
        holder: HolderId(Uuid::from_u128(9)),
    })
}

pub fn accept(generation_id: GenerationId) -> Command {
    Command::AcceptAttempt(AcceptAttempt {
        generation_id,
        attempt_order: 1,
        prediction_id: generation_id.to_string(),
        handle: serde_json::json!({ "url": "https://provider.example/jobs/1" }),
    })
}

pub fn charge(generation_id: GenerationId, full: bool) -> Command {
    let output = Output {
        key: "ab/cdefghijklmnopqrstuvwxyz012345.png".to_owned(),
        content_type: "image/png".to_owned(),
        bytes: 123_456,
    };
    Command::Charge(Charge {
        generation_id,
        attempt_order: full.then_some(1),
        outputs: vec![output],
        predict_time_ms: Some(850),
    })
}
