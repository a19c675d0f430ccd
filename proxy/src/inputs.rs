//! Input files of a request (api contract §5.6): fetched through the guard, recognised by content, decoded once to know that
//! they can be. Nothing is kept; the provider fetches the same URL again.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use ledger_contract::{ErrorCode, PublicError};
use ledger_guard::{GuardError, GuardedClient, Policy};
use proxy_normalize::{Canonical, InputFile, InputLimits, Model};
use tokio::time::timeout;

use crate::{
    engine::Engine,
    outputs::media::{Media, dimensions},
};

/// One file, redirects included.
const FILE_TIMEOUT_MS: u64 = 8_000;
/// All files of one request: most of create's budget belongs to the providers.
const FILES_TIMEOUT: Duration = Duration::from_secs(12);
/// Read at once per request.
const AT_ONCE: usize = 4;
/// What no model's own limit exceeds.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
const MAX_REDIRECTS: u32 = 3;

/// The client for input files.
pub fn client(allow_private: bool) -> Result<GuardedClient, GuardError> {
    GuardedClient::new(Policy {
        allow_private,
        max_bytes: MAX_BYTES,
        timeout_ms: FILE_TIMEOUT_MS,
        max_redirects: MAX_REDIRECTS,
    })
}

/// Looks at every input file; the first that is wrong is the answer.
pub async fn check(engine: &Engine, model: &Model, canonical: &Canonical) -> Result<(), PublicError> {
    let files: Vec<InputFile<'_>> = canonical.input_files();
    let Some(first) = files.first() else { return Ok(()) };
    let slow = refusal(first, ErrorCode::FileDownloadError, "The input files could not be downloaded in time");
    let limits = model.input_limits();
    let checks: Vec<_> = files.iter().map(|file| check_file(engine, file, limits)).collect();
    let all = stream::iter(checks).buffered(AT_ONCE).try_collect::<Vec<()>>();
    timeout(FILES_TIMEOUT, all).await.map_err(|_| slow)?.map(|_| ())
}

async fn check_file(engine: &Engine, file: &InputFile<'_>, limits: InputLimits) -> Result<(), PublicError> {
    // Room for the bytes before the bytes: memory stays bounded however many requests carry files.
    let _room = engine.media.room_for(limits.max_bytes).await;
    let fetched = engine.inputs.fetch(file.url).await.map_err(|error| not_fetched(file, &error))?;
    if fetched.bytes.len() as u64 > limits.max_bytes {
        return Err(too_many_bytes(file));
    }
    if !matches!(Media::of(&fetched.bytes), Some(Media::Png | Media::Jpeg | Media::Webp)) {
        return Err(refusal(file, ErrorCode::UnsupportedFileFormat, "The input file is not a JPEG, PNG or WebP image"));
    }
    let sides = engine.media.work(move || dimensions(&fetched.bytes).ok()).await.flatten();
    let (width, height) =
        sides.ok_or_else(|| refusal(file, ErrorCode::FileLoadError, "The input file can't be decoded"))?;
    if width.max(height) > limits.max_side {
        return Err(refusal(file, ErrorCode::FileTooLarge, "The input image is larger than the model takes"));
    }
    if width.min(height) < limits.min_side {
        return Err(refusal(file, ErrorCode::FileTooSmall, "The input image is smaller than the model takes"));
    }
    Ok(())
}

/// Never names the address that the URL resolved to, nor what it answered.
fn not_fetched(file: &InputFile<'_>, error: &GuardError) -> PublicError {
    match error {
        GuardError::TooLarge(_) => too_many_bytes(file),
        GuardError::BadUrl(_) | GuardError::NotPublic => {
            refusal(file, ErrorCode::FileDownloadError, "The input URL is refused")
        }
        GuardError::TooManyRedirects | GuardError::Status(_) | GuardError::TimedOut | GuardError::Unreachable(_) => {
            refusal(file, ErrorCode::FileDownloadError, "The input file could not be downloaded")
        }
    }
}

fn too_many_bytes(file: &InputFile<'_>) -> PublicError {
    refusal(file, ErrorCode::FileSizeExceeded, "The input file has too many bytes")
}

fn refusal(file: &InputFile<'_>, code: ErrorCode, message: &str) -> PublicError {
    PublicError::new(code, message).with_detail("field", file.field).with_detail("index", file.index)
}
