//! Runway's wire format (`providers.md` §5): tasks that are polled and deleted. Every request names a version of the
//! API. Tasks over `max_active` are throttled, never refused. Uploads are not simulated, and assets are not fetched:
//! loopback and plain http ones are let through, as they are in a development set-up.

mod models;
mod words;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::check::problem;
use super::{Reading, answer, draft, judged, refused, take_on};
use crate::inbound::Inbound;
use crate::jobs::Stage;
use crate::spoil;
use crate::world::{Desk, Refusal, now_ms};
use models::Model;
use words::{estimate, refuse, task, wrong_version};

/// The version of the API.
const VERSION: &str = "2024-11-06";

/// The provider's paths.
pub fn routes() -> Router<Desk> {
    Router::new()
        .route("/v1/text_to_image", post(submit))
        .route("/v1/text_to_video", post(submit))
        .route("/v1/image_to_video", post(submit))
        .route("/v1/tasks/{id}", get(poll).delete(remove))
        .route("/v1/organization", get(organization))
        .fallback(|| async { refuse(&Refusal::NoSuchModel) })
        .method_not_allowed_fallback(|| async { answer(405, &json!({ "error": "Method not allowed" })) })
}

/// Who asks, and by which version; both come before everything else.
fn known(inbound: &Inbound) -> Result<(), Response> {
    if !inbound.has_key(&["Bearer"]) {
        return Err(refuse(&Refusal::Unauthenticated));
    }
    if inbound.header("x-runway-version") == Some(VERSION) { Ok(()) } else { Err(wrong_version()) }
}

async fn submit(State(desk): State<Desk>, request: Request) -> Response {
    let inbound = Inbound::read(request).await;
    accept(&desk, &inbound).await.unwrap_or_else(|refusal| refuse(&refusal))
}

async fn accept(desk: &Desk, inbound: &Inbound) -> Result<Response, Refusal> {
    let body = inbound.object();
    let name = body.as_ref().and_then(|body| body.get("model")?.as_str()).unwrap_or_default().to_owned();
    let ticket = desk.admit(inbound, &name, inbound.has_key(&["Bearer"])).await?;
    if let Err(answered) = known(inbound) {
        return Ok(answered);
    }
    let body = body.ok_or(Refusal::Unreadable)?;
    let endpoint = inbound.path.trim_start_matches("/v1/");
    let Some(model) = Model::find(endpoint, &name) else {
        refused(desk, &ticket, vec![problem("model", "Invalid discriminator value", "invalid_union_discriminator")])
            .await?;
        return Err(Refusal::NoSuchModel);
    };
    refused(desk, &ticket, judged(&ticket, model.problems(endpoint, &body), "promptText")).await?;
    let reading = Reading {
        id: Uuid::new_v4().to_string(),
        model: &name,
        prompt: body.get("promptText").and_then(Value::as_str).unwrap_or_default(),
        seed: body.get("seed").and_then(Value::as_u64),
        wanted: model.wanted(&body),
        input: Value::Object(body.clone()),
    };
    let mut draft = draft(desk, &ticket, reading);
    draft.max_running = ticket.settings.max_active;
    let fault = draft.fault;
    let job = take_on(desk, &ticket, draft).await?;
    let accepted = json!({ "id": job.id, "estimatedCost": { "credits": estimate(&job) } });
    Ok(spoil::sent(inbound, fault, answer(200, &accepted)).await)
}

async fn poll(State(desk): State<Desk>, Path(id): Path<String>, request: Request) -> Response {
    if let Err(answered) = known(&Inbound::read(request).await) {
        return answered;
    }
    match desk.world.jobs.get(desk.provider, &id) {
        Some(job) => answer(200, &task(&desk, &job, now_ms())),
        None => refuse(&Refusal::NoSuchModel),
    }
}

/// An unfinished task is cancelled; the record of a finished one is deleted with its output.
async fn remove(State(desk): State<Desk>, Path(id): Path<String>, request: Request) -> Response {
    if let Err(answered) = known(&Inbound::read(request).await) {
        return answered;
    }
    let Some(job) = desk.world.jobs.get(desk.provider, &id) else { return refuse(&Refusal::NoSuchModel) };
    let done = match job.stage(now_ms()) {
        Stage::Queued | Stage::Running => desk.cancel(&id).map(drop),
        Stage::Ended(_) | Stage::Cancelled | Stage::Expired { .. } => desk.delete(&id).map(drop),
    };
    done.map_or_else(|refusal| refuse(&refusal), |()| StatusCode::NO_CONTENT.into_response())
}

async fn organization(State(desk): State<Desk>, request: Request) -> Response {
    if let Err(answered) = known(&Inbound::read(request).await) {
        return answered;
    }
    let running = desk.world.knobs(desk.provider).and_then(|knobs| knobs.settings().max_active).unwrap_or(5);
    let limits = json!({ "maxConcurrentGenerations": running, "maxDailyGenerations": 1_000 });
    let per_model = |value: &Value| -> Value {
        Value::Object(models::names().map(|name| (name.to_owned(), value.clone())).collect::<Map<_, _>>())
    };
    answer(
        200,
        &json!({
            "creditBalance": 100_000,
            "tier": { "maxMonthlyCreditSpend": 1_000_000, "models": per_model(&limits) },
            "usage": { "models": per_model(&json!({ "dailyGenerations": 0 })) },
        }),
    )
}
