//! replicate's answers: the prediction object and the problem objects.

use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::models;
use crate::files;
use crate::jobs::{Job, Outcome, Problem, Stage};
use crate::providers::{answer, malformed, seconds};
use crate::world::{Desk, Refusal, iso};

/// The prediction as it stands.
pub fn prediction(desk: &Desk, job: &Job, now_ms: i64) -> Value {
    let (status, error) = status(job, now_ms);
    let ended_at_ms = job.ended_at_ms(now_ms);
    let begun = job.starts_at_ms.filter(|at| *at <= now_ms && *status != *"aborted");
    let removed = status == "succeeded" && files::is_expired(job, now_ms);
    let urls = (status == "succeeded" && !removed).then(|| files::urls(desk, job));
    let output = match urls {
        None => Value::Null,
        Some(urls) if models::is_list(&job.model) => urls.into(),
        Some(urls) => urls.into_iter().next().into(),
    };
    let base = format!("{}/v1/predictions/{}", desk.origin(), job.id);
    let mut body = json!({
        "id": job.id, "model": job.model, "version": "hidden",
        "input": if removed { json!({}) } else { job.input.clone() },
        "output": output, "logs": if begun.is_some() { format!("Using seed: {}\n", job.seed) } else { String::new() },
        "error": error, "status": status, "data_removed": removed, "source": "api",
        "created_at": iso(job.accepted_at_ms),
        "started_at": begun.map(iso), "completed_at": ended_at_ms.map(iso),
        "urls": { "get": base, "cancel": format!("{base}/cancel"), "web": format!("{}/p/{}", desk.origin(), job.id) },
    });
    if let Some(at) = job.deadline_ms {
        body["deadline"] = iso(at).into();
    }
    if let Some(ended) = ended_at_ms {
        let (predicted, total) = (seconds(job.ran_ms(now_ms)), seconds(ended - job.accepted_at_ms));
        body["metrics"] = json!({ "predict_time": predicted, "total_time": total });
    }
    body
}

fn status(job: &Job, now_ms: i64) -> (&'static str, Option<&'static str>) {
    match job.stage(now_ms) {
        Stage::Queued => ("starting", None),
        Stage::Running | Stage::Ended(Outcome::Never) => ("processing", None),
        Stage::Ended(Outcome::Succeed) => ("succeeded", None),
        Stage::Ended(Outcome::RejectContent) => {
            let text = "NSFW content detected. Try running it again, or try a different prompt. (E005)";
            ("failed", Some(text))
        }
        Stage::Ended(Outcome::Fault | Outcome::RejectInput) => {
            ("failed", Some("Prediction failed: the model raised an unknown error (E1000)"))
        }
        Stage::Cancelled | Stage::Expired { begun: true } => ("canceled", None),
        Stage::Expired { begun: false } => ("aborted", None),
    }
}

/// A refused submission or lookup.
pub fn refuse(refusal: &Refusal) -> Response {
    let said = |status: u16, title: &str, detail: &str| {
        answer(status, &json!({ "title": title, "detail": detail, "status": status }))
    };
    match refusal {
        Refusal::Unauthenticated => said(401, "Unauthenticated", "You did not pass a valid authentication token"),
        Refusal::NoCredit => said(
            402,
            "Insufficient credit",
            "You have insufficient credit to run this model. Go to https://replicate.com/account/billing#billing",
        ),
        Refusal::NoSuchModel => {
            answer(404, &json!({ "detail": "The requested resource could not be found.", "status": 404 }))
        }
        Refusal::Invalid(problems) => invalid(problems),
        Refusal::Content => said(422, "Input validation failed", "- input.prompt: flagged as sensitive (E005)\n"),
        Refusal::Unreadable => said(400, "Bad request", "The request body is not a JSON object within the size limit."),
        Refusal::Throttled | Refusal::TooManyActive => {
            let text = "Request was throttled. Your rate limit resets in ~30s.";
            ([("retry-after", "30")], answer(429, &json!({ "detail": text, "status": 429 }))).into_response()
        }
        Refusal::Fault => said(500, "Internal server error", "An unexpected error occurred."),
        Refusal::Malformed => malformed(201),
    }
}

fn invalid(problems: &[Problem]) -> Response {
    let place = |field: &str| if field == "input" { field.to_owned() } else { format!("input.{field}") };
    let lines: Vec<String> =
        problems.iter().map(|problem| format!("- {}: {}\n", place(&problem.field), problem.message)).collect();
    let fields: Vec<Value> = problems
        .iter()
        .map(|problem| json!({ "type": problem.kind, "field": place(&problem.field), "description": problem.message }))
        .collect();
    let title = "Input validation failed";
    answer(422, &json!({ "title": title, "detail": lines.concat(), "status": 422, "invalid_fields": fields }))
}
