//! fal's queue (`providers.md` §2): submit, status, result, cancel. Input and content are judged by the model, so both
//! complaints come with the result and never with the submission. Jobs over `max_active` wait in the queue.
//!
//! Not simulated: `fal.run`, `sync_mode`, the `X-Fal-…` request headers.

mod models;
mod stream;
mod words;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::Response;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::check::check;
use super::wanted::Input;
use super::{Reading, answer, draft, judged, take_on};
use crate::callbacks::Envelope;
use crate::inbound::Inbound;
use crate::jobs::{Callback, Event, Job, Outcome, Stage};
use crate::provider::Provider;
use crate::spoil;
use crate::world::{Desk, Refusal, now_ms};
use words::refuse;

/// The provider's paths: everything is below a model's name, of any depth.
pub fn routes() -> Router<Desk> {
    Router::new().fallback(route)
}

async fn route(State(desk): State<Desk>, request: Request) -> Response {
    let method = request.method().clone();
    let inbound = Inbound::read(request).await;
    let path = inbound.path.trim_matches('/').to_owned();
    let answered = match path.split_once("/requests/") {
        None if method == Method::GET && path == ".well-known/jwks.json" => {
            Ok(answer(200, &desk.world.signing.key_set()))
        }
        Some((app, rest)) => about_job(&desk, &inbound, &method, app, rest),
        None if method == Method::POST && path.contains('/') => submit(&desk, &inbound, &path).await,
        None => Err(Refusal::NoSuchModel),
    };
    answered.unwrap_or_else(|refusal| refuse(&refusal))
}

fn has_key(inbound: &Inbound) -> bool {
    inbound.has_key(&["Key"])
}

/// The part of an endpoint's name that owns its requests; one more where it begins with a namespace.
fn app(endpoint: &str) -> String {
    let parts = if endpoint.starts_with("workflows/") || endpoint.starts_with("comfy/") { 3 } else { 2 };
    endpoint.split('/').take(parts).collect::<Vec<_>>().join("/")
}

async fn submit(desk: &Desk, inbound: &Inbound, endpoint: &str) -> Result<Response, Refusal> {
    let ticket = desk.admit(inbound, endpoint, has_key(inbound)).await?;
    let input = inbound.object().ok_or(Refusal::Unreadable)?;
    let (groups, required) = models::schema(endpoint);
    let problems = judged(&ticket, check(&groups, &required, &input), "prompt");
    let reading = Reading {
        id: Uuid::new_v4().to_string(),
        model: endpoint,
        prompt: input.get("prompt").and_then(Value::as_str).unwrap_or_default(),
        // -1 asks for a random seed.
        seed: input.get("seed").and_then(Value::as_u64),
        wanted: Input::new(Provider::Fal, endpoint, &input).wanted(),
        input: Value::Object(input.clone()),
    };
    let mut draft = draft(desk, &ticket, reading);
    draft.max_running = ticket.settings.max_active;
    draft.callback = inbound.parameter("fal_webhook").map(|url| Callback {
        url,
        secret: None,
        events: vec![Event::Ended],
        delivered: false,
    });
    if !problems.is_empty() {
        draft.outcome = Outcome::RejectInput;
        draft.problems = problems;
    }
    let fault = draft.fault;
    let job = take_on(desk, &ticket, draft).await?;
    Ok(spoil::sent(inbound, fault, words::submitted(desk, &job)).await)
}

/// Everything below `/{app}/requests/`: `{id}/status`, `{id}`, `{id}/cancel`.
fn about_job(desk: &Desk, inbound: &Inbound, method: &Method, app_name: &str, rest: &str) -> Result<Response, Refusal> {
    if !has_key(inbound) {
        return Err(Refusal::Unauthenticated);
    }
    let (id, what) = rest.split_once('/').unwrap_or((rest, ""));
    let found = desk.world.jobs.get(desk.provider, id).filter(|job| app(&job.model) == app_name);
    match (method.as_str(), what, found) {
        ("PUT", "cancel", None) => Ok(answer(404, &json!({ "status": "NOT_FOUND" }))),
        ("PUT", "cancel", Some(job)) => cancel(desk, &job),
        ("GET", "status", Some(job)) => {
            Ok(words::status(desk, &job, inbound.parameter("logs").as_deref() == Some("1")))
        }
        ("GET", "status/stream", Some(job)) => Ok(stream::statuses(desk, &job)),
        ("GET", "", Some(job)) => Ok(words::result(desk, &job)),
        _ => Err(Refusal::NoSuchModel),
    }
}

/// A running job honours the signal here; the real ones may not.
fn cancel(desk: &Desk, job: &Job) -> Result<Response, Refusal> {
    let before = job.stage(now_ms());
    if !matches!(before, Stage::Queued | Stage::Running) {
        return Ok(answer(400, &json!({ "status": "ALREADY_COMPLETED" })));
    }
    desk.cancel(&job.id)?;
    Ok(answer(202, &json!({ "status": "CANCELLATION_REQUESTED" })))
}

/// The callback of an ended request, signed with the account's Ed25519 key.
pub fn callback(desk: &Desk, job: &Job, _: &Callback, _: Event) -> Envelope {
    let body = words::report(desk, job).to_string();
    let (user, timestamp) = ("simulated-user", (now_ms() / 1_000).to_string());
    let digest = hex::encode(Sha256::digest(body.as_bytes()));
    let signature = desk.world.signing.ed25519(&format!("{}\n{user}\n{timestamp}\n{digest}", job.id));
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("x-fal-webhook-request-id", job.id.clone()),
        ("x-fal-webhook-user-id", user.to_owned()),
        ("x-fal-webhook-timestamp", timestamp),
        ("x-fal-webhook-signature", hex::encode(signature)),
    ];
    Envelope { headers, body }
}
