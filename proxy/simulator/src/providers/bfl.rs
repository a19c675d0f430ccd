//! bfl's wire format (`providers.md` §3): submit, `get_result`, `credits`, signed webhooks. There is no cancelling.
//! The polling URL names another host than the submission, as the real one does.

mod models;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::check::problem;
use super::{Reading, answer, draft, judged, malformed, progress, refused, seconds, take_on};
use crate::callbacks::Envelope;
use crate::files;
use crate::inbound::Inbound;
use crate::jobs::{Callback, Event, Job, Outcome, Problem, Stage};
use crate::signing;
use crate::spoil;
use crate::world::{Desk, Refusal, iso, now_ms};

/// Paths of §3.1 with the price of an image in credits (a cent each).
const MODELS: [(&str, f64); 14] = [
    ("flux-pro-1.1", 4.0),
    ("flux-pro-1.1-ultra", 6.0),
    ("flux-dev", 2.5),
    ("flux-kontext-pro", 4.0),
    ("flux-kontext-max", 8.0),
    ("flux-pro-1.0-fill", 5.0),
    ("flux-pro-1.0-expand", 5.0),
    ("flux-2-pro", 3.0),
    ("flux-2-max", 7.0),
    ("flux-2-flex", 5.0),
    ("flux-2-klein-4b", 1.4),
    ("flux-2-klein-9b", 1.5),
    ("flux-2-pro-preview", 3.0),
    ("flux-2-klein-9b-preview", 1.5),
];

/// The provider's paths.
pub fn routes() -> Router<Desk> {
    Router::new()
        .route("/v1/{model}", post(submit))
        .route("/v1/get_result", get(result))
        .route("/v1/credits", get(credits))
        .fallback(|| async { refuse(&Refusal::NoSuchModel) })
}

async fn submit(State(desk): State<Desk>, Path(model): Path<String>, request: Request) -> Response {
    let inbound = Inbound::read(request).await;
    accept(&desk, &inbound, &model).await.unwrap_or_else(|refusal| refuse(&refusal))
}

fn has_key(inbound: &Inbound) -> bool {
    inbound.header("x-key").is_some_and(|key| !key.trim().is_empty())
}

async fn accept(desk: &Desk, inbound: &Inbound, model: &str) -> Result<Response, Refusal> {
    let path = format!("/v1/{model}");
    let ticket = desk.admit(inbound, &path, has_key(inbound)).await?;
    let &(_, cost) = MODELS.iter().find(|(known, _)| *known == model).ok_or(Refusal::NoSuchModel)?;
    desk.within_active(&ticket)?;
    let body = inbound.object().ok_or(Refusal::Unreadable)?;
    refused(desk, &ticket, judged(&ticket, models::problems(model, &body), "prompt")).await?;
    let reading = Reading {
        id: Uuid::new_v4().to_string(),
        model: &path,
        prompt: body.get("prompt").and_then(Value::as_str).unwrap_or_default(),
        seed: body.get("seed").and_then(Value::as_u64),
        wanted: models::wanted(model, &body),
        input: Value::Object(body.clone()),
    };
    let mut draft = draft(desk, &ticket, reading);
    draft.callback = callback_of(&body);
    let fault = draft.fault;
    let job = take_on(desk, &ticket, draft).await?;
    Ok(spoil::sent(inbound, fault, answer(200, &accepted(desk, &job, cost))).await)
}

/// With a webhook there is no polling URL; the caller asks `get_result` itself.
fn accepted(desk: &Desk, job: &Job, cost: f64) -> Value {
    let megapixels: f64 = job.artworks.iter().map(|art| f64::from(art.width) * f64::from(art.height) / 1e6).sum();
    let mut body = json!({ "id": job.id, "cost": cost, "input_mp": 0.0, "output_mp": megapixels });
    if let Some(callback) = &job.callback {
        body["status"] = "Pending".into();
        body["webhook_url"] = callback.url.clone().into();
    } else {
        let host = desk.origin().replace("127.0.0.1", "localhost");
        body["polling_url"] = format!("{host}/v1/get_result?id={}", job.id).into();
    }
    body
}

fn callback_of(body: &Map<String, Value>) -> Option<Callback> {
    let text = |name| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let (url, secret) = (text("webhook_url")?, text("webhook_secret"));
    Some(Callback { url, secret, events: vec![Event::Ended], delivered: false })
}

