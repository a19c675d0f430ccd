//! Hints out: into Redis, all models in one transaction (key by key in a cluster), or into one file that is replaced whole. Touches only the keys of
//! the models it was given; a model without attempts keeps its last ranking until that expires.

use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use intelligence_hints::{HEALTH_TTL_S, Health, HintsFile, RANKING_TTL_S, health_key, ranking_key};
use ledger_contract::Timestamp;

use crate::config::Config;
use crate::policy::RankedModel;
use crate::redis_link::RedisServer;

/// Largest hints file that is read; thousands of models fit in a hundredth of it.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Why hints didn't get out. What was published before stays.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Not a URL of a Redis we can speak to.
    #[error("the Redis URL is not supported in this build: {0}")]
    UnknownRedis(String),
    /// Away, or refusing.
    #[error("Redis: {0}")]
    Redis(#[from] redis::RedisError),
    /// The file or its folder.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A ranking that can't be written as JSON.
    #[error("a hint can't be written: {0}")]
    Unwritable(#[from] serde_json::Error),
    /// Another job has been publishing for longer than we wait.
    #[error("another job holds the publishing lease")]
    LeaseHeld,
    /// The task that did it is gone.
    #[error("publishing was interrupted")]
    Interrupted,
}

/// Where hints go.
#[derive(Clone, Debug)]
pub enum Publisher {
    /// A Redis server, or a cluster of them.
    Redis(RedisServer),
    /// The hints file.
    File(PathBuf),
}

impl Publisher {
    /// Redis when there is a URL, else the file. Connects to nothing yet.
    pub fn new(config: &Config) -> Result<Self, PublishError> {
        let Some(url) = &config.redis_url else { return Ok(Self::File(config.hints_file.clone())) };
        let server = RedisServer::new(url).map_err(|error| PublishError::UnknownRedis(error.to_string()))?;
        Ok(Self::Redis(server))
    }

    /// Publishes every ranking for [`RANKING_TTL_S`] seconds.
    pub async fn publish(&self, ranked: &[RankedModel], now: Timestamp) -> Result<(), PublishError> {
        let hints = ranked
            .iter()
            .map(|model| Ok((ranking_key(&model.region, &model.model), model.ranking.to_json()?)))
            .collect::<Result<Vec<_>, serde_json::Error>>()?;
        self.set(hints, RANKING_TTL_S, now).await
    }

    /// Publishes a region's health snapshot for [`HEALTH_TTL_S`] seconds.
    pub async fn publish_health(&self, region: &str, health: &Health, now: Timestamp) -> Result<(), PublishError> {
        self.set(vec![(health_key(region), health.to_json()?)], HEALTH_TTL_S, now).await
    }

    /// What is published under a key and hasn't expired.
    pub async fn read(&self, key: &str, now: Timestamp) -> Result<Option<String>, PublishError> {
        match self {
            Self::Redis(server) => Ok(server.connect().await?.ask(redis::cmd("GET").arg(key)).await?),
            Self::File(path) => {
                let (path, key) = (path.clone(), key.to_owned());
                blocking(move || Ok(read_file(&path)?.get(&key, now).map(str::to_owned))).await
            }
        }
    }

    async fn set(&self, hints: Vec<(String, String)>, ttl_s: i64, now: Timestamp) -> Result<(), PublishError> {
        match self {
            Self::Redis(server) => to_redis(server, &hints, ttl_s).await,
            Self::File(path) => {
                let path = path.clone();
                blocking(move || to_file(&path, hints, ttl_s, now)).await
            }
        }
    }
}

async fn to_redis(server: &RedisServer, hints: &[(String, String)], ttl_s: i64) -> Result<(), PublishError> {
    if hints.is_empty() {
        return Ok(());
    }
    let set = |(key, value): &(String, String)| {
        let mut set = redis::cmd("SET");
        set.arg(key).arg(value).arg("EX").arg(ttl_s);
        set
    };
    let all: Vec<redis::Cmd> = hints.iter().map(set).collect();
    Ok(server.connect().await?.do_all(&all).await?)
}

fn to_file(path: &Path, hints: Vec<(String, String)>, ttl_s: i64, now: Timestamp) -> Result<(), PublishError> {
    let mut file = read_file(path)?;
    for (key, value) in hints {
        file.set(key, value, now, ttl_s);
    }
    file.prune(now);
    let text = file.to_json()?;
    replace(path, text.as_bytes()).map_err(|source| PublishError::File { path: path.display().to_string(), source })
}

/// A file that isn't there is empty. So is a broken one: every ranking in it can be made again.
fn read_file(path: &Path) -> Result<HintsFile, PublishError> {
    let mut text = String::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MAX_FILE_BYTES).read_to_string(&mut text));
    match read {
        Ok(_) => Ok(HintsFile::parse(&text).unwrap_or_else(|error| {
            tracing::warn!(path = %path.display(), %error, "the hints file is broken; starting a new one");
            HintsFile::default()
        })),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidData) => Ok(HintsFile::default()),
        Err(source) => Err(PublishError::File { path: path.display().to_string(), source }),
    }
}

/// Readers see the old file or the new one, also after a crash: written beside it, synced, renamed over it, folder synced.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(folder)?;
    let beside = path.with_extension(format!("{}.tmp", std::process::id()));
    let written = std::fs::File::create(&beside)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        // Only our own leftover; a failed removal is told by the failure that led here.
        let _ = std::fs::remove_file(&beside);
    }
    written.and_then(|()| std::fs::File::open(folder)?.sync_all())
}

/// Files are blocking work.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PublishError> + Send + 'static,
) -> Result<T, PublishError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(PublishError::Interrupted))
}
