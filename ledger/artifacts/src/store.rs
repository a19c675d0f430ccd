//! Puts, reads and deletes files. Bounded memory however large a file is.

use std::{fmt, ops::Range, sync::Arc};

use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, stream::BoxStream};
use ledger_contract::Timestamp;
use object_store::{
    GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, WriteMultipart, path::Path,
};
use serde::{Deserialize, Serialize};

use crate::{
    key::check_key,
    meta::{self, Place},
};

/// Bytes of a file as they are read.
pub type ArtifactStream = BoxStream<'static, Result<Bytes, ArtifactError>>;

/// One part of an upload. S3 accepts no smaller one, so both kinds of store use it.
const PART_BYTES: usize = 5 * 1024 * 1024;

/// Parts of one upload that may wait for the store at once; with the one being filled it bounds memory to 10 MiB.
const PARTS_IN_FLIGHT: usize = 1;

/// Object that [`Artifacts::probe`] writes.
pub(crate) const PROBE: &str = "probe";

/// What a file is and how long it may be served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// By content: `image/png`, `video/mp4`, …
    pub content_type: String,
    /// When it stops being served. The ledger's sweep deletes it soon afterwards.
    pub expires_at: Timestamp,
}

/// Why a file could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The address is neither of the two.
    #[error("cannot keep outputs at `{0}`: expected file://PATH or s3://BUCKET/PREFIX")]
    BadUrl(String),
    /// The folder can't be made or entered.
    #[error("cannot open the folder of outputs")]
    Folder(#[source] std::io::Error),
    /// Not a key of ours.
    #[error("not an artifact key")]
    BadKey,
    /// The body is longer than the caller allows; nothing was kept.
    #[error("more than {0} bytes")]
    TooLarge(u64),
    /// The body broke off; nothing was kept.
    #[error("the body broke off")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No such file.
    #[error("no such artifact")]
    Missing,
    /// The sidecar is not ours.
    #[error("unreadable sidecar")]
    Sidecar(#[source] serde_json::Error),
    /// The store failed.
    #[error("the artifact store failed")]
    Store(#[source] object_store::Error),
}

impl From<object_store::Error> for ArtifactError {
    fn from(error: object_store::Error) -> Self {
        if matches!(error, object_store::Error::NotFound { .. }) { Self::Missing } else { Self::Store(error) }
    }
}

/// Where outputs are kept. Cheap to clone.
#[derive(Clone)]
pub struct Artifacts {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) place: Place,
}

impl fmt::Debug for Artifacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Artifacts({})", self.store)
    }
}

impl Artifacts {
    /// See [`crate::new_key`].
    pub fn new_key(random: [u8; 24], extension: &str) -> String {
        crate::new_key(random, extension)
    }

    /// Keeps a body of unknown length, at most `limit_bytes`, and says how long it was. On any error nothing is kept;
    /// nothing is visible under `key` before it is complete.
    pub async fn put_stream<E>(
        &self,
        key: &str,
        meta: &Meta,
        mut body: impl Stream<Item = Result<Bytes, E>> + Send + Unpin,
        limit_bytes: u64,
    ) -> Result<u64, ArtifactError>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let path = path_of(key)?;
        let options = PutMultipartOptions { attributes: self.place.attributes(meta), ..PutMultipartOptions::default() };
        let upload = self.store.put_multipart_opts(&path, options).await?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        match copy(&mut upload, &mut body, limit_bytes).await {
            Ok(size) => {
                upload.finish().await?;
                self.put_meta(key, meta).await?;
                Ok(size)
            }
            Err(error) => {
                // The first error is the one to report; a part left behind is invisible.
                let _ = upload.abort().await;
                Err(error)
            }
        }
    }

    /// Keeps bytes that are in memory.
    pub async fn put(&self, key: &str, meta: &Meta, bytes: Bytes) -> Result<(), ArtifactError> {
        let options = PutOptions { attributes: self.place.attributes(meta), ..PutOptions::default() };
        self.store.put_opts(&path_of(key)?, bytes.into(), options).await?;
        self.put_meta(key, meta).await
    }

    /// What the file is and its size in bytes; `None` when there is none. Whether it has expired is for the caller to say.
    pub async fn head(&self, key: &str) -> Result<Option<(Meta, u64)>, ArtifactError> {
        let path = path_of(key)?;
        if self.place == Place::Object {
            return self.head_with_attributes(&path).await;
        }
        let Some(meta) = self.sidecar(key).await? else { return Ok(None) };
        match self.store.head(&path).await {
            Ok(object) => Ok(Some((meta, object.size))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Bytes `range` (end exclusive) of a file, in pieces. An end past the file is cut to it; a start past it is an error.
    pub async fn get_range(&self, key: &str, range: Range<u64>) -> Result<ArtifactStream, ArtifactError> {
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let found = self.store.get_opts(&path_of(key)?, options).await?;
        Ok(found.into_stream().map_err(ArtifactError::from).boxed())
    }

    /// Removes a file; `false` when there was none.
    pub async fn delete(&self, key: &str) -> Result<bool, ArtifactError> {
        let path = path_of(key)?;
        if self.place == Place::Object {
            // A bucket says of every name that it is gone now.
            let was_there = self.head_with_attributes(&path).await?.is_some();
            self.remove(&path).await?;
            return Ok(was_there);
        }
        let sidecar = self.remove(&meta::sidecar_of(key)).await?;
        let bytes = self.remove(&path).await?;
        Ok(sidecar || bytes)
    }

    /// Moves a file's expiry: the plan that decides how long it lives may change. `false` when there is no such file. What
    /// stands in an object's own metadata can only be changed by writing it anew, which is done in one step at its end.
    pub async fn set_expiry(&self, key: &str, expires_at: Timestamp) -> Result<bool, ArtifactError> {
        let Some((meta, size)) = self.head(key).await? else { return Ok(false) };
        let meta = Meta { expires_at, ..meta };
        match self.place {
            Place::Sidecar => self.put_meta(key, &meta).await?,
            Place::Object => {
                let bytes = self.get_range(key, 0..size).await?;
                self.put_stream(key, &meta, bytes, size).await?;
            }
        }
        Ok(true)
    }

    /// Whether files can be written right now.
    pub async fn probe(&self) -> Result<(), ArtifactError> {
        self.store.put(&Path::from(PROBE), Bytes::from_static(b"ok").into()).await?;
        Ok(())
    }

    /// A file that is gone already counts as removed, on every kind of store.
    async fn remove(&self, path: &Path) -> Result<bool, ArtifactError> {
        match self.store.delete(path).await {
            Ok(()) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

pub(crate) fn path_of(key: &str) -> Result<Path, ArtifactError> {
    check_key(key)?;
    Path::parse(key).map_err(|_| ArtifactError::BadKey)
}

async fn copy<E>(
    upload: &mut WriteMultipart,
    body: &mut (impl Stream<Item = Result<Bytes, E>> + Send + Unpin),
    limit_bytes: u64,
) -> Result<u64, ArtifactError>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut size = 0_u64;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| ArtifactError::Body(error.into()))?;
        size = size.saturating_add(piece.len() as u64);
        if size > limit_bytes {
            return Err(ArtifactError::TooLarge(limit_bytes));
        }
        upload.wait_for_capacity(PARTS_IN_FLIGHT + 1).await?;
        upload.write(&piece);
    }
    Ok(size)
}
