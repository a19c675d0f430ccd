//! The status stream: server-sent events, one per state, until the request is completed.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::stream;

use super::words;
use crate::jobs::{Job, Stage};
use crate::world::{Desk, now_ms};

/// Between looks at the request.
const PAUSE: Duration = Duration::from_millis(50);

/// The events of a request from now on.
pub fn statuses(desk: &Desk, job: &Job) -> Response {
    let (desk, shutdown) = (desk.clone(), desk.world.shutdown.clone());
    let first = Some((job.clone(), None));
    let events = stream::unfold(first, move |state| {
        let (desk, shutdown) = (desk.clone(), shutdown.clone());
        async move {
            let (job, told) = state?;
            tokio::select! {
                () = shutdown.cancelled() => None,
                event = next(desk, job, told) => event,
            }
        }
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
}

type State = Option<(Job, Option<&'static str>)>;

async fn next(desk: Desk, mut job: Job, told: Option<&'static str>) -> Option<(Result<Bytes, Infallible>, State)> {
    loop {
        let stage = stage(&job);
        if told != Some(stage) {
            let (_, body) = words::state(&desk, &job, true);
            let rest = (stage != "COMPLETED").then(|| (job.clone(), Some(stage)));
            return Some((Ok(Bytes::from(format!("data: {body}\n\n"))), rest));
        }
        tokio::time::sleep(PAUSE).await;
        job = desk.world.jobs.get(desk.provider, &job.id)?;
    }
}

fn stage(job: &Job) -> &'static str {
    match job.stage(now_ms()) {
        Stage::Queued => "IN_QUEUE",
        Stage::Running => "IN_PROGRESS",
        Stage::Ended(_) | Stage::Cancelled | Stage::Expired { .. } => "COMPLETED",
    }
}
