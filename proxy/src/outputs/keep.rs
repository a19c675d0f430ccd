//! One output: from the provider's URL or bytes to a file of ours under an unguessable key.

use std::time::Duration;

use bytes::Bytes;
use ledger_artifacts::{ArtifactError, Artifacts, Meta};
use ledger_contract::{MediaKind, generation::Output};
use proxy_normalize::{OutputSource, ProviderFailure};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::warn;

use super::{
    StoreError, load,
    load::LoadError,
    media::{Media, SNIFF_BYTES, dimensions, transcode},
};
use crate::{clock, run::Run};

/// Largest output. An image is decoded, so it has to fit into memory; a video streams through.
const MAX_IMAGE_BYTES: u64 = 64 * 1024 * 1024;
const MAX_VIDEO_BYTES: u64 = 256 * 1024 * 1024;

/// Downloads of one output before the provider is held to have none.
const LOADS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What one try came to, when it came to nothing.
enum Failed {
    /// The provider's file; `again`: it may come yet.
    Source { again: bool },
    /// Our storage.
    Storage(ArtifactError),
}

/// Keeps one output, trying until the generation's deadline.
pub async fn keep(run: &Run, source: &OutputSource) -> Result<Output, StoreError> {
    let (mut loads, mut pause) = (1, FIRST_PAUSE);
    loop {
        let failed = match timeout_at(run.deadline, try_to_keep(run, source)).await {
            Ok(Ok(output)) => return Ok(output),
            Ok(Err(failed)) => failed,
            Err(_) => Failed::Source { again: false },
        };
        match failed {
            Failed::Source { again } if !again || loads >= LOADS => {
                warn!("the provider's output can't be used");
                return Err(StoreError::Provider(ProviderFailure::no_output()));
            }
            Failed::Source { .. } => loads += 1,
            Failed::Storage(error) => {
                warn!(%error, "an output could not be stored");
                if Instant::now() + pause >= run.deadline {
                    return Err(StoreError::Storage);
                }
            }
        }
        sleep(clock::jittered(pause)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn try_to_keep(run: &Run, source: &OutputSource) -> Result<Output, Failed> {
    match (source, run.kind) {
        (OutputSource::Url(url), MediaKind::Video) => keep_stream(run, url).await,
        (OutputSource::Url(url), MediaKind::Image) => {
            let (start, response) = begin(run, url).await?;
            let size = response.content_length().unwrap_or(MAX_IMAGE_BYTES).min(MAX_IMAGE_BYTES);
            let _room = run.engine.media.room_for(size).await;
            let bytes = load::whole(start, response, MAX_IMAGE_BYTES).await?;
            keep_image(run, bytes).await
        }
        (OutputSource::Bytes(bytes), MediaKind::Image) => {
            let _room = run.engine.media.room_for(bytes.len() as u64).await;
            keep_image(run, Bytes::copy_from_slice(bytes)).await
        }
        (OutputSource::Bytes(bytes), MediaKind::Video) => {
            let media = video(bytes)?;
            keep_bytes(run, media, Bytes::copy_from_slice(bytes)).await
        }
    }
}

async fn begin(run: &Run, url: &str) -> Result<(Bytes, reqwest::Response), Failed> {
    let mut response = load::open(&run.engine.downloads, url, run.deadline).await?;
    let start = load::first_bytes(&mut response, SNIFF_BYTES).await?;
    Ok((start, response))
}

async fn keep_stream(run: &Run, url: &str) -> Result<Output, Failed> {
    let (start, response) = begin(run, url).await?;
    let media = video(&start)?;
    let (key, meta) = (new_key(media), meta_of(run, media));
    let body = load::rest(start, response);
    let bytes = run.engine.artifacts.put_stream(&key, &meta, body, MAX_VIDEO_BYTES).await?;
    Ok(kept(run, key, media, bytes))
}

/// An image is decoded even if it is in the right format already: half an image is no output.
async fn keep_image(run: &Run, bytes: Bytes) -> Result<Output, Failed> {
    let is = Media::of(&bytes).filter(|media| media.kind() == MediaKind::Image);
    let is = is.ok_or(Failed::Source { again: false })?;
    let wanted = Media::of_format(&run.canonical.output_format).unwrap_or(is);
    let as_wanted = move || {
        if is == wanted { dimensions(&bytes).map(|_| bytes) } else { transcode(&bytes, wanted).map(Bytes::from) }
    };
    // Not decodable now, not decodable later.
    let bytes = run.engine.media.work(as_wanted).await.and_then(Result::ok).ok_or(Failed::Source { again: false })?;
    keep_bytes(run, wanted, bytes).await
}

async fn keep_bytes(run: &Run, media: Media, bytes: Bytes) -> Result<Output, Failed> {
    let (key, size) = (new_key(media), bytes.len() as u64);
    run.engine.artifacts.put(&key, &meta_of(run, media), bytes).await?;
    Ok(kept(run, key, media, size))
}

fn video(start: &[u8]) -> Result<Media, Failed> {
    Media::of(start).filter(|media| media.kind() == MediaKind::Video).ok_or(Failed::Source { again: false })
}

fn new_key(media: Media) -> String {
    Artifacts::new_key(rand::random(), media.extension())
}

fn meta_of(run: &Run, media: Media) -> Meta {
    let expires_at = clock::now().plus_ms(run.plan.limits().file_retention_ms);
    Meta { content_type: media.content_type().to_owned(), expires_at }
}

fn kept(run: &Run, key: String, media: Media, bytes: u64) -> Output {
    run.engine.metrics.output_stored(run.kind, bytes);
    Output { key, content_type: media.content_type().to_owned(), bytes }
}

impl From<LoadError> for Failed {
    fn from(error: LoadError) -> Self {
        warn!(%error, "an output could not be downloaded");
        Self::Source { again: matches!(error, LoadError::Broken) }
    }
}

impl From<ArtifactError> for Failed {
    fn from(error: ArtifactError) -> Self {
        match error {
            ArtifactError::Body(_) => Self::Source { again: true },
            ArtifactError::TooLarge(_) => Self::Source { again: false },
            other => Self::Storage(other),
        }
    }
}