async fn result(State(desk): State<Desk>, request: Request) -> Response {
    let inbound = Inbound::read(request).await;
    if !has_key(&inbound) {
        return refuse(&Refusal::Unauthenticated);
    }
    let Some(id) = inbound.parameter("id") else {
        return refuse(&Refusal::Invalid(vec![problem("id", "Field required", "missing")]));
    };
    let nothing = json!({ "id": id, "status": "Task not found", "result": null, "progress": null,
        "details": null, "preview": null });
    let job = desk.world.jobs.get(desk.provider, &id);
    answer(200, &job.map_or(nothing, |job| task(&desk, &job, now_ms())))
}

fn task(desk: &Desk, job: &Job, now_ms: i64) -> Value {
    let (status, result, details) = match job.stage(now_ms) {
        Stage::Queued | Stage::Running | Stage::Ended(Outcome::Never) => ("Pending", Value::Null, Value::Null),
        Stage::Ended(Outcome::Succeed) => ("Ready", sample(desk, job), Value::Null),
        Stage::Ended(Outcome::RejectContent) => {
            ("Request Moderated", Value::Null, json!({ "Moderation Reasons": ["Safety Filter"] }))
        }
        Stage::Ended(Outcome::Fault | Outcome::RejectInput) | Stage::Cancelled | Stage::Expired { .. } => {
            ("Error", Value::Null, json!({ "error": "The task failed unexpectedly" }))
        }
    };
    let progress = (status == "Pending").then(|| progress(job, now_ms));
    json!({ "id": job.id, "status": status, "result": result, "progress": progress, "details": details,
        "preview": null })
}

fn sample(desk: &Desk, job: &Job) -> Value {
    let start = job.starts_at_ms.unwrap_or(job.accepted_at_ms);
    let end = start + job.run_ms;
    json!({
        "sample": format!("{}?se={}&sig={}", files::url(desk, job, 0), iso(end + 600_000), &job.token[..16]),
        "prompt": job.input["prompt"], "seed": job.seed,
        "start_time": seconds_since_epoch(start), "end_time": seconds_since_epoch(end),
        "duration": seconds(job.run_ms),
    })
}

fn seconds_since_epoch(at_ms: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit 53 bits")]
    let milliseconds = at_ms as f64;
    milliseconds / 1_000.0
}

async fn credits(request: Request) -> Response {
    if !has_key(&Inbound::read(request).await) {
        return refuse(&Refusal::Unauthenticated);
    }
    answer(200, &json!({ "credits": 10_000.0 }))
}

/// The callback of an ended job, signed with the caller's secret.
pub fn callback(desk: &Desk, job: &Job, callback: &Callback, _: Event) -> Envelope {
    let task = task(desk, job, now_ms());
    let timestamp = iso(now_ms());
    let mut body = json!({ "id": job.id, "status": task["status"], "timestamp": timestamp });
    if task["result"]["sample"].is_string() {
        let (sample, prompt) = (&task["result"]["sample"], &task["result"]["prompt"]);
        body["result"] = json!({ "sample": sample, "prompt": prompt, "seed": job.seed });
    } else {
        body["error"] = task["status"].clone();
        body["message"] = "The task did not produce an image".into();
    }
    let body = body.to_string();
    let mut headers = vec![("content-type", "application/json".to_owned())];
    if let Some(secret) = &callback.secret {
        let signature = hex::encode(signing::hmac(secret.as_bytes(), &body));
        headers.push(("x-bfl-signature", format!("sha256={signature}")));
    }
    Envelope { headers, body }
}

/// A refused submission or lookup.
fn refuse(refusal: &Refusal) -> Response {
    match refusal {
        Refusal::Unauthenticated => answer(403, &json!({ "detail": "Not authenticated - missing or invalid x-key" })),
        Refusal::NoCredit => {
            let message = "Insufficient credits. Add credits at https://api.bfl.ai";
            answer(402, &json!({ "error": "insufficient_credits", "message": message }))
        }
        Refusal::NoSuchModel => answer(404, &json!({ "detail": "Not Found" })),
        Refusal::Unreadable => answer(400, &json!({ "detail": "There was an error parsing the body" })),
        Refusal::Content => answer(422, &json!({ "detail": "Request Moderated" })),
        Refusal::Invalid(problems) => {
            let entry = |problem: &Problem| json!({ "loc": ["body", problem.field], "msg": problem.message, "type": problem.kind });
            answer(422, &json!({ "detail": problems.iter().map(entry).collect::<Vec<_>>() }))
        }
        Refusal::Throttled | Refusal::TooManyActive => {
            let message = "Too many active tasks. Wait for some to finish.";
            let body = json!({ "error": "rate_limit_exceeded", "message": message, "retry_after": 5 });
            ([("retry-after", "5")], answer(429, &body)).into_response()
        }
        Refusal::Fault => answer(500, &json!({ "detail": "Internal Server Error" })),
        Refusal::Malformed => malformed(200),
    }
}
