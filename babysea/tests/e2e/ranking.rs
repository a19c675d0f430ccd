//! `fastest` follows what the observatory computed from what just happened, and does without it when it has to.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    calls::Reply,
    redis_server::RedisServer,
    stack::{Stack, eventually, within},
};

const MODEL: &str = "bfl/flux-schnell";
const KEY: &str = "predictive:ranking:us:bfl/flux-schnell";
/// No random exploration, and no schedule: the test says when to rank.
const BY_HAND: &[(&str, &str)] =
    &[("BABYSEA_ROUTING_EXPLORATION_SHARE", "0"), ("BABYSEA_INTELLIGENCE_INTERVAL_S", "3600")];

#[tokio::test]
async fn fastest_stops_preferring_a_provider_that_became_slow() {
    within(180, async {
        let stack = Stack::with(BY_HAND).await;
        assert_eq!(first(&fastest(&stack).await), "replicate", "the static order, before anything is known");
        stack.provider("replicate", json!({ "run_latency_ms": 4000 })).await;
        use_each_provider(&stack).await;
        let ranked = stack.json(&["intelligence", "run", "--once"]);
        assert!(ranked.to_string().contains(MODEL), "{ranked}");
        eventually("an order that begins with another provider", Duration::from_mins(1), async || {
            (first(&fastest(&stack).await) != "replicate").then_some(())
        })
        .await;
        let explicit = stack.image("replicate, fal").await;
        assert_eq!(first(&explicit), "replicate", "an explicit order is never changed");
        stack.all_ended().await;
    })
    .await;
}

#[tokio::test]
async fn rankings_go_through_redis_and_neither_garbage_nor_its_death_disturbs_a_generation() {
    within(180, async {
        let mut server = RedisServer::start().await;
        let stack = Stack::with(&[BY_HAND, &[("BABYSEA_REDIS_URL", server.url.as_str())]].concat()).await;
        assert_eq!(stack.get("/v1/health/cache").await.data()["healthy"], true);
        use_each_provider(&stack).await;
        stack.json(&["intelligence", "run", "--once"]);
        let ranking: Value = serde_json::from_str(&server.ask(&["GET", KEY]).await).unwrap();
        assert_eq!(ranking["providers_ranked"].as_array().unwrap().len(), 3, "{ranking}");
        assert!(ranking["computed_at"].is_string() && ranking["window_hours"].is_u64(), "{ranking}");
        let client = redis::Client::open(server.url.as_str()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let ttl: i64 = redis::cmd("TTL").arg(KEY).query_async(&mut connection).await.unwrap();
        assert!((172_000..=172_800).contains(&ttl), "{ttl}");
        assert_generation_succeeds(&stack).await;

        server.ask(&["SET", KEY, "{not-json"]).await;
        assert_generation_succeeds(&stack).await;
        eventually("the static order again", Duration::from_secs(30), async || {
            (order(&fastest(&stack).await) == json!(["replicate", "fal", "cloudflare"])).then_some(())
        })
        .await;
        server.kill();
        assert_generation_succeeds(&stack).await;
        eventually("the cache to be called unhealthy", Duration::from_secs(30), async || {
            (stack.get("/v1/health/cache").await.data()["healthy"] == false).then_some(())
        })
        .await;
        assert_generation_succeeds(&stack).await;
        stack.all_ended().await;
        stack.assert_audit_is_clean();
    })
    .await;
}

#[tokio::test]
async fn the_golden_example_comes_out_exactly() {
    let stack = Stack::prepared(&[]);
    let file = stack.folder().join("attempts.csv");
    std::fs::write(&file, golden_attempts()).unwrap();
    let arguments = ["intelligence", "rank", "--attempts", file.to_str().unwrap(), "--region", "us"];
    let ranked = stack.json(&arguments);
    let ranking = &ranked[0];
    assert_eq!(ranking["providers_ranked"], json!(["provider_b", "provider_c", "provider_a"]), "{ranked}");
    for (provider, score) in [("provider_a", -0.3), ("provider_b", 0.8825), ("provider_c", 0.265)] {
        let found = ranking["scores"][provider].as_f64().unwrap();
        assert!((found - score).abs() < 5e-7, "{provider}: {found}");
    }
    assert_eq!((&ranking["attempts_total"], &ranking["window_hours"]), (&json!(9), &json!(24)));
}

/// The example of the ranking contract, one attempt per line.
fn golden_attempts() -> String {
    let attempts = [
        ("provider_a", "used", 6400, "0.004"),
        ("provider_a", "failed", 12000, "0.004"),
        ("provider_a", "failed", 11800, "0.004"),
        ("provider_b", "used", 4200, "0.005"),
        ("provider_b", "used", 4500, "0.005"),
        ("provider_b", "used", 4700, "0.005"),
        ("provider_c", "used", 9000, "0.003"),
        ("provider_c", "discarded", 9400, "0.003"),
        ("provider_c", "used", 8800, "0.003"),
    ];
    let header = "model,region,provider,outcome,latency_ms,estimated_cost,submitted_at,resolved_at\n".to_owned();
    attempts.iter().enumerate().fold(header, |csv, (index, (provider, outcome, latency, cost))| {
        let seconds = index * 30;
        let submitted = format!("2026-05-06T00:{:02}:{:02}Z", seconds / 60, seconds % 60);
        let resolved = format!("2026-05-06T00:{:02}:{:02}Z", seconds / 60 + 1, seconds % 60);
        format!("{csv}acme/model,us,{provider},{outcome},{latency},{cost},{submitted},{resolved}\n")
    })
}

/// A few finished attempts at each provider of the model.
async fn use_each_provider(stack: &Stack) {
    for _ in 0..3 {
        for provider in ["replicate", "fal", "cloudflare"] {
            stack.image(provider).await.data();
        }
    }
    stack.all_ended().await;
}

async fn fastest(stack: &Stack) -> Reply {
    stack.create(&format!("image/{MODEL}"), json!({ "generation_prompt": "a fast seal" })).await
}

async fn assert_generation_succeeds(stack: &Stack) {
    let record = stack.ended(&fastest(stack).await.generation_id()).await;
    assert_eq!(record["generation_status"], "succeeded", "{record}");
}

fn order(reply: &Reply) -> Value {
    reply.data()["generation_provider_order"].clone()
}

fn first(reply: &Reply) -> String {
    order(reply)[0].as_str().unwrap().to_owned()
}
