//! Input files for providers that want bytes instead of URLs: fetched once per attempt, through the guard, right before the
//! submission. They were looked at when the generation was created, and are not trusted to be the same.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use proxy_normalize::{Model, ProviderFailure, ProviderRequest};
use tokio::{
    sync::SemaphorePermit,
    time::{Instant, timeout_at},
};
use tracing::warn;

use crate::engine::Engine;

/// Fetched at once per attempt.
const AT_ONCE: usize = 4;

/// Puts the files in that these requests lack. Hold on to what is given back until they are sent: it is the room in memory.
pub async fn fill<'a>(
    engine: &'a Engine,
    model: &Model,
    requests: &mut [ProviderRequest],
    deadline: Instant,
) -> Result<Option<SemaphorePermit<'a>>, ProviderFailure> {
    let urls: BTreeSet<String> = requests.iter().flat_map(ProviderRequest::input_urls).map(str::to_owned).collect();
    if urls.is_empty() {
        return Ok(None);
    }
    let largest = model.input_limits().max_bytes;
    // Once as fetched, and once in every request.
    let copies = requests.iter().map(|request| request.input_urls().len()).sum::<usize>() + urls.len();
    let bytes = largest.saturating_mul(copies as u64);
    let fetched = timeout_at(deadline, async {
        let room = engine.media.room_for(bytes).await;
        let files = fetch_all(engine, urls.into_iter(), largest).await?;
        Ok((room, files))
    });
    let (room, files) = fetched.await.unwrap_or_else(|_| Err(ProviderFailure::input_unavailable()))?;
    for request in requests {
        let own: Option<Vec<Bytes>> = request.input_urls().into_iter().map(|url| files.get(url).cloned()).collect();
        if !own.is_some_and(|own| request.fill(&own)) {
            return Err(ProviderFailure::input_unavailable());
        }
    }
    Ok(room)
}

async fn fetch_all(
    engine: &Engine,
    urls: impl Iterator<Item = String>,
    largest: u64,
) -> Result<BTreeMap<String, Bytes>, ProviderFailure> {
    let fetches: Vec<_> = urls.map(|url| fetch(engine, url, largest)).collect();
    stream::iter(fetches).buffer_unordered(AT_ONCE).try_collect().await
}

async fn fetch(engine: &Engine, url: String, largest: u64) -> Result<(String, Bytes), ProviderFailure> {
    match engine.inputs.fetch(&url).await {
        Ok(fetched) if fetched.bytes.len() as u64 <= largest => Ok((url, fetched.bytes)),
        Ok(_) => Err(ProviderFailure::input_unavailable()),
        Err(error) => {
            warn!(%error, "an input file could not be fetched for a provider");
            Err(ProviderFailure::input_unavailable())
        }
    }
}
