//! Video tasks: submit, look up, list, and what DELETE means in each state.

use axum::extract::{Path, Request, State};
use axum::response::Response;
use rand::RngExt;
use serde_json::{Map, Value, json};

use super::words::{refuse, said, task};
use super::{has_key, models};
use crate::behavior::Behavior;
use crate::inbound::Inbound;
use crate::jobs::{Callback, Event, Stage};
use crate::media::Format;
use crate::providers::wanted::Wanted;
use crate::providers::{Reading, answer, draft, judged, refused, take_on};
use crate::spoil;
use crate::world::{Desk, Refusal, now_ms};

/// Most tasks of one page of the list.
const PAGE: usize = 500;
/// Seconds until an unfinished task expires when it doesn't say.
const EXPIRES_S: i64 = 172_800;

/// Takes a task.
pub async fn submit(desk: &Desk, inbound: &Inbound) -> Result<Response, Refusal> {
    let body = inbound.object();
    let name = body.as_ref().and_then(|body| body.get("model")?.as_str()).unwrap_or_default().to_owned();
    let ticket = desk.admit(inbound, &name, has_key(inbound)).await?;
    let body = body.ok_or(Refusal::Unreadable)?;
    let model = models::video(&name).ok_or(Refusal::NoSuchModel)?;
    refused(desk, &ticket, judged(&ticket, model.problems(&body), "content")).await?;
    if ticket.draw.behavior == Behavior::RejectContent {
        desk.pause(&ticket).await;
        return Err(Refusal::Content);
    }
    let wanted =
        Wanted { size: model.size(&body), format: Format::Mp4, count: 1, duration_ms: models::seconds(&body) * 1_000 };
    let reading = Reading {
        id: new_id(),
        model: &name,
        prompt: prompt(&body),
        seed: body.get("seed").and_then(Value::as_u64),
        wanted,
        input: Value::Object(body.clone()),
    };
    let mut draft = draft(desk, &ticket, reading);
    draft.max_running = ticket.settings.max_active;
    draft.callback = callback_of(&body);
    let expires_s = body.get("execution_expires_after").and_then(Value::as_i64).unwrap_or(EXPIRES_S);
    draft.cancel_after_ms = Some(expires_s * 1_000);
    let fault = draft.fault;
    let job = take_on(desk, &ticket, draft).await?;
    Ok(spoil::sent(inbound, fault, answer(200, &json!({ "id": job.id }))).await)
}

fn prompt(body: &Map<String, Value>) -> &str {
    let mut items = body.get("content").and_then(Value::as_array).into_iter().flatten();
    items.find_map(|item| item.get("text")?.as_str()).unwrap_or_default()
}

fn callback_of(body: &Map<String, Value>) -> Option<Callback> {
    let url = body.get("callback_url")?.as_str()?.to_owned();
    let events = vec![Event::Queued, Event::Started, Event::Ended];
    Some(Callback { url, secret: None, events, delivered: false })
}

/// `cgt-`, the time, five letters.
fn new_id() -> String {
    let mut rng = rand::rng();
    let tail: String = (0..5).map(|_| char::from(b'a' + rng.random_range(0..26))).collect();
    format!("cgt-{}-{tail}", chrono::Utc::now().format("%Y%m%d%H%M%S"))
}

/// One task.
pub async fn poll(State(desk): State<Desk>, Path(id): Path<String>, request: Request) -> Response {
    if !has_key(&Inbound::read(request).await) {
        return refuse(&Refusal::Unauthenticated);
    }
    match desk.world.jobs.get(desk.provider, &id) {
        Some(job) => answer(200, &task(&desk, &job, now_ms())),
        None => said(404, "NotFound.TaskNotFound", "The task does not exist."),
    }
}

/// Newest first, by page and filters.
pub async fn list(State(desk): State<Desk>, request: Request) -> Response {
    let inbound = Inbound::read(request).await;
    if !has_key(&inbound) {
        return refuse(&Refusal::Unauthenticated);
    }
    let number =
        |name| inbound.parameter(name).and_then(|text| text.parse::<usize>().ok()).filter(|number| *number > 0);
    let (page, size) = (number("page_num").unwrap_or(1), number("page_size").unwrap_or(20).min(PAGE));
    let (status, model) = (inbound.parameter("filter.status"), inbound.parameter("filter.model"));
    let jobs = desk.world.jobs.list(desk.provider, u64::MAX, 10 * PAGE);
    let tasks = jobs.iter().filter(|job| job.id.starts_with("cgt-")).map(|job| task(&desk, job, now_ms()));
    let fits = |task: &Value| {
        let is = |field: &str, wanted: &Option<String>| wanted.as_ref().is_none_or(|wanted| task[field] == **wanted);
        is("status", &status) && is("model", &model)
    };
    let found: Vec<Value> = tasks.filter(fits).collect();
    let items: Vec<&Value> = found.iter().skip((page - 1).saturating_mul(size)).take(size).collect();
    answer(200, &json!({ "items": items, "total": found.len() }))
}

/// A queued task is cancelled, a running or cancelled one refuses, and the record of any other is deleted.
pub async fn remove(State(desk): State<Desk>, Path(id): Path<String>, request: Request) -> Response {
    if !has_key(&Inbound::read(request).await) {
        return refuse(&Refusal::Unauthenticated);
    }
    let Some(job) = desk.world.jobs.get(desk.provider, &id) else {
        return said(404, "NotFound.TaskNotFound", "The task does not exist.");
    };
    let done = match job.stage(now_ms()) {
        Stage::Queued => desk.cancel(&id).map(drop),
        Stage::Running | Stage::Cancelled => {
            return said(409, "InvalidAction.TaskState", "The task cannot be deleted in its current state.");
        }
        Stage::Ended(_) | Stage::Expired { .. } => desk.delete(&id).map(drop),
    };
    done.map_or_else(|refusal| refuse(&refusal), |()| answer(200, &json!({})))
}
