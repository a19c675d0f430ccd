//! One generation record as customers see it (api contract 5.9): which fields, in which order, and when. Pure.

use ledger_contract::{
    AccountId, ErrorCode, GenerationId, GenerationStatus, MediaKind, Provider, Timestamp, generation::Output,
};
use ledger_store::GenerationRow;
use serde::Serialize;
use serde_json::{Map, Value};

use super::Reader;

/// The object of 5.9. Field order is the order on the wire.
#[derive(Serialize)]
pub(crate) struct GenerationData {
    account_id: AccountId,
    generation_id: GenerationId,
    model_identifier: String,
    generation_provider_order: Vec<Provider>,
    generation_provider_used: Option<Provider>,
    generation_prediction_id: Option<String>,
    generation_status: GenerationStatus,
    generation_type: MediaKind,
    generation_cost: Value,
    generation_cost_status: &'static str,
    #[serde(flatten)]
    inputs: Map<String, Value>,
    generation_output_file: Option<Vec<String>>,
    generation_created_at: String,
    generation_started_at: Option<String>,
    generation_completed_at: Option<String>,
    generation_metrics_total_time: Option<Seconds>,
    generation_metrics_predict_time: Option<Seconds>,
    #[serde(flatten)]
    video: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation_error_code: Option<ErrorCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation_removed: Option<bool>,
}

/// Request fields that stand before the outputs, in this order; what a request has beyond these and [`AFTER`] is the
/// model's own and stands between inputs and outputs.
const BEFORE: [&str; 5] = [
    "generation_prompt",
    "generation_ratio",
    "generation_output_format",
    "generation_output_number",
    "generation_input_file",
];

/// Request fields that stand after the metrics, in this order.
const AFTER: [&str; 3] = ["generation_duration", "generation_resolution", "generation_generate_audio"];

/// The record as `reader` sees it now.
pub(crate) fn data(row: GenerationRow, reader: &Reader) -> GenerationData {
    let succeeded = row.status == GenerationStatus::Succeeded;
    let failed = row.status == GenerationStatus::Failed;
    let removed = succeeded && row.outputs_expire_at.is_none_or(|end| end <= reader.now);
    let total_ms = row.completed_at.map(|end| end.since_ms(row.created_at));
    let (inputs, video) = arrange(row.request);
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    GenerationData {
        account_id: row.account_id,
        generation_id: row.generation_id,
        model_identifier: row.model,
        generation_provider_order: row.provider_order,
        generation_provider_used: row.provider_used.filter(|_| succeeded),
        generation_prediction_id: row.prediction_id,
        generation_status: row.status,
        generation_type: row.kind,
        generation_cost: row.amount.to_json(),
        generation_cost_status: cost_status(row.status),
        inputs,
        generation_output_file: row
            .outputs
            .filter(|_| succeeded && !removed)
            .map(|outputs| outputs.iter().map(|output| url(output, &reader.public_url)).collect()),
        generation_created_at: row.created_at.to_string(),
        generation_started_at: time(row.started_at),
        generation_completed_at: time(row.completed_at),
        generation_metrics_total_time: total_ms.map(seconds),
        generation_metrics_predict_time: row.predict_time_ms.map(seconds),
        video,
        generation_error: row.error_message.filter(|_| failed),
        generation_error_code: row.error_code.filter(|_| failed),
        generation_removed: removed.then_some(true),
    }
}

fn cost_status(status: GenerationStatus) -> &'static str {
    match status {
        GenerationStatus::Pending | GenerationStatus::Processing => "reserved",
        GenerationStatus::Succeeded => "charged",
        GenerationStatus::Failed | GenerationStatus::Canceled => "refunded",
    }
}

fn url(output: &Output, public_url: &str) -> String {
    format!("{public_url}/files/{}", output.key)
}

/// Splits the canonical request into what stands before the outputs and what stands after them.
fn arrange(mut request: Map<String, Value>) -> (Map<String, Value>, Map<String, Value>) {
    let mut inputs = Map::new();
    for name in BEFORE {
        if let Some(value) = request.shift_remove(name) {
            inputs.insert(name.to_owned(), value);
        } else if name == "generation_input_file" {
            inputs.insert(name.to_owned(), Value::Null);
        }
    }
    let mut video = Map::new();
    for name in AFTER {
        if let Some(value) = request.shift_remove(name) {
            video.insert(name.to_owned(), value);
        }
    }
    // Only audio-priced models have the field, defaulted or sent, so its presence says that there is a mode.
    if let Some(audio) = video.get("generation_generate_audio").and_then(Value::as_bool) {
        let mode = if audio { "audio" } else { "noaudio" };
        video.insert("generation_audio_mode".to_owned(), mode.into());
    }
    inputs.append(&mut request);
    (inputs, video)
}

/// Seconds with milliseconds.
type Seconds = f64;

#[expect(clippy::cast_precision_loss, reason = "durations are far below 2^52 milliseconds")]
fn seconds(millis: i64) -> Seconds {
    millis as f64 / 1_000.0
}
