//! fal's answers: queue states, results, model and platform errors.

use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::app;
use crate::files;
use crate::jobs::{Job, Outcome, Problem, Stage};
use crate::media::Format;
use crate::providers::{answer, malformed, seconds};
use crate::world::{Desk, Refusal, iso, now_ms};

fn located(desk: &Desk, job: &Job, status: &str) -> Value {
    let base = format!("{}/{}/requests/{}", desk.origin(), app(&job.model), job.id);
    json!({ "status": status, "request_id": job.id, "response_url": base,
        "status_url": format!("{base}/status"), "cancel_url": format!("{base}/cancel") })
}

/// The answer to a submission.
pub fn submitted(desk: &Desk, job: &Job) -> Response {
    let mut body = located(desk, job, "IN_QUEUE");
    body["queue_position"] = desk.world.jobs.waiting_before(job, now_ms()).into();
    ([("x-fal-request-id", job.id.clone())], answer(200, &body)).into_response()
}

/// The status of a request: 202 until it is completed, which failed ones are too.
pub fn status(desk: &Desk, job: &Job, with_logs: bool) -> Response {
    let (status, body) = state(desk, job, with_logs);
    answer(status, &body)
}

/// The status and its body as they stand.
pub fn state(desk: &Desk, job: &Job, with_logs: bool) -> (u16, Value) {
    let now_ms = now_ms();
    let logs = || {
        let line = json!({ "message": format!("Using seed: {}", job.seed), "level": "INFO", "source": "USER",
            "timestamp": iso(job.starts_at_ms.unwrap_or(job.accepted_at_ms)) });
        if with_logs { json!([line]) } else { Value::Null }
    };
    match job.stage(now_ms) {
        Stage::Queued => {
            let mut body = located(desk, job, "IN_QUEUE");
            body["queue_position"] = desk.world.jobs.waiting_before(job, now_ms).into();
            (202, body)
        }
        Stage::Running | Stage::Ended(Outcome::Never) => {
            let mut body = located(desk, job, "IN_PROGRESS");
            body["logs"] = logs();
            (202, body)
        }
        Stage::Ended(_) | Stage::Cancelled | Stage::Expired { .. } => {
            let mut body = located(desk, job, "COMPLETED");
            body["logs"] = logs();
            body["metrics"] = json!({ "inference_time": seconds(job.ran_ms(now_ms)) });
            if let Some(failure) = Failure::of(job, now_ms) {
                body["error"] = failure.text.into();
                body["error_type"] = failure.kind.into();
            }
            (200, body)
        }
    }
}

/// How a request that brought no media is reported.
struct Failure {
    status: u16,
    text: &'static str,
    kind: &'static str,
}

impl Failure {
    fn of(job: &Job, now_ms: i64) -> Option<Self> {
        let (status, text, kind) = match job.stage(now_ms) {
            Stage::Cancelled | Stage::Expired { .. } => {
                (499, "Request was cancelled by the client", "client_cancelled")
            }
            Stage::Ended(Outcome::Fault) => (500, "Internal Server Error", "internal_server_error"),
            Stage::Ended(Outcome::RejectInput) => (422, "Invalid status code: 422", "bad_request"),
            Stage::Ended(Outcome::RejectContent) => (422, "Invalid status code: 422", "content_policy_violation"),
            _ => return None,
        };
        Some(Self { status, text, kind })
    }

    fn body(&self, job: &Job) -> Value {
        match job.outcome {
            _ if self.status == 499 => json!({ "detail": self.text, "error_type": self.kind }),
            Outcome::RejectInput => json!({ "detail": details(&job.problems, &job.input) }),
            Outcome::RejectContent => {
                let message =
                    "The content could not be processed because it contained material flagged by a content checker.";
                let problem = Problem {
                    field: "prompt".to_owned(),
                    message: message.to_owned(),
                    kind: "content_policy_violation".to_owned(),
                };
                json!({ "detail": details(&[problem], &job.input) })
            }
            _ => json!({ "detail": self.text, "error_type": self.kind }),
        }
    }
}

/// The result of a request: the model's output, or its error with its status.
pub fn result(desk: &Desk, job: &Job) -> Response {
    let now_ms = now_ms();
    if !job.is_over(now_ms) {
        return answer(400, &json!({ "detail": "Request is still in progress" }));
    }
    let Some(failure) = Failure::of(job, now_ms) else { return answer(200, &output(desk, job)) };
    let body = failure.body(job);
    let retryable = if failure.status == 500 { "true" } else { "false" };
    let headers = [("x-fal-error-type", failure.kind), ("x-fal-retryable", retryable)];
    (headers, answer(failure.status, &body)).into_response()
}

/// The body of a callback about an ended request.
pub fn report(desk: &Desk, job: &Job) -> Value {
    let mut body = json!({ "request_id": job.id, "gateway_request_id": job.id });
    match Failure::of(job, now_ms()) {
        None => {
            body["status"] = "OK".into();
            body["payload"] = output(desk, job);
        }
        Some(failure) => {
            body["status"] = "ERROR".into();
            body["error"] = format!("Invalid status code: {}", failure.status).into();
            body["payload"] = failure.body(job);
        }
    }
    body
}

fn details(problems: &[Problem], input: &Value) -> Vec<Value> {
    let detail = |problem: &Problem| {
        json!({ "loc": ["body", problem.field], "msg": problem.message, "type": problem.kind,
            "url": format!("https://docs.fal.ai/errors/#{}", problem.kind), "input": input[&problem.field] })
    };
    problems.iter().map(detail).collect()
}

fn output(desk: &Desk, job: &Job) -> Value {
    let file = |(index, art): (usize, &crate::media::Artwork)| {
        let url = files::url(desk, job, index);
        let name = url.rsplit('/').next().unwrap_or_default().to_owned();
        (url, name, art.clone())
    };
    let mut files = job.artworks.iter().enumerate().map(file);
    if job.artworks.first().is_some_and(|art| art.format == Format::Mp4) {
        let video = files.next().map(|(url, name, art)| {
            json!({ "url": url, "content_type": art.format.content_type(), "file_name": name, "file_size": null })
        });
        return json!({ "video": video, "seed": job.seed });
    }
    let image = |(url, name, art): (String, String, crate::media::Artwork)| {
        json!({ "url": url, "content_type": art.format.content_type(), "file_name": name, "file_size": null,
            "width": art.width, "height": art.height })
    };
    let images: Vec<Value> = files.map(image).collect();
    json!({ "images": images, "seed": job.seed, "has_nsfw_concepts": vec![false; job.artworks.len()],
        "prompt": job.input["prompt"], "timings": { "inference": seconds(job.run_ms) } })
}

/// A refused submission or lookup.
pub fn refuse(refusal: &Refusal) -> Response {
    let (status, detail, kind) = match refusal {
        Refusal::Unauthenticated => {
            (401, "Authentication is required to access this application.", "authentication_error")
        }
        Refusal::NoCredit => {
            let text = "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing.";
            (402, text, "exhausted_balance")
        }
        Refusal::NoSuchModel => (404, "Not Found", "not_found"),
        Refusal::Unreadable | Refusal::Invalid(_) => (400, "The request body is not a JSON object.", "bad_request"),
        Refusal::Content => (422, "Content policy violation", "content_policy_violation"),
        Refusal::Throttled | Refusal::TooManyActive => (429, "Too many requests.", "rate_limited"),
        Refusal::Fault => (500, "Internal Server Error", "internal_error"),
        Refusal::Malformed => return malformed(200),
    };
    ([("x-fal-error-type", kind)], answer(status, &json!({ "detail": detail, "error_type": kind }))).into_response()
}
