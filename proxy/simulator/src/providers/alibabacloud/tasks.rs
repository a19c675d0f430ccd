//! Tasks: submitted by header, polled, cancelled while pending, forgotten after a day.

use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde_json::{Value, json};
use uuid::Uuid;

use super::has_key;
use super::models::{self, Input};
use super::words::{refuse, said, task, unknown};
use crate::inbound::Inbound;
use crate::jobs::{Job, Stage};
use crate::providers::{Reading, answer, draft, judged, refused, take_on};
use crate::spoil;
use crate::world::{Desk, Refusal, now_ms};

/// A task and its URLs live a day.
const LIFETIME_MS: i64 = 24 * 3_600_000;
/// Most tasks of one page of the list.
const PAGE: usize = 100;

/// Takes a task.
pub async fn submit(State(desk): State<Desk>, request: Request) -> Response {
    let inbound = Inbound::read(request).await;
    accept(&desk, &inbound).await.unwrap_or_else(|refusal| refuse(&refusal))
}

async fn accept(desk: &Desk, inbound: &Inbound) -> Result<Response, Refusal> {
    let input = inbound.object().map(Input);
    let name = input.as_ref().map(Input::model).unwrap_or_default().to_owned();
    let ticket = desk.admit(inbound, &name, has_key(inbound)).await?;
    if inbound.header("x-dashscope-async") != Some("enable") {
        return Ok(said(403, "AccessDenied", "current user api does not support synchronous calls."));
    }
    let input = input.ok_or(Refusal::Unreadable)?;
    let path = models::Path::of(&inbound.path);
    if !path.offers(&name) {
        return Err(Refusal::NoSuchModel);
    }
    refused(desk, &ticket, judged(&ticket, input.task_problems(path), "input.prompt")).await?;
    let reading = Reading {
        id: Uuid::new_v4().to_string(),
        model: &name,
        prompt: input.text("prompt").unwrap_or_default(),
        seed: input.parameter("seed").and_then(Value::as_u64),
        wanted: if path == models::Path::Stills { input.image() } else { input.video() },
        input: Value::Object(input.0.clone()),
    };
    let mut draft = draft(desk, &ticket, reading);
    draft.max_running = ticket.settings.max_active;
    let fault = draft.fault;
    let job = take_on(desk, &ticket, draft).await?;
    let output = json!({ "task_status": "PENDING", "task_id": job.id });
    let body = json!({ "output": output, "request_id": Uuid::new_v4().to_string() });
    Ok(spoil::sent(inbound, fault, answer(200, &body)).await)
}

fn find(desk: &Desk, id: &str) -> Option<Job> {
    let job = desk.world.jobs.get(desk.provider, id)?;
    let expired = job.ended_at_ms(now_ms()).is_some_and(|ended| ended + LIFETIME_MS <= now_ms());
    (!expired).then_some(job)
}

/// One task; what is not there any more is unknown, and so is what never was.
pub async fn poll(State(desk): State<Desk>, Path(id): Path<String>, request: Request) -> Response {
    if !has_key(&Inbound::read(request).await) {
        return refuse(&Refusal::Unauthenticated);
    }
    let body = find(&desk, &id).map_or_else(|| unknown(&id), |job| task(&desk, &job, now_ms()));
    answer(200, &body)
}

/// Pending tasks only.
pub async fn cancel(State(desk): State<Desk>, Path(id): Path<String>, request: Request) -> Response {
    if !has_key(&Inbound::read(request).await) {
        return refuse(&Refusal::Unauthenticated);
    }
    let pending = find(&desk, &id).is_some_and(|job| job.stage(now_ms()) == Stage::Queued);
    if !pending {
        let text = "Failed to cancel the task, please confirm if the task is in PENDING status.";
        return said(400, "UnsupportedOperation", text);
    }
    match desk.cancel(&id) {
        Ok(_) => answer(200, &json!({ "request_id": Uuid::new_v4().to_string() })),
        Err(refusal) => refuse(&refusal),
    }
}

/// Newest first.
pub async fn list(State(desk): State<Desk>, request: Request) -> Response {
    let inbound = Inbound::read(request).await;
    if !has_key(&inbound) {
        return refuse(&Refusal::Unauthenticated);
    }
    let number =
        |name| inbound.parameter(name).and_then(|text| text.parse::<usize>().ok()).filter(|number| *number > 0);
    let (page, size) = (number("page_no").unwrap_or(1), number("page_size").unwrap_or(10).min(PAGE));
    let (status, model) = (inbound.parameter("status"), inbound.parameter("model_name"));
    let jobs = desk.world.jobs.list(desk.provider, u64::MAX, 10 * PAGE);
    let tasks = jobs.iter().filter(|job| !job.id.starts_with("img-")).map(|job| {
        let mut row = task(&desk, job, now_ms())["output"].take();
        row["model_name"] = job.model.clone().into();
        row["status"] = row["task_status"].clone();
        row
    });
    let fits = |row: &Value| {
        let is = |field: &str, wanted: &Option<String>| wanted.as_ref().is_none_or(|wanted| row[field] == **wanted);
        is("status", &status) && is("model_name", &model)
    };
    let found: Vec<Value> = tasks.filter(fits).collect();
    let rows: Vec<&Value> = found.iter().skip((page - 1).saturating_mul(size)).take(size).collect();
    answer(
        200,
        &json!({ "request_id": Uuid::new_v4().to_string(), "data": rows, "total": found.len(),
        "total_page": found.len().div_ceil(size), "page_no": page, "page_size": size }),
    )
}
