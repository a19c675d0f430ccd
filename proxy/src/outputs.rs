//! Brings a job's outputs into our storage: bytes first, row second. What a provider delivered is believed only after it was
//! looked at; what can't be kept is tried again until the generation's deadline.

pub mod budget;
mod keep;
mod load;
pub mod media;

use futures::future::try_join_all;
use ledger_contract::generation::Output;
use proxy_normalize::{OutputSource, ProviderFailure};
use tracing::warn;

use crate::{engine::Engine, run::Run};
pub use load::client as download_client;

/// Why the outputs are not in our storage.
#[derive(Clone, Debug, PartialEq)]
pub enum StoreError {
    /// The provider's files are missing, broken or of the wrong kind.
    Provider(ProviderFailure),
    /// Our storage was down until the deadline.
    Storage,
}

/// Keeps all outputs, in their order, or none.
pub async fn store(run: &Run, mut sources: Vec<OutputSource>) -> Result<Vec<Output>, StoreError> {
    let expected = run.canonical.output_count as usize;
    if sources.len() < expected || sources.is_empty() {
        warn!(expected, delivered = sources.len(), "too few outputs");
        return Err(StoreError::Provider(ProviderFailure::no_output()));
    }
    sources.truncate(expected.max(1));
    let kept = std::sync::Mutex::new(Vec::new());
    let all = try_join_all(sources.iter().map(|source| async {
        let output = keep::keep(run, source).await?;
        kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(output.clone());
        Ok(output)
    }));
    let stored = all.await;
    if stored.is_err() {
        let orphans = kept.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        remove(&run.engine, &orphans).await;
    }
    stored
}

/// Removes files that no row will name, and says how many there were. One that can't be removed now is swept later.
pub async fn remove(engine: &Engine, outputs: &[Output]) -> usize {
    let mut removed = 0;
    for output in outputs {
        match engine.artifacts.delete(&output.key).await {
            Ok(true) => removed += 1,
            Ok(false) => {}
            Err(error) => warn!(%error, "a file could not be removed"),
        }
    }
    removed
}
