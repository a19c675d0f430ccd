//! The wire formats, one module each, and what they have in common.
//!
//! A module parses its provider's requests and words its provider's answers; when and whether something happens is
//! decided in `world`, `behavior` and `jobs`.

mod alibabacloud;
mod bfl;
mod byteplus;
mod check;
mod cloudflare;
mod fal;
mod held;
mod openai;
mod replicate;
mod runway;
mod wanted;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::Value;

use crate::behavior::{Behavior, Fault};
use crate::callbacks::{self, Wording};
use crate::files;
use crate::jobs::{Draft, Job, Outcome, Problem};
use crate::media;
use crate::paces::{Kind, run_latency_ms};
use crate::provider::Provider;
use crate::world::{Desk, Refusal, Ticket};
use wanted::Wanted;

/// All routes of one provider's port.
pub fn router(desk: Desk) -> Router {
    let routes = match desk.provider {
        Provider::Replicate => replicate::routes(),
        Provider::Fal => fal::routes(),
        Provider::Bfl => bfl::routes(),
        Provider::Openai => openai::routes(),
        Provider::Runway => runway::routes(),
        Provider::Byteplus => byteplus::routes(),
        Provider::Alibabacloud => alibabacloud::routes(),
        Provider::Cloudflare => cloudflare::routes(),
    };
    routes.route(files::ROUTE, get(files::serve)).with_state(desk)
}

/// How a provider words its callbacks, where it has any.
fn wording(provider: Provider) -> Option<Wording> {
    match provider {
        Provider::Replicate => Some(replicate::callback),
        Provider::Fal => Some(fal::callback),
        Provider::Bfl => Some(bfl::callback),
        Provider::Byteplus => Some(byteplus::callback),
        Provider::Openai | Provider::Runway | Provider::Alibabacloud | Provider::Cloudflare => None,
    }
}

/// Follows a job whose caller wants to be called.
pub fn follow(desk: &Desk, job: &Job) {
    if let Some(wording) = wording(desk.provider) {
        callbacks::follow(desk, job, wording);
    }
}

/// Accepts a job and waits until its submission may be answered.
async fn take_on(desk: &Desk, ticket: &Ticket, mut draft: Draft) -> Result<Job, Refusal> {
    let first = draft.fault == Some(Fault::WebhookFirst) && draft.outcome != Outcome::Never;
    if first && draft.callback.is_some() {
        (draft.accepted_at_ms, draft.queue_ms, draft.run_ms) = (ticket.now_ms, 0, 0);
        let job = desk.accept(ticket, draft)?;
        if let Some(wording) = wording(desk.provider) {
            callbacks::report_first(desk, &job, wording).await;
        }
        return Ok(job);
    }
    let job = desk.accept(ticket, draft)?;
    follow(desk, &job);
    desk.pause(ticket).await;
    Ok(job)
}

/// What is wrong with an input: what was found, or what the behaviour asks for.
fn judged(ticket: &Ticket, mut problems: Vec<Problem>, field: &str) -> Vec<Problem> {
    if ticket.draw.behavior == Behavior::RejectInput && problems.is_empty() {
        problems.push(check::problem(field, "Input is not acceptable to this model", "value_error"));
    }
    problems
}

/// A problem that is refused at once, in due time.
async fn refused(desk: &Desk, ticket: &Ticket, problems: Vec<Problem>) -> Result<(), Refusal> {
    if problems.is_empty() {
        return Ok(());
    }
    desk.pause(ticket).await;
    Err(Refusal::Invalid(problems))
}

/// A JSON answer.
fn answer(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Json(body)).into_response()
}

/// A good status with a body that is no provider's.
fn malformed(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    (status, [(header::CONTENT_TYPE, "text/html")], "<!doctype html><title>Welcome</title>").into_response()
}

/// What a provider's module has read from a submission.
struct Reading<'a> {
    id: String,
    model: &'a str,
    input: Value,
    prompt: &'a str,
    seed: Option<u64>,
    wanted: Wanted,
}

/// The draft of a job that runs at its default or asked-for pace.
fn draft(desk: &Desk, ticket: &Ticket, reading: Reading<'_>) -> Draft {
    let Reading { id, model, input, prompt, seed, wanted } = reading;
    let kind = if wanted.format == media::Format::Mp4 { Kind::Video } else { Kind::Image };
    let set = ticket.settings.run_latency_ms;
    let latency_ms = set.unwrap_or_else(|| run_latency_ms(model, kind, desk.world.realistic, ticket.draw.number));
    let latency_ms = i64::try_from(latency_ms).unwrap_or(i64::MAX / 2);
    let submit_ms = i64::try_from(ticket.settings.submit_latency_ms).unwrap_or(0);
    let seed = seed.unwrap_or_else(|| ticket.drawn_seed());
    Draft {
        id,
        provider: desk.provider,
        model: model.to_owned(),
        input: crate::inbound::kept(input),
        outcome: ticket.outcome(),
        problems: Vec::new(),
        accepted_at_ms: ticket.now_ms + submit_ms,
        // A tenth of the time is spent waiting for a machine.
        queue_ms: latency_ms / 10,
        run_ms: latency_ms - latency_ms / 10,
        max_running: None,
        cancel_after_ms: None,
        token: hex::encode(rand::random::<[u8; 20]>()),
        seed,
        artworks: wanted.artworks(prompt, seed),
        callback: None,
        fault: ticket.draw.fault,
    }
}

/// How far a job is, 0 to 1.
fn progress(job: &crate::jobs::Job, now_ms: i64) -> f64 {
    let share = u32::try_from(job.ran_ms(now_ms) * 100 / job.run_ms.max(1)).unwrap_or(100).min(99);
    f64::from(share) / 100.0
}

/// Milliseconds as seconds.
fn seconds(milliseconds: i64) -> f64 {
    f64::from(i32::try_from(milliseconds).unwrap_or(i32::MAX)) / 1000.0
}
