//! `DashScope`'s answers: the task and the error object.

use axum::response::Response;
use chrono::DateTime;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::behavior::Fault;
use crate::files;
use crate::jobs::{Job, Outcome, Problem, Stage};
use crate::media::Format;
use crate::providers::{answer, malformed};
use crate::world::{Desk, Refusal};

/// The task as it stands.
pub fn task(desk: &Desk, job: &Job, now_ms: i64) -> Value {
    let stage = job.stage(now_ms);
    let status = match stage {
        Stage::Queued => "PENDING",
        Stage::Running | Stage::Ended(Outcome::Never) => "RUNNING",
        Stage::Ended(Outcome::Succeed) => "SUCCEEDED",
        Stage::Ended(_) => "FAILED",
        Stage::Cancelled | Stage::Expired { .. } => "CANCELED",
    };
    let begun = job.starts_at_ms.filter(|at| *at <= now_ms);
    let mut output = json!({ "task_id": job.id, "task_status": status, "submit_time": local(job.accepted_at_ms) });
    output["scheduled_time"] = begun.map(local).into();
    output["end_time"] = job.ended_at_ms(now_ms).map(local).into();
    let mut body = json!({ "request_id": Uuid::new_v4().to_string() });
    match stage {
        Stage::Ended(Outcome::Succeed) => succeeded(desk, job, &mut output, &mut body),
        Stage::Ended(Outcome::RejectContent) => {
            output["code"] = "DataInspectionFailed".into();
            output["message"] = "Input text data may contain inappropriate content.".into();
        }
        Stage::Ended(Outcome::Fault | Outcome::RejectInput) => {
            output["code"] = "InternalError.Algo".into();
            output["message"] = "The algorithm failed unexpectedly.".into();
        }
        _ => {}
    }
    body["output"] = output;
    body
}

fn succeeded(desk: &Desk, job: &Job, output: &mut Value, body: &mut Value) {
    let Some(art) = job.artworks.first() else { return };
    let (size, prompt) = (format!("{}*{}", art.width, art.height), job.input["input"]["prompt"].clone());
    let urls: Vec<String> = files::urls(desk, job).iter().map(|url| expiring(url, job)).collect();
    if art.format == Format::Mp4 {
        let seconds = art.duration_ms / 1_000;
        output["orig_prompt"] = prompt;
        output["video_url"] = urls.into_iter().next().into();
        body["usage"] = json!({ "duration": seconds, "video_count": 1, "SR": art.width.min(art.height), "size": size });
        return;
    }
    let result = |url: String| json!({ "url": url, "orig_prompt": prompt, "actual_prompt": prompt });
    let mut results: Vec<Value> = urls.into_iter().map(result).collect();
    let partial = job.fault == Some(Fault::PartialError);
    if partial && let Some(last) = results.last_mut() {
        *last = json!({ "code": "DataInspectionFailed", "message": "Output data may contain inappropriate content." });
    }
    let failed = usize::from(partial);
    let (total, made) = (results.len(), results.len().saturating_sub(failed));
    output["results"] = results.into();
    output["task_metrics"] = json!({ "TOTAL": total, "SUCCEEDED": made, "FAILED": failed });
    body["usage"] = json!({ "image_count": made });
}

/// A URL as the object store signs it.
pub fn expiring(url: &str, job: &Job) -> String {
    let ended_at_ms = job.end_ms().unwrap_or(job.accepted_at_ms);
    format!("{url}?Expires={}&Signature={}", ended_at_ms / 1_000 + 86_400, &job.token[..16])
}

/// A task that is not there.
pub fn unknown(id: &str) -> Value {
    json!({ "request_id": Uuid::new_v4().to_string(), "output": { "task_id": id, "task_status": "UNKNOWN" } })
}

/// `2026-01-01 12:00:00.123`.
fn local(at_ms: i64) -> String {
    DateTime::from_timestamp_millis(at_ms).unwrap_or_default().format("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

/// An error in the vendor's form.
pub fn said(status: u16, code: &str, message: &str) -> Response {
    answer(status, &json!({ "code": code, "message": message, "request_id": Uuid::new_v4().to_string() }))
}

/// A refused submission or lookup.
pub fn refuse(refusal: &Refusal) -> Response {
    match refusal {
        Refusal::Unauthenticated => said(401, "InvalidApiKey", "Invalid API-key provided."),
        Refusal::NoCredit => {
            said(402, "Arrearage", "Access denied, please make sure your account is in good standing.")
        }
        Refusal::NoSuchModel => said(404, "ModelNotFound", "Model not exist."),
        Refusal::Unreadable => said(400, "InvalidParameter", "The request body is not valid JSON."),
        Refusal::Content => said(400, "DataInspectionFailed", "Input text data may contain inappropriate content."),
        Refusal::Invalid(problems) => {
            let said_of = |problem: &Problem| format!("{}: {}", problem.field, problem.message);
            let text: Vec<String> = problems.iter().map(said_of).collect();
            said(400, "InvalidParameter", &text.join("; "))
        }
        Refusal::Throttled => {
            said(429, "Throttling.RateQuota", "Requests rate limit exceeded, please try again later.")
        }
        Refusal::TooManyActive => {
            said(429, "Throttling.AllocationQuota", "Allocated quota exceeded, please try again later.")
        }
        Refusal::Fault => said(500, "InternalError", "An internal error has occurred."),
        Refusal::Malformed => malformed(200),
    }
}
