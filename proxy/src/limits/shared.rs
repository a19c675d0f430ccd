//! Rate limits in Redis: one atomic script call per request, shared by every proxy. The only place that spells these keys.
//!
//! What this process knows of the stored time goes along, so that a Redis that lost its memory grants no second burst. The
//! hash tag keeps an account's keys on one node of a cluster. A call that fails or takes too long switches to the local
//! limiter within the same request; a background task switches back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use ledger_contract::AccountId;
use redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisResult, Script, aio::MultiplexedConnection,
    cluster::ClusterClient, cluster_async::ClusterConnection,
};
use tokio::{
    sync::{Notify, OnceCell},
    time::{sleep, timeout},
};
use tracing::{info, warn};

use super::{Rate, WINDOW_NS};
use crate::{metrics::Metrics, routes::Class};

/// How long a request waits for Redis before it is decided here.
pub const BUDGET: Duration = Duration::from_millis(25);
/// A stored time is at most a window ahead; twice that is enough for every clock.
const LIFE_S: u32 = 120;
const CONNECT_LIMIT: Duration = Duration::from_secs(1);
/// How often Redis is tried while it is away.
const TRY_EVERY: Duration = Duration::from_millis(100);
const NS_PER_US: i64 = 1_000;

const SCRIPT: &str = include_str!("gcra.lua");

/// What Redis said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// Whether the request was let through; meaningless for a look.
    pub drawn: bool,
    /// The stored time, Unix nanoseconds.
    pub tat: i64,
    /// Redis's clock, Unix nanoseconds.
    pub now: i64,
}

/// One server, or the nodes of a cluster.
enum Servers {
    One(Client),
    Cluster(Box<ClusterClient>),
}

#[derive(Clone)]
enum Link {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// The shared limiter.
pub struct Shared {
    servers: Servers,
    hash: String,
    budget: Duration,
    link: ArcSwapOption<Link>,
    up: AtomicBool,
    fell: Notify,
    keeper: OnceCell<()>,
    metrics: Arc<Metrics>,
}

impl Shared {
    /// `urls`: one address, or a comma list for a cluster. Connects with the first request.
    pub fn new(urls: &str, budget: Duration, metrics: Arc<Metrics>) -> RedisResult<Arc<Self>> {
        let servers = match urls.split(',').map(str::trim).filter(|url| !url.is_empty()).collect::<Vec<_>>()[..] {
            [url] => Servers::One(Client::open(url)?),
            ref nodes => Servers::Cluster(Box::new(cluster(nodes)?)),
        };
        metrics.set_limits_shared(false);
        Ok(Arc::new(Self {
            servers,
            hash: Script::new(SCRIPT).get_hash().to_owned(),
            budget,
            link: ArcSwapOption::empty(),
            up: AtomicBool::new(false),
            fell: Notify::new(),
            keeper: OnceCell::new(),
            metrics,
        }))
    }

    /// Whether requests are decided in Redis.
    pub fn is_up(&self) -> bool {
        self.up.load(Ordering::Acquire)
    }

    /// Decides or looks at one request; `None`: Redis can't say, decide it here. `known` is the stored time as this
    /// process knows it, Unix nanoseconds.
    pub(super) async fn ask(
        self: &Arc<Self>,
        (account_id, class): (AccountId, Class),
        rate: Rate,
        draw: bool,
        known: Option<i64>,
    ) -> Option<Answer> {
        // On the runtime of the requests: a connection that lives elsewhere costs two more wake-ups per call.
        self.keeper.get_or_init(|| async { drop(tokio::spawn(Arc::clone(self).keep_up())) }).await;
        let link = if self.is_up() { self.link.load_full()? } else { return None };
        let key = format!("limit:{{{account_id}}}:{}", class.as_str());
        let call = |verb: &str, script: &str| {
            let mut call = redis::cmd(verb);
            call.arg(script).arg(1).arg(&key).arg(rate.spacing_ns() / NS_PER_US).arg(WINDOW_NS / NS_PER_US);
            call.arg(u8::from(draw)).arg(known.unwrap_or(0) / NS_PER_US).arg(LIFE_S);
            call
        };
        let asking = async {
            match link.ask(&call("EVALSHA", &self.hash)).await {
                Err(error) if error.code() == Some("NOSCRIPT") => link.ask(&call("EVAL", SCRIPT)).await,
                answered => answered,
            }
        };
        match timeout(self.budget, asking).await {
            Ok(Ok((drawn, tat, now))) => Some(Answer { drawn, tat: nanos(tat), now: nanos(now) }),
            Ok(Err(error)) => self.fall(&error.to_string()),
            Err(_) => self.fall("no answer in time"),
        }
    }

    fn fall(&self, why: &str) -> Option<Answer> {
        if self.up.swap(false, Ordering::AcqRel) {
            warn!(why, "rate limits are counted in this process");
            self.metrics.set_limits_shared(false);
            self.fell.notify_one();
        }
        None
    }

    /// Connects, waits for a failure, and tries until it is over.
    async fn keep_up(self: Arc<Self>) {
        loop {
            let fell = self.fell.notified();
            if self.try_up().await {
                info!("rate limits are counted in Redis");
                self.metrics.set_limits_shared(true);
                self.up.store(true, Ordering::Release);
                fell.await;
            }
            sleep(TRY_EVERY).await;
        }
    }

    /// The old connection if it answers again, otherwise a new one.
    async fn try_up(&self) -> bool {
        let ping = redis::cmd("PING");
        if let Some(link) = self.link.load_full()
            && matches!(timeout(self.budget, link.ask::<String>(&ping)).await, Ok(Ok(_)))
        {
            return true;
        }
        let Ok(Ok(link)) = timeout(CONNECT_LIMIT, self.servers.connect()).await else { return false };
        if !matches!(timeout(self.budget, link.ask::<String>(&ping)).await, Ok(Ok(_))) {
            return false;
        }
        self.link.store(Some(Arc::new(link)));
        true
    }
}

fn cluster(nodes: &[&str]) -> RedisResult<ClusterClient> {
    // Whoever waits for a retry has long decided by itself.
    ClusterClient::builder(nodes.iter().copied()).retries(1).connection_timeout(CONNECT_LIMIT).build()
}

fn nanos(micros: i64) -> i64 {
    micros.saturating_mul(NS_PER_US)
}

impl Servers {
    async fn connect(&self) -> RedisResult<Link> {
        match self {
            Self::One(client) => {
                // Our own budget is the limit: the connection's must not be another one.
                let config =
                    AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT_LIMIT)).set_response_timeout(None);
                Ok(Link::One(client.get_multiplexed_async_connection_with_config(&config).await?))
            }
            Self::Cluster(client) => Ok(Link::Cluster(client.get_async_connection().await?)),
        }
    }
}

impl Link {
    async fn ask<T: FromRedisValue>(&self, call: &Cmd) -> RedisResult<T> {
        match self.clone() {
            Self::One(mut connection) => call.query_async(&mut connection).await,
            Self::Cluster(mut connection) => call.query_async(&mut connection).await,
        }
    }
}
