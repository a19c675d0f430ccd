//! How providers, models, storage and cache are doing. Always status 200: `healthy` says so (api contract §5.12–5.15).

use std::{
    future::Future,
    time::{Duration, Instant},
};

use ledger_artifacts::Artifacts;
use ledger_contract::Provider;
use proxy_normalize::{Catalogue, Model};
use proxy_route::BreakerState;
use serde_json::{Map, Value, json};

use crate::{answer::Reply, breaker::Breakers};

const MESSAGE: &str = "Health retrieved";
const PROBE_LIMIT: Duration = Duration::from_secs(2);

/// `GET /v1/health/inference/providers`.
pub fn providers(breakers: &Breakers) -> Reply {
    let all: Vec<_> = Provider::ALL.iter().map(|provider| provider_json(breakers, *provider)).collect();
    let healthy = all.iter().all(|provider| provider["status"] != "degraded");
    let data = json!({ "service": "providers", "healthy": healthy, "providers_total": all.len(), "providers": all });
    Reply::success(MESSAGE, data)
}

fn provider_json(breakers: &Breakers, provider: Provider) -> Value {
    let window = breakers.window(provider);
    let status = match breakers.state(provider) {
        BreakerState::Open => "degraded",
        BreakerState::HalfOpen => "recovering",
        BreakerState::Closed if window.total_attempts == 0 => "unknown",
        BreakerState::Closed => "healthy",
    };
    let count = |attempts: u64| f64::from(u32::try_from(attempts).unwrap_or(u32::MAX));
    let failure_rate = count(window.failures) / count(window.total_attempts.max(1));
    json!({
        "provider": provider.as_str(),
        "status": status,
        "failure_rate": failure_rate,
        "window": {
            "total_attempts": window.total_attempts,
            "failures": window.failures,
            "successes": window.successes,
            "duration_seconds": window.duration_seconds,
        },
    })
}

/// `GET /v1/health/inference/models`.
pub fn models(catalogue: &Catalogue, breakers: &Breakers, is_configured: impl Fn(Provider) -> bool) -> Reply {
    let is_available = |provider| is_configured(provider) && breakers.state(provider) != BreakerState::Open;
    let models: Vec<_> = catalogue.models().map(|model| model_json(model, &is_configured, &is_available)).collect();
    let healthy = catalogue.models().all(|model| model.providers().into_iter().any(is_available));
    let data = json!({ "service": "models", "healthy": healthy, "models_total": models.len(), "models": models });
    Reply::success(MESSAGE, data)
}

fn model_json(
    model: &Model,
    is_configured: &impl Fn(Provider) -> bool,
    is_available: &impl Fn(Provider) -> bool,
) -> Value {
    let mut providers = Map::new();
    for provider in model.providers() {
        let native = if is_configured(provider) { model.native_model(provider) } else { None };
        let entry = json!({ "available": is_available(provider), "raw_model_id": native });
        providers.insert(provider.as_str().to_owned(), entry);
    }
    let mut entry = Map::new();
    entry.insert("model_identifier".to_owned(), model.id().into());
    entry.insert("model_type".to_owned(), model.kind().as_str().into());
    // A price map does not fit one number: it is omitted.
    if let Some(price) = model.pricing_json().filter(Value::is_number) {
        entry.insert("model_pricing".to_owned(), price);
    }
    entry.insert("providers".to_owned(), providers.into());
    entry.into()
}

/// `GET /v1/health/storage`.
pub async fn storage(artifacts: &Artifacts, artifacts_url: &str) -> Reply {
    let mut data = probed("storage", async { artifacts.probe().await.is_ok() }).await;
    data.insert("bucket".to_owned(), bucket(artifacts_url).into());
    Reply::success(MESSAGE, data.into())
}

/// `s3://bucket/prefix` → `bucket`; a folder has no name of its own.
fn bucket(artifacts_url: &str) -> &str {
    let named = artifacts_url.split_once("://").filter(|(scheme, _)| *scheme != "file");
    named.and_then(|(_, rest)| rest.split('/').next()).filter(|name| !name.is_empty()).unwrap_or("artifacts")
}

/// `GET /v1/health/cache`: healthy at no cost when none is configured.
pub async fn cache(redis_url: Option<&str>) -> Reply {
    let data = match redis_url {
        None => healthy("redis", 0.0),
        Some(url) => probed("redis", ping(url)).await,
    };
    Reply::success(MESSAGE, data.into())
}

/// One connection per question: the question is whether a new one can be made.
async fn ping(url: &str) -> bool {
    let first = url.split(',').next().unwrap_or_default().trim();
    let asked = async {
        let client = redis::Client::open(first)?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd("PING").query_async::<String>(&mut connection).await
    };
    asked.await.is_ok()
}

async fn probed(service: &str, probe: impl Future<Output = bool>) -> Map<String, Value> {
    let started = Instant::now();
    let outcome = tokio::time::timeout(PROBE_LIMIT, probe).await;
    // Microseconds are exact enough, and keep the number short.
    let latency_ms = (started.elapsed().as_secs_f64() * 1e6).round() / 1e3;
    let mut data = healthy(service, latency_ms);
    let error = match outcome {
        Ok(true) => return data,
        Ok(false) => "unavailable",
        Err(_) => "timeout",
    };
    data.insert("healthy".to_owned(), false.into());
    data.insert("error".to_owned(), error.into());
    data
}

fn healthy(service: &str, latency_ms: f64) -> Map<String, Value> {
    let mut data = Map::new();
    data.insert("service".to_owned(), service.into());
    data.insert("healthy".to_owned(), true.into());
    let latency = if latency_ms == 0.0 { 0.into() } else { latency_ms.into() };
    data.insert("latency_ms".to_owned(), latency);
    data
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn data(reply: Reply) -> Value {
        reply.outcome.unwrap().data
    }

    #[tokio::test]
    async fn no_cache_is_a_healthy_cache() {
        let data = data(cache(None).await);
        assert_eq!(data, json!({ "service": "redis", "healthy": true, "latency_ms": 0 }));
    }

    #[tokio::test]
    async fn a_cache_that_is_down_is_reported_and_not_an_error() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let data = data(cache(Some(&format!("redis://{closed}"))).await);
        assert_eq!((data["healthy"].as_bool(), data["error"].as_str()), (Some(false), Some("unavailable")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_waits_two_seconds_and_no_longer() {
        let data = probed("storage", std::future::pending()).await;
        assert_eq!(data["error"], "timeout");
    }

    #[test]
    fn a_bucket_is_named_by_its_url_and_a_folder_is_not() {
        assert_eq!(bucket("s3://media/prefix"), "media");
        assert_eq!(bucket("file:///var/lib/x"), "artifacts");
        assert_eq!(bucket("file://.babysea/artifacts"), "artifacts");
    }

    #[test]
    fn a_provider_without_attempts_is_unknown_and_not_unhealthy() {
        let metrics = crate::metrics::Metrics::new(&prometheus::Registry::new()).unwrap();
        let data = data(providers(&Breakers::new(std::sync::Arc::new(metrics))));
        assert_eq!(data["providers_total"], 8);
        assert_eq!(data["healthy"], true);
        assert_eq!(data["providers"][0]["status"], "unknown");
        assert_eq!(data["providers"][0]["failure_rate"], 0.0);
    }
}
