//! What the phases share: made once, handed to every request.

use std::{sync::Arc, time::Duration};

use ipnet::IpNet;
use ledger_contract::{access::KeyCandidate, request_log::LoggedRequest};
use pingora::proxy::Session;
use tokio::{runtime::Handle, sync::OnceCell};

use super::Visit;
use crate::{
    counts::{Counted, Counts},
    drain::Drain,
    engine::Engine,
    identify::{Identifier, KeySource, LedgerAway},
    ledger::LedgerClient,
    limits::limiter::Limiter,
    metrics::Metrics,
    reads::Upstream,
    request_log::{RequestLog, printable_agent, sanitized_query},
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
    pub limits: Limiter,
    /// Answered requests.
    pub counts: Arc<Counts>,
    /// Rows of the request log.
    pub log: Arc<RequestLog>,
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
    region: String,
    metrics: Arc<Metrics>,
    client: OnceCell<LedgerClient>,
}

impl LedgerKeys {
    /// Connects with the first request.
    pub fn new(url: &str, token: &str, region: &str, metrics: Arc<Metrics>) -> Self {
        let (url, token, region) = (url.to_owned(), token.to_owned(), region.to_owned());
        Self { url, token, region, metrics, client: OnceCell::new() }
    }
}

impl KeySource for LedgerKeys {
    async fn find(&self, prefix: &str) -> Result<Vec<KeyCandidate>, LedgerAway> {
        let start = || async { LedgerClient::start(&self.url, &self.token, Arc::clone(&self.metrics)) };
        let client = self.client.get_or_try_init(start).await.map_err(|_| LedgerAway)?;
        let found = client.find_keys(prefix.to_owned(), self.region.clone()).await;
        found.map(|found| found.candidates).map_err(|error| {
            tracing::warn!(%error, "a key lookup failed");
            LedgerAway
        })
    }
}

impl Shell {
    /// Only requests whose key and account were resolved are counted and logged.
    pub(super) fn count(&self, session: &Session, visit: &Visit, status: u16, elapsed: Duration) {
        let resolved = visit.key.as_ref().filter(|key| key.plan.is_some());
        let (Some(key), Some(route), Some(client), true) = (resolved, visit.route, visit.client, status > 0) else {
            return;
        };
        let key = &key.key;
        self.counts.used(key.apikey_id, visit.now);
        let counted = Counted { account_id: key.account_id, endpoint: route.endpoint, status, code: visit.code };
        self.counts.add(counted, visit.now);
        let request = session.req_header();
        let row = LoggedRequest {
            request_id: visit.request_id.clone(),
            account_id: key.account_id,
            apikey_id: key.apikey_id,
            key_name: key.name.clone(),
            key_prefix: key.prefix.clone(),
            method: route.method.into(),
            endpoint: route.template.into(),
            query: sanitized_query(request.uri.query()),
            status,
            error_code: visit.code.map(|code| code.code().into()),
            replayed: visit.replayed,
            client,
            user_agent: printable_agent(request.headers.get("user-agent")),
            duration_ms: u32::try_from(elapsed.as_millis()).unwrap_or(u32::MAX),
            at: visit.now,
        };
        self.log.add(row, &self.metrics);
    }
}
