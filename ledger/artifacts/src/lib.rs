//! Output bytes: where they are kept and how they are read back. Reason to exist: **(h)** keeps `object_store` in.
//!
//! Two objects per file: the bytes under its key, and a small sidecar `<key>.meta` that says what they are and when they
//! expire. A file exists once its sidecar does, so a half-written one is never seen; a file is deleted sidecar first.
//! It refuses to know generations or accounts: a key is unguessable, and that is all that protects a file.

mod archive;
mod key;
mod store;
mod sweep;

pub use key::{check_key, new_key};
pub use store::{ArtifactError, ArtifactStream, Artifacts, Meta};
