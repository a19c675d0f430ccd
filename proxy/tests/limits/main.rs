//! Rate limits against a real Redis: shared exactly, and never in the way when it is gone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod outage;
mod redis_server;
mod sharing;

use std::{sync::Arc, time::Duration};

use ledger_contract::{AccountId, Timestamp};
use proxy::{
    limits::{Decision, Rate, limiter::Limiter, shared::Shared},
    metrics::Metrics,
    routes::Class,
};

/// A budget that a busy test machine keeps: these tests are about what is counted, not about how fast.
const PATIENT: Duration = Duration::from_secs(5);

/// One proxy's limiter and its view of Redis.
pub(crate) struct Proxy {
    limiter: Limiter,
    shared: Arc<Shared>,
    registry: prometheus::Registry,
}

impl Proxy {
    pub(crate) fn new(urls: &str, budget: Duration) -> Self {
        let registry = prometheus::Registry::new();
        let metrics = Arc::new(Metrics::new(&registry).unwrap());
        let shared = Shared::new(urls, budget, metrics).unwrap();
        Self { limiter: Limiter::new(Some(Arc::clone(&shared))), shared, registry }
    }

    /// Connected: the first look starts that, and draws nothing.
    pub(crate) async fn connected(urls: &str, budget: Duration) -> Self {
        let proxy = Self::new(urls, budget);
        let nobody = account(u128::MAX);
        proxy.limiter.peek(nobody, Class::General, Rate::per_minute(60), now_ns()).await;
        eventually("the limits are shared", async || proxy.shared.is_up()).await;
        proxy
    }

    pub(crate) async fn draw(&self, account: AccountId, per_minute: u32) -> Decision {
        self.limiter.draw(account, Class::General, Rate::per_minute(per_minute), now_ns()).await
    }

    pub(crate) fn gauge(&self) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == "babysea_proxy_limits_shared").unwrap();
        family.get_metric()[0].get_gauge().get_value()
    }
}

pub(crate) fn account(id: u128) -> AccountId {
    uuid::Uuid::from_u128(id).into()
}

pub(crate) fn now_ns() -> i64 {
    let Timestamp(millis) = proxy::clock::now();
    millis * 1_000_000
}

pub(crate) async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !condition().await {
        assert!(tokio::time::Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
