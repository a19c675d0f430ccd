//! What holds while Redis is slow, gone, or back without its memory.

use std::time::{Duration, Instant};

use crate::{PATIENT, Proxy, account, eventually, redis_server::RedisServer};

/// Far more than one refused or late call takes, far less than a request may.
const AT_ONCE: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_redis_that_was_never_there_is_nobodys_problem() {
    let proxy = Proxy::new("redis://127.0.0.1:1", Duration::from_millis(25));
    let began = Instant::now();
    for left in (0..30).rev() {
        assert_eq!(proxy.draw(account(1), 30).await.headers.remaining, left);
    }
    assert!(proxy.draw(account(1), 30).await.store.is_none());
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    assert!(proxy.gauge() < 0.5);
}

#[tokio::test]
async fn a_switch_happens_within_one_request_and_back_by_itself_and_gives_no_second_burst() {
    let mut redis = RedisServer::start().await;
    let proxy = Proxy::connected(&redis.url(), PATIENT).await;
    assert!(proxy.gauge() > 0.5);
    for _ in 0..20 {
        proxy.draw(account(1), 30).await;
    }
    redis.kill();
    let began = Instant::now();
    let alone = proxy.draw(account(1), 30).await.headers.remaining;
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    assert!((9..=11).contains(&alone), "what was drawn in Redis is known here: {alone}");
    assert!(proxy.gauge() < 0.5);

    redis.start_again().await;
    eventually("the limits are shared again", async || proxy.shared.is_up()).await;
    let together = proxy.draw(account(1), 30).await.headers.remaining;
    assert!((8..=13).contains(&together), "a Redis without its memory is told what is known: {together}");
    assert!(proxy.gauge() > 0.5);
}

#[tokio::test]
async fn a_redis_that_does_not_answer_costs_one_budget_and_then_nothing() {
    let redis = RedisServer::start().await;
    let budget = Duration::from_millis(100);
    let proxy = Proxy::connected(&redis.url(), budget).await;
    redis.ask(&["CLIENT", "PAUSE", "3000", "ALL"]).await.unwrap();
    let began = Instant::now();
    for _ in 0..200 {
        assert!(proxy.draw(account(1), 600).await.store.is_some());
    }
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    assert!(!proxy.shared.is_up());
    eventually("the limits are shared again", async || proxy.shared.is_up()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_or_stalls_while_redis_is_killed_and_revived_under_load() {
    let mut redis = RedisServer::start().await;
    let proxy = std::sync::Arc::new(Proxy::connected(&redis.url(), PATIENT).await);
    let load = tokio::spawn({
        let proxy = std::sync::Arc::clone(&proxy);
        async move {
            let began = Instant::now();
            let mut seconds = vec![(0_u32, 0_u32, Duration::ZERO); 7];
            while let Some(second) = seconds.get_mut(usize::try_from(began.elapsed().as_secs()).unwrap()) {
                let asked = Instant::now();
                let shared = proxy.shared.is_up();
                proxy.draw(account(u128::from(second.0)), 600).await;
                second.0 += 1;
                second.1 += u32::from(!shared);
                second.2 = second.2.max(asked.elapsed());
                // A request always waits for its network somewhere.
                tokio::task::yield_now().await;
            }
            seconds
        }
    });
    tokio::time::sleep(Duration::from_secs(2)).await;
    redis.kill();
    tokio::time::sleep(Duration::from_secs(2)).await;
    redis.start_again().await;
    let seconds = load.await.unwrap();
    println!("second: decided, of them in this process, slowest; Redis is killed at 2 and revived at 4");
    for (second, (decided, alone, slowest)) in seconds.iter().enumerate() {
        println!("{second}: {decided} decided, {alone} in this process, slowest {slowest:?}, 0 errors");
    }
    assert!(seconds.iter().all(|(decided, _, slowest)| *decided > 0 && *slowest < AT_ONCE), "{seconds:?}");
    assert!(seconds[3].1 > 0 && seconds[0].1 == 0 && seconds[6].1 < seconds[6].0, "{seconds:?}");
}
