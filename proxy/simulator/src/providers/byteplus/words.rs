//! `ModelArk`'s answers: the task and the error object.

use axum::response::Response;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::files;
use crate::jobs::{Job, Outcome, Problem, Stage};
use crate::providers::{answer, malformed};
use crate::world::{Desk, Refusal};

/// The task as it stood at some time.
pub fn task(desk: &Desk, job: &Job, at_ms: i64) -> Value {
    let stage = job.stage(at_ms);
    let status = match stage {
        Stage::Queued => "queued",
        Stage::Running | Stage::Ended(Outcome::Never) => "running",
        Stage::Ended(Outcome::Succeed) => "succeeded",
        Stage::Ended(Outcome::Fault | Outcome::RejectInput | Outcome::RejectContent) => "failed",
        Stage::Cancelled => "cancelled",
        Stage::Expired { .. } => "expired",
    };
    let updated_at_ms = job.ended_at_ms(at_ms).unwrap_or_else(|| job.starts_at_ms.map_or(at_ms, |at| at.min(at_ms)));
    let input = |field: &str, default: Value| job.input.get(field).cloned().unwrap_or(default);
    let mut body = json!({
        "id": job.id, "model": job.model, "status": status, "error": null,
        "created_at": job.accepted_at_ms / 1_000, "updated_at": updated_at_ms / 1_000,
        "seed": job.seed, "resolution": input("resolution", "720p".into()), "ratio": input("ratio", "16:9".into()),
        "duration": job.artworks.first().map_or(0, |art| art.duration_ms / 1_000), "framespersecond": 24,
        "service_tier": input("service_tier", "default".into()),
        "execution_expires_after": input("execution_expires_after", 172_800.into()),
        "generate_audio": input("generate_audio", false.into()), "draft": false, "priority": input("priority", 0.into()),
    });
    if status == "succeeded" {
        body["content"] = json!({ "video_url": files::url(desk, job, 0) });
        let tokens = job.artworks.first().map_or(0, |art| {
            u64::from(art.width) * u64::from(art.height) * 24 * u64::from(art.duration_ms / 1_000) / 1_024
        });
        body["usage"] = json!({ "completion_tokens": tokens, "total_tokens": tokens });
    } else if status == "failed" {
        let message = "The service encountered an unexpected internal error.";
        body["error"] = json!({ "code": "InternalServiceError", "message": message });
    }
    body
}

/// An error in the vendor's form.
pub fn said(status: u16, code: &str, message: &str) -> Response {
    told(status, code, message, "")
}

fn told(status: u16, code: &str, message: &str, param: &str) -> Response {
    let kind = match status {
        400 => "BadRequest",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        429 => "TooManyRequests",
        _ => "InternalServerError",
    };
    let message = format!("{message} Request id: {}", Uuid::new_v4().simple());
    answer(status, &json!({ "error": { "code": code, "message": message, "param": param, "type": kind } }))
}

/// A refused submission or lookup.
pub fn refuse(refusal: &Refusal) -> Response {
    match refusal {
        Refusal::Unauthenticated => {
            said(401, "AuthenticationError", "The API key in the request is missing or invalid.")
        }
        Refusal::NoCredit => said(402, "AccountOverdueError", "The account has an overdue balance."),
        Refusal::NoSuchModel => said(
            404,
            "InvalidEndpointOrModel.NotFound",
            "The model or endpoint does not exist or you do not have access to it.",
        ),
        Refusal::Unreadable => said(400, "InvalidParameter", "The request body is not valid JSON."),
        Refusal::Content => {
            let text = "The request failed because the input text may contain sensitive information.";
            said(400, "InputTextSensitiveContentDetected", text)
        }
        Refusal::Invalid(problems) => problems.first().map_or_else(|| refuse(&Refusal::Unreadable), invalid),
        Refusal::Throttled => {
            said(429, "ModelAccountRpmRateLimitExceeded", "The requests per minute limit for this account is exceeded.")
        }
        Refusal::TooManyActive => said(429, "ServerOverloaded", "The service is overloaded. Try again later."),
        Refusal::Fault => said(500, "InternalServiceError", "The service encountered an unexpected internal error."),
        Refusal::Malformed => malformed(200),
    }
}

fn invalid(problem: &Problem) -> Response {
    let Problem { field, message, kind } = problem;
    if kind == "missing" {
        let text = format!("The required parameter `{field}` is missing.");
        return told(400, "MissingParameter", &text, field);
    }
    let text = format!("The parameter `{field}` specified in the request is not valid: {message}.");
    told(400, "InvalidParameter", &text, field)
}
