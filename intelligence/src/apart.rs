//! Polars on a thread of its own. It drives a runtime internally and panics when its caller's thread drives one too, so
//! no caller has to know where it stands.

use std::io;
use std::thread::{Builder, scope};

/// Does `work` on a thread made for it and waits for it. An error is a thread that couldn't start, or that panicked.
pub(crate) fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    scope(|threads| {
        let thread = Builder::new().name("polars".to_owned()).spawn_scoped(threads, work)?;
        thread.join().map_err(|_| io::Error::other("the thread that computes panicked"))
    })
}
