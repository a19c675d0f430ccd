//! Who hears of a change, and when it is confirmed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use super::*;

fn holder(id: u128) -> HolderId {
    HolderId(Uuid::from_u128(id))
}

fn change() -> KeyChange {
    KeyChange::Prefix("bye_aaaaa".to_owned())
}

async fn ask(feeds: &Feeds, id: u128, after: Option<FeedPosition>) -> KeyNews {
    feeds.follow(&FollowKeys { holder: holder(id), after }).await.unwrap()
}

/// Past its first lease.
async fn settled() -> Arc<Feeds> {
    let feeds = Arc::new(Feeds::new());
    tokio::time::sleep(LEASE).await;
    feeds
}

#[tokio::test(start_paused = true)]
async fn nobody_follows_so_a_change_is_confirmed_at_once() {
    let feeds = settled().await;
    let before = Instant::now();
    feeds.announce(change()).await;
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_just_started_counts_on_feeds_it_does_not_know() {
    let feeds = Feeds::new();
    let before = Instant::now();
    feeds.announce(change()).await;
    assert!(before.elapsed() >= LEASE, "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_change_is_confirmed_when_the_last_live_feed_has_acknowledged_it() {
    let feeds = settled().await;
    let first = ask(&feeds, 1, None).await;
    assert!(first.forget_all && first.changes.is_empty());
    let other = ask(&feeds, 2, None).await;
    let changing = tokio::spawn({
        let feeds = Arc::clone(&feeds);
        async move { feeds.announce(change()).await }
    });
    let news = ask(&feeds, 1, Some(first.position)).await;
    assert_eq!((news.forget_all, news.changes.len()), (false, 1));
    let also = ask(&feeds, 2, Some(other.position)).await;
    ask(&feeds, 1, Some(news.position)).await;
    assert!(!changing.is_finished(), "the second feed has not acknowledged yet");
    let before = Instant::now();
    tokio::select! {
        _ = ask(&feeds, 2, Some(also.position)) => panic!("there is no more news"),
        confirmed = changing => confirmed.unwrap(),
    }
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_went_silent_holds_a_change_up_until_its_lease_ends_and_no_longer() {
    let feeds = settled().await;
    ask(&feeds, 1, None).await;
    let before = Instant::now();
    feeds.announce(change()).await;
    let waited = before.elapsed();
    assert!(waited.abs_diff(LEASE) <= Duration::from_millis(10), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_asks_but_never_acknowledges_cannot_hold_a_change_up_longer() {
    let feeds = settled().await;
    let first = ask(&feeds, 1, None).await.position;
    let asking = tokio::spawn({
        let feeds = Arc::clone(&feeds);
        async move {
            loop {
                ask(&feeds, 1, Some(first)).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    });
    let before = Instant::now();
    feeds.announce(change()).await;
    assert!(before.elapsed() <= LEASE + Duration::from_millis(10), "{:?}", before.elapsed());
    asking.abort();
}

#[tokio::test(start_paused = true)]
async fn a_question_without_news_is_held_and_then_answered() {
    let feeds = settled().await;
    let first = ask(&feeds, 1, None).await;
    let before = Instant::now();
    let quiet = ask(&feeds, 1, Some(first.position)).await;
    assert_eq!((before.elapsed(), quiet.changes.len(), quiet.forget_all), (HOLD, 0, false));
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_missed_too_much_or_knew_another_ledger_forgets_everything() {
    let feeds = settled().await;
    let first = ask(&feeds, 1, None).await;
    for _ in 0..=REMEMBERED_CHANGES {
        feeds.publish(change());
    }
    assert!(ask(&feeds, 1, Some(first.position)).await.forget_all);
    let stranger = FeedPosition { epoch: Uuid::nil(), changes: 0 };
    assert!(ask(&feeds, 1, Some(stranger)).await.forget_all);
    let ahead = FeedPosition { changes: u64::MAX, ..first.position };
    assert!(ask(&feeds, 1, Some(ahead)).await.forget_all);
}
