//! What the phases share: made once, handed to every request.

use std::sync::Arc;

use ipnet::IpNet;
use ledger_contract::access::KeyCandidate;
use tokio::{runtime::Handle, sync::OnceCell};

use super::Visit;
use crate::{
    counts::{Counted, Counts},
    drain::Drain,
    engine::Engine,
    identify::{Identifier, KeySource, LedgerAway},
    ledger::LedgerClient,
    limits::AccountLimits,
    metrics::Metrics,
    reads::Upstream,
};

/// Everything the phases need, made once.
pub struct Shell {
    /// Generations.
    pub engine: Arc<Engine>,
    /// The runtime the engine lives on.
    pub work: Handle,
    /// Keys.
    pub identifier: Identifier<LedgerKeys>,
    /// Requests per account.
    pub limits: AccountLimits,
    /// Answered requests.
    pub counts: Arc<Counts>,
    /// Running requests.
    pub drain: Arc<Drain>,
    /// What operators see.
    pub metrics: Arc<Metrics>,
    /// Where reads go.
    pub upstream: Upstream,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Names the bucket in the storage probe.
    pub artifacts_url: String,
    /// What the cache probe asks.
    pub redis_url: Option<String>,
}

/// Key records from the ledger, over connections of the request threads' own: a pool that is used from another runtime
/// than it was made in is slower, and stalls with it.
pub struct LedgerKeys {
    url: String,
    token: String,
    metrics: Arc<Metrics>,
    client: OnceCell<LedgerClient>,
}

impl LedgerKeys {
    /// Connects with the first request.
    pub fn new(url: &str, token: &str, metrics: Arc<Metrics>) -> Self {
        Self { url: url.to_owned(), token: token.to_owned(), metrics, client: OnceCell::new() }
    }
}

impl KeySource for LedgerKeys {
    async fn find(&self, prefix: &str) -> Result<Vec<KeyCandidate>, LedgerAway> {
        let start = || async { LedgerClient::start(&self.url, &self.token, Arc::clone(&self.metrics)) };
        let client = self.client.get_or_try_init(start).await.map_err(|_| LedgerAway)?;
        let found = client.find_keys(prefix.to_owned()).await;
        found.map(|found| found.candidates).map_err(|error| {
            tracing::warn!(%error, "a key lookup failed");
            LedgerAway
        })
    }
}

impl Shell {
    /// Only requests whose key and account were resolved are counted.
    pub(super) fn count(&self, visit: &Visit, status: u16) {
        let resolved = visit.key.as_ref().filter(|key| key.plan.is_some());
        if let (Some(key), Some(route), true) = (resolved, visit.route, status > 0) {
            let account_id = key.key.account_id;
            self.counts.add(Counted { account_id, endpoint: route.endpoint(), status, code: visit.code }, visit.now);
        }
    }
}
