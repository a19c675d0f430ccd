//! One job at a time ranks and publishes in a region, so that an older ranking never lands on a newer one. The lease is a
//! key in Redis or a lock on a file beside the hints file; either is free again when its holder dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

use intelligence_hints::publishing_lease_key;
use tokio::time::{Instant, sleep};

use crate::publish::{PublishError, Publisher, blocking};
use crate::redis_link::RedisServer;

/// How long to wait for another job, as the command line promises.
pub const WAIT: Duration = Duration::from_secs(30);
/// Time between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Longer than any pass takes; only a holder that died lets it run out.
const REDIS_LEASE_MS: u64 = 60_000;
/// Gives back what is still ours.
const RELEASE: &str =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end";

/// The right to publish, until released or dropped.
#[derive(Debug)]
#[must_use = "a lease that isn't held protects nothing"]
pub enum Lease {
    /// A key with our token.
    Redis {
        /// Where.
        server: RedisServer,
        /// Which key.
        key: String,
        /// Ours, and nobody else's.
        token: String,
    },
    /// A locked file; the system unlocks it when it is closed.
    File(File),
}

impl Lease {
    /// Waits until the lease is free, at most `wait`.
    pub async fn acquire(publisher: &Publisher, region: &str, wait: Duration) -> Result<Self, PublishError> {
        let until = Instant::now() + wait;
        loop {
            if let Some(lease) = try_acquire(publisher, region).await? {
                return Ok(lease);
            }
            if Instant::now() >= until {
                return Err(PublishError::LeaseHeld);
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    /// Gives it back at once. A release that fails is only slower: the key expires.
    pub async fn release(self) {
        match self {
            Self::File(file) => drop(file),
            Self::Redis { server, key, token } => {
                let Ok(mut link) = server.connect().await else { return };
                let mut release = redis::cmd("EVAL");
                release.arg(RELEASE).arg(1).arg(key).arg(token);
                let released: Result<i64, _> = link.ask(&release).await;
                if let Err(error) = released {
                    tracing::debug!(%error, "the publishing lease runs out by itself");
                }
            }
        }
    }
}

async fn try_acquire(publisher: &Publisher, region: &str) -> Result<Option<Lease>, PublishError> {
    match publisher {
        Publisher::Redis(server) => try_key(server, publishing_lease_key(region)).await,
        Publisher::File(path) => {
            let beside = path.with_extension("lock");
            blocking(move || try_lock(&beside)).await
        }
    }
}

async fn try_key(server: &RedisServer, key: String) -> Result<Option<Lease>, PublishError> {
    let token = uuid::Uuid::new_v4().to_string();
    let mut link = server.connect().await?;
    let mut set = redis::cmd("SET");
    set.arg(&key).arg(&token).arg("NX").arg("PX").arg(REDIS_LEASE_MS);
    let answer: Option<String> = link.ask(&set).await?;
    Ok(answer.map(|_| Lease::Redis { server: server.clone(), key, token }))
}

/// The lock file stays: removing it would let two jobs lock two files of one name.
fn try_lock(path: &Path) -> Result<Option<Lease>, PublishError> {
    let file_error = |source| PublishError::File { path: path.display().to_string(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(file_error)?;
    }
    let file = OpenOptions::new().create(true).append(true).open(path).map_err(file_error)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Lease::File(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(file_error(source)),
    }
}
