//! Output files under unguessable URLs on the provider's own port. No key is needed: the URL is the secret, as with
//! the real delivery hosts.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::behavior::Fault;
use crate::jobs::{Job, Outcome, Stage};
use crate::media::{self, Artwork, MediaError};
use crate::provider::Provider;
use crate::world::{Desk, World, now_ms};

/// The route below every provider's origin.
pub const ROUTE: &str = "/delivery/{token}/{name}";

/// What an output of the wrong type holds.
pub const NO_IMAGE: &str = "<!doctype html><title>Not an image</title>";

/// Milliseconds after a job's end until its files are gone; fal's outlive the jobs kept here.
fn lifetime_ms(provider: Provider) -> Option<i64> {
    match provider {
        Provider::Replicate => Some(3_600_000),
        Provider::Bfl => Some(600_000),
        Provider::Runway => Some(48 * 3_600_000),
        Provider::Byteplus | Provider::Alibabacloud => Some(24 * 3_600_000),
        Provider::Fal | Provider::Openai | Provider::Cloudflare => None,
    }
}

/// True when the provider no longer gives out the job's files.
pub fn is_expired(job: &Job, now_ms: i64) -> bool {
    let expires_at_ms = job.end_ms().zip(lifetime_ms(job.provider)).map(|(end, lifetime)| end + lifetime);
    expires_at_ms.is_some_and(|at| at <= now_ms)
}

/// The URL of one output.
pub fn url(desk: &Desk, job: &Job, index: usize) -> String {
    let extension = job.artworks.get(index).map_or("bin", |artwork| match artwork.format {
        media::Format::Png => "png",
        media::Format::Jpeg => "jpg",
        media::Format::Webp => "webp",
        media::Format::Mp4 => "mp4",
    });
    format!("{}/delivery/{}/out-{index}.{extension}", desk.origin(), job.token)
}

/// The URLs of all outputs.
pub fn urls(desk: &Desk, job: &Job) -> Vec<String> {
    (0..job.artworks.len()).map(|index| url(desk, job, index)).collect()
}

/// Serves one output, made anew.
pub async fn serve(State(desk): State<Desk>, Path((token, name)): Path<(String, String)>) -> Response {
    let now_ms = now_ms();
    let Some(job) = desk.world.jobs.by_token(desk.provider, &token) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if is_expired(&job, now_ms) {
        let gone = if desk.provider == Provider::Bfl { StatusCode::FORBIDDEN } else { StatusCode::NOT_FOUND };
        return gone.into_response();
    }
    let index = name.strip_prefix("out-").and_then(|rest| rest.split('.').next()).and_then(|text| text.parse().ok());
    let artwork = index.and_then(|index: usize| job.artworks.get(index));
    let Some(artwork) = artwork.filter(|_| job.stage(now_ms) == Stage::Ended(Outcome::Succeed)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match job.fault {
        Some(Fault::Output404) => return StatusCode::NOT_FOUND.into_response(),
        Some(Fault::OutputWrongType) => return ([(header::CONTENT_TYPE, "text/html")], NO_IMAGE).into_response(),
        _ => {}
    }
    match render(&desk.world, artwork.clone()).await {
        Ok(bytes) => ([(header::CONTENT_TYPE, artwork.format.content_type())], bytes).into_response(),
        Err(error) => {
            tracing::error!(%error, "making an output file");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Why a file could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The encoder refused.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// The simulator is ending.
    #[error("the simulator is ending")]
    Ending,
}

/// Makes a file off the async threads, a few at a time.
pub async fn render(world: &World, artwork: Artwork) -> Result<Vec<u8>, RenderError> {
    let _place = world.renders.acquire().await.map_err(|_| RenderError::Ending)?;
    let made = tokio::task::spawn_blocking(move || media::render(&artwork)).await;
    Ok(made.map_err(|_| RenderError::Ending)??)
}
