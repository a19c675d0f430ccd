//! Output bytes: where they are kept and how they are read back. Reason to exist: **(h)** keeps `object_store` in.
//!
//! What a file is and when it expires stands in the object's own metadata in a bucket. A folder keeps none: there a small
//! sidecar `<key>.meta` says it; a file exists once its sidecar does and is deleted sidecar first. Either way a half-written
//! file is never seen.
//! It refuses to know generations or accounts: a key is unguessable, and that is all that protects a file.

mod archive;
mod key;
mod meta;
mod open;
mod store;
mod sweep;

pub use key::{check_key, new_key};
pub use store::{ArtifactError, ArtifactStream, Artifacts, Meta};
