//! The wire formats, one module each, and what they have in common.
//!
//! A module parses its provider's requests and words its provider's answers; when and whether something happens is
//! decided in `world`, `behavior` and `jobs`.

pub mod bfl;
mod check;
mod cloudflare;
mod fal;
pub mod replicate;
mod wanted;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::files;
use crate::jobs::Draft;
use crate::media;
use crate::paces::{Kind, run_latency_ms};
use crate::provider::Provider;
use crate::world::{Desk, Ticket};
use wanted::Wanted;

/// True for providers whose formats are written; the others answer 501 to everything.
pub fn is_simulated(provider: Provider) -> bool {
    matches!(provider, Provider::Replicate | Provider::Fal | Provider::Bfl | Provider::Cloudflare)
}

/// All routes of one provider's port.
pub fn router(desk: Desk) -> Router {
    let routes = match desk.provider {
        Provider::Replicate => replicate::routes(),
        Provider::Fal => fal::routes(),
        Provider::Bfl => bfl::routes(),
        Provider::Cloudflare => cloudflare::routes(),
        Provider::Openai | Provider::Runway | Provider::Byteplus | Provider::Alibabacloud => {
            Router::new().fallback(not_written)
        }
    };
    routes.route(files::ROUTE, get(files::serve)).with_state(desk)
}

async fn not_written() -> Response {
    let text = "this provider is not simulated yet";
    (StatusCode::NOT_IMPLEMENTED, Json(json!({ "error": text }))).into_response()
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
