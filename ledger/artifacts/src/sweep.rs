//! Finds files that no row knows: a process that died between keeping the bytes and charging leaves one behind.
//! Deletes nothing itself.

use futures::StreamExt;
use ledger_contract::Timestamp;

use crate::{ArtifactError, Artifacts, key::SIDECAR, store::PROBE};

impl Artifacts {
    /// Keys of at most `limit` files that were written before `written_before` and expired before `now` (or never got
    /// a sidecar). A file with a row is deleted when it expires, so what is still here long afterwards is an orphan.
    ///
    /// Lists the whole store, and reads the sidecars of old files only: once an hour is often enough.
    pub async fn orphans(
        &self,
        written_before: Timestamp,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<String>, ArtifactError> {
        let mut listing = self.store.list(None);
        let mut found = Vec::new();
        while let Some(object) = listing.next().await {
            let object = object?;
            let key = object.location.as_ref();
            let old = object.last_modified.timestamp_millis() < written_before.0;
            if !old || key == PROBE || key.ends_with(SIDECAR) || crate::check_key(key).is_err() {
                continue;
            }
            if self.meta(key).await?.is_none_or(|meta| meta.expires_at < now) {
                found.push(key.to_owned());
            }
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }
}
