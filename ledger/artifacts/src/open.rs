//! From an address to a store: a folder, or an S3-compatible bucket.

use std::{path::Path as FilePath, sync::Arc};

use object_store::{
    ObjectStore, aws::AmazonS3Builder, aws::AmazonS3ConfigKey, local::LocalFileSystem, path::Path, prefix::PrefixStore,
};

use crate::{ArtifactError, Artifacts, meta::Place};

impl Artifacts {
    /// Opens `file://PATH` (relative paths are relative to the process; the folder is made if it is not there) or
    /// `s3://BUCKET/PREFIX`.
    ///
    /// A bucket's credentials, region and endpoint come from the `AWS_…` variables that every S3 tool reads, or from the
    /// machine's role; `?region=` and `?endpoint=` in the address win over them. An endpoint without TLS has to be asked
    /// for by its `http://`.
    pub fn open(url: &str) -> Result<Self, ArtifactError> {
        let bad = || ArtifactError::BadUrl(url.to_owned());
        match url.split_once("://") {
            Some(("file", path)) if !path.is_empty() => open_folder(FilePath::new(path)),
            Some(("s3", rest)) => open_bucket(rest, AmazonS3Builder::from_env()).ok_or_else(bad)?,
            _ => Err(bad()),
        }
    }
}

fn open_folder(path: &FilePath) -> Result<Artifacts, ArtifactError> {
    std::fs::create_dir_all(path).map_err(ArtifactError::Folder)?;
    // A generation is charged once its bytes are kept: they have to be on the disk by then, like the row.
    let store = LocalFileSystem::new_with_prefix(path)?.with_fsync(true);
    Ok(Artifacts { store: Arc::new(store), place: Place::Sidecar })
}

/// `None`: the address has no bucket, or says something that is not understood.
fn open_bucket(rest: &str, mut builder: AmazonS3Builder) -> Option<Result<Artifacts, ArtifactError>> {
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    let prefix = Path::parse(prefix.trim_matches('/')).ok()?;
    if bucket.is_empty() {
        return None;
    }
    // Someone else in this process may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    for setting in query.split('&').filter(|setting| !setting.is_empty()) {
        builder = match setting.split_once('=')? {
            ("region", region) => builder.with_region(region),
            ("endpoint", endpoint) => builder.with_endpoint(endpoint),
            _ => return None,
        };
    }
    let endpoint = builder.get_config_value(&AmazonS3ConfigKey::Endpoint);
    let is_plain = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
    let built = builder.with_bucket_name(bucket).with_allow_http(is_plain).build();
    Some(built.map_err(ArtifactError::from).map(|bucket| {
        let store: Arc<dyn ObjectStore> =
            if prefix.is_root() { Arc::new(bucket) } else { Arc::new(PrefixStore::new(bucket, prefix)) };
        Artifacts { store, place: Place::Object }
    }))
}
