//! Runway's answers: the task and the errors.

use axum::response::Response;
use serde_json::{Value, json};

use super::models::{Credits, credits};
use crate::files;
use crate::jobs::{Job, Outcome, Problem, Stage};
use crate::providers::{answer, malformed, progress};
use crate::world::{Desk, Refusal, iso};

/// Credits of a task.
pub fn estimate(job: &Job) -> i64 {
    let Some(art) = job.artworks.first() else { return 0 };
    match credits(&job.model) {
        Credits::Image(small, _) if art.width.min(art.height) <= 720 => small,
        Credits::Image(_, large) => large,
        Credits::Second(audio, silent) => {
            let each = if job.input["audio"] == false { silent } else { audio };
            each * i64::from(art.duration_ms / 1_000)
        }
    }
}

/// The task as it stands. Outputs are under another URL each time.
pub fn task(desk: &Desk, job: &Job, now_ms: i64) -> Value {
    let mut body = json!({ "id": job.id, "createdAt": iso(job.accepted_at_ms) });
    let cost = json!({ "credits": estimate(job) });
    let failed = |failure: &str, code: &str| json!({ "status": "FAILED", "failure": failure, "failureCode": code, "cost": cost });
    let state = match job.stage(now_ms) {
        Stage::Queued if job.ready_at_ms() <= now_ms => json!({ "status": "THROTTLED", "estimatedCost": cost }),
        Stage::Queued => json!({ "status": "PENDING", "estimatedCost": cost }),
        Stage::Running | Stage::Ended(Outcome::Never) => {
            json!({ "status": "RUNNING", "progress": progress(job, now_ms), "estimatedCost": cost })
        }
        Stage::Ended(Outcome::Succeed) => {
            json!({ "status": "SUCCEEDED", "output": output(desk, job, now_ms), "cost": cost })
        }
        Stage::Ended(Outcome::RejectContent) => failed("The text prompt did not pass moderation.", "SAFETY.INPUT.TEXT"),
        Stage::Ended(Outcome::Fault | Outcome::RejectInput) => failed("An unexpected error occurred.", "INTERNAL"),
        Stage::Cancelled | Stage::Expired { .. } => json!({ "status": "CANCELLED", "cost": cost }),
    };
    if let (Value::Object(body), Value::Object(state)) = (&mut body, state) {
        body.extend(state);
    }
    body
}

fn output(desk: &Desk, job: &Job, now_ms: i64) -> Vec<String> {
    let fresh = |url| format!("{url}?_jwt={}.{}", now_ms / 1_000 + 86_400, hex::encode(rand::random::<[u8; 8]>()));
    files::urls(desk, job).into_iter().map(fresh).collect()
}

/// The answer to a request without the version header, or with another version.
pub fn wrong_version() -> Response {
    let text = "Invalid API Version. Set the X-Runway-Version header to 2024-11-06.";
    answer(400, &json!({ "error": text, "docUrl": "https://docs.dev.runwayml.com/api-details/versioning" }))
}

/// A refused submission or lookup.
pub fn refuse(refusal: &Refusal) -> Response {
    let said = |status, text: &str| answer(status, &json!({ "error": text }));
    match refusal {
        Refusal::Unauthenticated => said(401, "You must provide a valid API key."),
        Refusal::NoCredit => said(402, "You do not have enough credits to run this task."),
        Refusal::NoSuchModel => said(404, "Not found"),
        Refusal::Unreadable => said(400, "Validation of body failed"),
        Refusal::Content => said(400, "The prompt did not pass moderation."),
        Refusal::Invalid(problems) => {
            let issue = |problem: &Problem| json!({ "code": problem.kind, "path": [problem.field], "message": problem.message });
            let issues: Vec<Value> = problems.iter().map(issue).collect();
            answer(
                400,
                &json!({ "error": "Validation of body failed", "issues": issues,
                "docUrl": "https://docs.dev.runwayml.com/api" }),
            )
        }
        Refusal::Throttled | Refusal::TooManyActive => said(429, "You have reached your daily generation limit."),
        Refusal::Fault => said(500, "Internal server error"),
        Refusal::Malformed => malformed(200),
    }
}
