//! Archived entries of the book, beside the outputs and never served: their names begin with a dot, which no key of a
//! file may ([`crate::check_key`]), so neither a URL nor the hunt for orphans reaches them.

use bytes::Bytes;
use object_store::{ObjectStoreExt, path::Path};

use crate::{ArtifactError, Artifacts, check_key};

/// Folder of the archive.
const FOLDER: &str = ".ledger";

impl Artifacts {
    /// Keeps an archive under a name such as `<account>/<entries>.ndjson`; its whole key. Said twice, the second one stays.
    pub async fn keep_archive(&self, name: &str, bytes: Bytes) -> Result<String, ArtifactError> {
        check_key(name)?;
        let key = format!("{FOLDER}/{name}");
        let path = Path::parse(&key).map_err(|_| ArtifactError::BadKey)?;
        self.store.put(&path, bytes.into()).await?;
        Ok(key)
    }

    /// Reads an archive by its whole key.
    pub async fn archive(&self, key: &str) -> Result<Bytes, ArtifactError> {
        let name = key.strip_prefix(FOLDER).and_then(|rest| rest.strip_prefix('/')).ok_or(ArtifactError::BadKey)?;
        check_key(name)?;
        let path = Path::parse(key).map_err(|_| ArtifactError::BadKey)?;
        Ok(self.store.get(&path).await?.bytes().await?)
    }
}
