//! What is counted in Redis.

use std::{sync::Arc, time::Instant};

use crate::{PATIENT, Proxy, account, now_ns, redis_server::RedisServer};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_proxies_together_grant_not_one_request_too_many() {
    const PROXIES: usize = 16;
    const ASKS: usize = 100;
    const PER_MINUTE: u32 = 600;
    let redis = RedisServer::start().await;
    let mut proxies = Vec::new();
    for _ in 0..PROXIES {
        proxies.push(Arc::new(Proxy::connected(&redis.url(), PATIENT).await));
    }
    let began = Instant::now();
    let asking = proxies.iter().flat_map(|proxy| (0..ASKS).map(move |_| Arc::clone(proxy)));
    let asking: Vec<_> =
        asking.map(|proxy| tokio::spawn(async move { proxy.draw(account(1), PER_MINUTE).await })).collect();
    let mut granted = 0_u128;
    for asked in asking {
        granted += u128::from(asked.await.unwrap().store.is_some());
    }
    let took = began.elapsed();
    // A full burst, and what the time since then has earned.
    let earned = took.as_micros() / (60_000_000 / u128::from(PER_MINUTE));
    let most = u128::from(PER_MINUTE) + earned;
    println!("{} asked by {PROXIES} proxies in {took:?}: {granted} granted, at most {most} allowed", PROXIES * ASKS);
    assert!(granted >= u128::from(PER_MINUTE) && granted <= most, "{granted} of at most {most}");
    assert!(proxies.iter().all(|proxy| proxy.gauge() > 0.5), "nobody fell back to its own counting");
}

#[tokio::test]
async fn what_one_proxy_draws_is_gone_at_the_other_and_the_headers_say_so() {
    let redis = RedisServer::start().await;
    let (one, other) = (Proxy::connected(&redis.url(), PATIENT).await, Proxy::connected(&redis.url(), PATIENT).await);
    for drawn in 1..=15 {
        let by_one = one.draw(account(1), 30).await.headers;
        let by_other = other.draw(account(1), 30).await.headers;
        // Two seconds earn one back: this takes milliseconds, and may fall on a border.
        assert!((30 - 2 * drawn + 1..=30 - 2 * drawn + 2).contains(&by_one.remaining), "{by_one:?}");
        assert!((30 - 2 * drawn..=30 - 2 * drawn + 1).contains(&by_other.remaining), "{by_other:?}");
        let ahead = by_other.reset_at_s - now_ns() / 1_000_000_000;
        assert!((i64::from(4 * drawn) - 3..=i64::from(4 * drawn) + 1).contains(&ahead), "{ahead} after {drawn}");
    }
    let refused = one.draw(account(1), 30).await;
    assert_eq!((refused.store, refused.headers.remaining), (None, 0));
    assert!((1..=2).contains(&refused.retry_after_s), "{refused:?}");
    assert!(other.draw(account(2), 30).await.store.is_some(), "another account has its own");
}

#[tokio::test]
async fn keys_end_by_themselves_and_carry_the_account_as_their_hash_tag() {
    let redis = RedisServer::start().await;
    let proxy = Proxy::connected(&redis.url(), PATIENT).await;
    proxy.draw(account(1), 30).await;
    let key = format!("limit:{{{}}}:general", account(1));
    let life: u32 = redis.ask(&["TTL", &key]).await.unwrap().parse().unwrap();
    assert!((110..=120).contains(&life), "{life}");
    assert_eq!(redis.ask(&["DBSIZE"]).await.unwrap(), "1", "a look stores nothing");
}

#[tokio::test]
async fn a_redis_that_forgot_the_script_is_told_it_again_within_the_request() {
    let redis = RedisServer::start().await;
    let proxy = Proxy::connected(&redis.url(), PATIENT).await;
    proxy.draw(account(1), 30).await;
    redis.ask(&["SCRIPT", "FLUSH"]).await.unwrap();
    assert_eq!(proxy.draw(account(1), 30).await.headers.remaining, 28);
    assert!(proxy.shared.is_up());
}

#[tokio::test]
async fn a_cluster_is_one_store_too() {
    let redis = RedisServer::start_cluster().await;
    // A comma list names a cluster, even of one node.
    let urls = format!("{},{}", redis.url(), redis.url());
    let (one, other) = (Proxy::connected(&urls, PATIENT).await, Proxy::connected(&urls, PATIENT).await);
    for id in 1..=20 {
        assert_eq!(one.draw(account(id), 30).await.headers.remaining, 29);
        assert_eq!(other.draw(account(id), 30).await.headers.remaining, 28);
    }
    assert_eq!(redis.ask(&["DBSIZE"]).await.unwrap(), "20");
}
