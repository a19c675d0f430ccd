//! What a file is and until when: in the object's own metadata where the store keeps any, else in a small object beside it.

use ledger_contract::Timestamp;
use object_store::{Attribute, Attributes, GetOptions, GetRange, ObjectStore, ObjectStoreExt, path::Path};

use crate::{ArtifactError, Artifacts, Meta, key::SIDECAR};

/// The largest sidecar that is read.
const MAX_SIDECAR_BYTES: u64 = 4_096;

/// Name of the expiry in an object's metadata; Unix milliseconds.
const EXPIRES_AT: &str = "babysea-expires-at";

/// Where [`Meta`] is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In `<key>.meta`.
    Sidecar,
    /// In the object's metadata.
    Object,
}

impl Place {
    /// What an object is written with.
    pub fn attributes(self, meta: &Meta) -> Attributes {
        match self {
            Self::Sidecar => Attributes::new(),
            Self::Object => Attributes::from_iter([
                (Attribute::ContentType, meta.content_type.clone()),
                (Attribute::Metadata(EXPIRES_AT.into()), meta.expires_at.0.to_string()),
            ]),
        }
    }
}

/// `None`: not written by us.
fn read_attributes(attributes: &Attributes) -> Option<Meta> {
    let content_type = attributes.get(&Attribute::ContentType)?.to_string();
    let expires_at = attributes.get(&Attribute::Metadata(EXPIRES_AT.into()))?.parse().ok()?;
    Some(Meta { content_type, expires_at: Timestamp(expires_at) })
}

pub(crate) fn sidecar_of(key: &str) -> Path {
    Path::from(format!("{key}{SIDECAR}"))
}

impl Artifacts {
    /// What the file of a key is, wherever that stands.
    pub(crate) async fn meta(&self, key: &str) -> Result<Option<Meta>, ArtifactError> {
        match self.place {
            Place::Sidecar => self.sidecar(key).await,
            Place::Object => Ok(self.head(key).await?.map(|(meta, _)| meta)),
        }
    }

    /// Writes what does not go along with the bytes.
    pub(crate) async fn put_meta(&self, key: &str, meta: &Meta) -> Result<(), ArtifactError> {
        if self.place == Place::Sidecar {
            let text = serde_json::to_vec(meta).map_err(ArtifactError::Sidecar)?;
            self.store.put(&sidecar_of(key), text.into()).await?;
        }
        Ok(())
    }

    pub(crate) async fn sidecar(&self, key: &str) -> Result<Option<Meta>, ArtifactError> {
        let options = GetOptions { range: Some(GetRange::Bounded(0..MAX_SIDECAR_BYTES)), ..GetOptions::default() };
        let found = match self.store.get_opts(&sidecar_of(key), options).await {
            Ok(found) => found.bytes().await?,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        serde_json::from_slice(&found).map(Some).map_err(ArtifactError::Sidecar)
    }

    /// One question for both: the object's metadata and its size.
    pub(crate) async fn head_with_attributes(&self, path: &Path) -> Result<Option<(Meta, u64)>, ArtifactError> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        match self.store.get_opts(path, options).await {
            Ok(found) => Ok(read_attributes(&found.attributes).map(|meta| (meta, found.meta.size))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
