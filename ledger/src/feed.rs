//! Tells proxies of changed keys and plans, and lets a change be confirmed only when none of them can use the old record
//! any more (`ledger_contract::feed`).
//!
//! Kept in memory: a feed belongs to one ledger process. What another process did before this one started may still be
//! unheard of, so in its first lease a ledger counts on feeds it does not know.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use ledger_contract::{
    HolderId,
    feed::{FEED_LEASE_MS, FeedPosition, FollowKeys, HOLD_MS, KeyChange, KeyNews},
};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep_until, timeout},
};
use uuid::Uuid;

const LEASE: Duration = Duration::from_millis(FEED_LEASE_MS);
const HOLD: Duration = Duration::from_millis(HOLD_MS);
/// Changes that a proxy may have missed; one that missed more forgets everything.
const REMEMBERED_CHANGES: usize = 1_024;
/// Proxy processes that are followed. One that finds no place gets no news, so it asks for every key.
const MOST_FEEDS: usize = 10_000;

/// Every feed of this process.
pub(crate) struct Feeds {
    epoch: Uuid,
    started: Instant,
    state: Mutex<State>,
    /// How many changes there were: wakes whoever waits for news.
    latest: watch::Sender<u64>,
    /// Somebody acknowledged: wakes whoever waits for a confirmation.
    acknowledged: Notify,
}

#[derive(Default)]
struct State {
    changes: u64,
    /// The last of them, oldest first.
    recent: VecDeque<KeyChange>,
    feeds: HashMap<HolderId, Feed>,
}

struct Feed {
    applied: u64,
    lease_ends: Instant,
}

impl Feeds {
    pub(crate) fn new() -> Self {
        Self {
            epoch: Uuid::now_v7(),
            started: Instant::now(),
            state: Mutex::default(),
            latest: watch::Sender::new(0),
            acknowledged: Notify::new(),
        }
    }

    /// Answers a proxy's question: at once, or when there is news, or when it was held long enough. `None`: no place.
    pub(crate) async fn follow(&self, asked: &FollowKeys) -> Option<KeyNews> {
        let mut latest = self.latest.subscribe();
        let known = asked.after.filter(|after| after.epoch == self.epoch).map(|after| after.changes);
        if !self.note(asked.holder, known.unwrap_or(0)) {
            return None;
        }
        self.acknowledged.notify_waiters();
        if let Some(known) = known {
            // The sender lives as long as `self`: only the hold can end this without news.
            let _ = timeout(HOLD, latest.wait_for(|changes| *changes > known)).await;
        }
        Some(self.news(known))
    }

    /// Says what changed, and waits until every proxy that could still use the old record has heard of it or may not use
    /// it any more. Called after the change is committed.
    pub(crate) async fn announce(&self, change: KeyChange) {
        let (place, waiting) = self.publish(change);
        let start = self.started + LEASE;
        if start > Instant::now() {
            sleep_until(start).await;
        }
        for (holder, lease_ends) in waiting {
            let heard = async {
                loop {
                    let mut somebody = std::pin::pin!(self.acknowledged.notified());
                    somebody.as_mut().enable();
                    if self.has_applied(holder, place) {
                        return;
                    }
                    somebody.await;
                }
            };
            // Its questions since then could only have been answered with this change: its lease need not be longer.
            let _ = tokio::time::timeout_at(lease_ends, heard).await;
        }
    }

    /// The sign of life and the acknowledgement; `false`: there are too many feeds.
    fn note(&self, holder: HolderId, applied: u64) -> bool {
        let mut state = self.lock();
        let now = Instant::now();
        if state.feeds.len() >= MOST_FEEDS && !state.feeds.contains_key(&holder) {
            state.feeds.retain(|_, feed| feed.lease_ends > now);
            if state.feeds.len() >= MOST_FEEDS {
                return false;
            }
        }
        state.feeds.insert(holder, Feed { applied, lease_ends: now + LEASE });
        true
    }

    fn news(&self, known: Option<u64>) -> KeyNews {
        let state = self.lock();
        let missed = known.and_then(|known| state.changes.checked_sub(known)).and_then(|n| usize::try_from(n).ok());
        let missed = missed.filter(|missed| *missed <= state.recent.len());
        let skipped = state.recent.len() - missed.unwrap_or(0);
        KeyNews {
            position: FeedPosition { epoch: self.epoch, changes: state.changes },
            forget_all: missed.is_none(),
            changes: state.recent.iter().skip(skipped).cloned().collect(),
        }
    }

    /// The place after the change, and the feeds that live without it with the ends of their leases.
    fn publish(&self, change: KeyChange) -> (u64, Vec<(HolderId, Instant)>) {
        let mut state = self.lock();
        let now = Instant::now();
        state.feeds.retain(|_, feed| feed.lease_ends > now);
        if state.recent.len() == REMEMBERED_CHANGES {
            state.recent.pop_front();
        }
        state.recent.push_back(change);
        state.changes += 1;
        let waiting = state.feeds.iter().map(|(holder, feed)| (*holder, feed.lease_ends)).collect();
        let place = state.changes;
        drop(state);
        self.latest.send_replace(place);
        (place, waiting)
    }

    fn has_applied(&self, holder: HolderId, place: u64) -> bool {
        self.lock().feeds.get(&holder).is_none_or(|feed| feed.applied >= place)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "feed/tests.rs"]
mod tests;
