//! `BytePlus` `ModelArk` (`providers.md` §6): images synchronously, videos as tasks with unsigned callbacks on every
//! change. Tasks over `max_active` wait in the queue. Streaming and the flags inside old prompts are not simulated.

mod images;
mod models;
mod videos;
mod words;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, post};

use crate::callbacks::Envelope;
use crate::inbound::Inbound;
use crate::jobs::{Callback, Event, Job};
use crate::world::{Desk, Refusal, now_ms};
use words::refuse;

/// The provider's paths.
pub fn routes() -> Router<Desk> {
    Router::new()
        .route("/api/v3/images/generations", post(images))
        .route("/api/v3/contents/generations/tasks", post(video).get(videos::list))
        .route("/api/v3/contents/generations/tasks/{id}", get(videos::poll).delete(videos::remove))
        .fallback(|| async { refuse(&Refusal::NoSuchModel) })
}

fn has_key(inbound: &Inbound) -> bool {
    inbound.has_key(&["Bearer"])
}

async fn images(State(desk): State<Desk>, request: Request) -> Response {
    let inbound = Inbound::read(request).await;
    images::call(&desk, &inbound).await.unwrap_or_else(|refusal| refuse(&refusal))
}

async fn video(State(desk): State<Desk>, request: Request) -> Response {
    let inbound = Inbound::read(request).await;
    videos::submit(&desk, &inbound).await.unwrap_or_else(|refusal| refuse(&refusal))
}

/// The callback: the task as the lookup shows it, unsigned. The change it tells of may be over by then.
pub fn callback(desk: &Desk, job: &Job, _: &Callback, event: Event) -> Envelope {
    let at_ms = match event {
        Event::Queued => job.accepted_at_ms,
        Event::Started => job.starts_at_ms.unwrap_or(job.accepted_at_ms),
        Event::Logs | Event::Output | Event::Ended => now_ms(),
    };
    let body = words::task(desk, job, at_ms).to_string();
    Envelope { headers: vec![("content-type", "application/json".to_owned())], body }
}
