//! Key lookups that coalesce: equal prefixes share a question, but only one that was not asked yet when they came.
//!
//! Joining a question that is already under way could answer with a record from before a revoke that was confirmed in
//! the meantime; so whoever comes too late waits for the next question, with everybody else who did.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use dashmap::DashMap;
use ledger_contract::access::KeyCandidate;
use tokio::sync::OnceCell;

use super::{KeySource, LedgerAway};

/// A lookup that takes longer counts as an absent ledger: a route has 5 s in all.
const LOOKUP_LIMIT: Duration = Duration::from_secs(2);

type Found = Result<Arc<Vec<KeyCandidate>>, LedgerAway>;
type Question = Arc<OnceCell<Found>>;

/// The questions about one prefix: at most one under way and one that gathers.
#[derive(Default)]
struct Lane {
    gathering: Mutex<Option<Question>>,
    under_way: tokio::sync::Mutex<()>,
}

/// Asks a source; lanes live only as long as somebody waits in them.
pub(super) struct Lookups<S> {
    source: S,
    lanes: DashMap<String, Arc<Lane>>,
}

/// Removes the lane when the last one leaves it.
struct InLane<'a> {
    lanes: &'a DashMap<String, Arc<Lane>>,
    prefix: &'a str,
    lane: Arc<Lane>,
}

impl Drop for InLane<'_> {
    fn drop(&mut self) {
        // Two owners: the map and us. Clones are made only under the map's lock, so the count is exact.
        self.lanes.remove_if(self.prefix, |_, lane| Arc::strong_count(lane) <= 2);
    }
}

impl<S: KeySource> Lookups<S> {
    pub(super) fn new(source: S) -> Self {
        Self { source, lanes: DashMap::new() }
    }

    /// Every key with this prefix, no older than this call.
    pub(super) async fn find(&self, prefix: &str) -> Found {
        let lane = Arc::clone(&*self.lanes.entry(prefix.to_owned()).or_default());
        let inside = InLane { lanes: &self.lanes, prefix, lane };
        let question = inside.lane.join();
        let found = question.get_or_init(|| async {
            let _turn = inside.lane.under_way.lock().await;
            inside.lane.close(&question);
            let asked = tokio::time::timeout(LOOKUP_LIMIT, self.source.find(prefix)).await;
            asked.unwrap_or(Err(LedgerAway)).map(Arc::new)
        });
        found.await.clone()
    }
}

impl Lane {
    fn join(&self) -> Question {
        let mut gathering = self.gathering.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(gathering.get_or_insert_default())
    }

    /// From here on newcomers gather for the next question.
    fn close(&self, question: &Question) {
        let mut gathering = self.gathering.lock().unwrap_or_else(PoisonError::into_inner);
        if gathering.as_ref().is_some_and(|open| Arc::ptr_eq(open, question)) {
            *gathering = None;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Answers only when the test lets it.
    struct Slow {
        asked: AtomicUsize,
        gate: tokio::sync::Semaphore,
    }

    impl KeySource for Arc<Slow> {
        async fn find(&self, _: &str) -> Result<Vec<KeyCandidate>, LedgerAway> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            self.gate.acquire().await.unwrap().forget();
            Ok(Vec::new())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_hundred_equal_lookups_ask_twice_and_leave_no_lane_behind() {
        let slow = Arc::new(Slow { asked: AtomicUsize::new(0), gate: tokio::sync::Semaphore::new(0) });
        let lookups = Arc::new(Lookups::new(Arc::clone(&slow)));
        let ask = || {
            let lookups = Arc::clone(&lookups);
            tokio::spawn(async move { lookups.find("bye_aaaaa").await })
        };
        let first = ask();
        tokio::task::yield_now().await;
        assert_eq!(slow.asked.load(Ordering::SeqCst), 1);
        let late: Vec<_> = (0..99).map(|_| ask()).collect();
        tokio::task::yield_now().await;
        slow.gate.add_permits(2);
        assert!(first.await.unwrap().is_ok());
        for waiting in late {
            assert!(waiting.await.unwrap().is_ok());
        }
        assert_eq!(slow.asked.load(Ordering::SeqCst), 2);
        assert!(lookups.lanes.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_ledger_that_does_not_answer_counts_as_away() {
        let slow = Arc::new(Slow { asked: AtomicUsize::new(0), gate: tokio::sync::Semaphore::new(0) });
        assert_eq!(Lookups::new(slow).find("bye_aaaaa").await.unwrap_err(), LedgerAway);
    }
}
