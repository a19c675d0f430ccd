//! Follows the ledger's key feed for as long as the process lives: asks, applies, and acknowledges with the next question.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use ledger_contract::{
    HolderId,
    feed::{FEED_SILENCE_MS, FollowKeys, KeyNews},
};
use tracing::info;

use super::memory::Memory;
use crate::{
    clock::{jittered, now},
    ledger::{LedgerClient, LedgerError},
    metrics::Metrics,
};

/// A question that takes longer is asked again: its answer would no longer make the memory usable.
const QUESTION_LIMIT: Duration = Duration::from_millis(FEED_SILENCE_MS);
/// After a question that was not answered.
const PAUSE: Duration = Duration::from_millis(250);

/// Runs for ever.
pub async fn follow(ledger: LedgerClient, holder: HolderId, memory: Arc<Memory>, metrics: Arc<Metrics>) {
    let mut after = None;
    let mut was_live = false;
    loop {
        let (asked, asked_at) = (Instant::now(), now());
        let news = ask(&ledger, &FollowKeys { holder, after }).await;
        if let Ok(news) = &news {
            memory.apply(news, asked, asked_at);
            after = Some(news.position);
        }
        let is_live = memory.is_live(Instant::now());
        metrics.set_key_feed(is_live);
        if is_live != was_live {
            info!(is_live, "the key feed changed");
            was_live = is_live;
        }
        if news.is_err() {
            tokio::time::sleep(jittered(PAUSE)).await;
        }
    }
}

async fn ask(ledger: &LedgerClient, question: &FollowKeys) -> Result<KeyNews, LedgerError> {
    let asking = tokio::time::timeout(QUESTION_LIMIT, ledger.follow_keys(question));
    asking.await.unwrap_or(Err(LedgerError::Unavailable))
}
