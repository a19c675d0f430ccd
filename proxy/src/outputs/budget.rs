//! How much media may be in memory, and how much of it is worked on at once: bounded however many generations deliver.

use std::{num::NonZero, thread::available_parallelism};

use tokio::sync::{Semaphore, SemaphorePermit};

const MEBIBYTE: u64 = 1024 * 1024;

/// Encoded files in memory, over all generations and requests of this process.
const MEMORY_MEBIBYTES: u32 = 512;

/// Shared by everything that holds media.
#[derive(Debug)]
pub struct MediaBudget {
    mebibytes: Semaphore,
    /// One per core: decoding is pure work, and each takes the memory of its pixels.
    decoders: Semaphore,
}

impl Default for MediaBudget {
    fn default() -> Self {
        let cores = available_parallelism().map_or(2, NonZero::get);
        Self { mebibytes: Semaphore::new(MEMORY_MEBIBYTES as usize), decoders: Semaphore::new(cores) }
    }
}

impl MediaBudget {
    /// Waits for room for a file of at most `bytes`; it is given back when the permit is dropped. `None` can't be: the
    /// budget is never closed.
    pub async fn room_for(&self, bytes: u64) -> Option<SemaphorePermit<'_>> {
        let mebibytes = u32::try_from(bytes.div_ceil(MEBIBYTE)).unwrap_or(MEMORY_MEBIBYTES);
        self.mebibytes.acquire_many(mebibytes.clamp(1, MEMORY_MEBIBYTES)).await.ok()
    }

    /// Runs `work` off the runtime's threads; `None`: it broke off.
    pub async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let _decoder = self.decoders.acquire().await.ok()?;
        tokio::task::spawn_blocking(work).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_larger_than_the_whole_budget_takes_all_of_it_and_no_more() {
        let budget = MediaBudget::default();
        let all = budget.room_for(u64::MAX).await;
        assert!(all.is_some());
        assert_eq!(budget.mebibytes.available_permits(), 0);
        drop(all);
        let one = budget.room_for(0).await;
        assert_eq!(budget.mebibytes.available_permits(), MEMORY_MEBIBYTES as usize - 1);
        drop(one);
    }
}
