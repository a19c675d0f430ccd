//! Where hints are read from: Redis, or a file in the data folder. Reads whole values; judges none.

use std::{io, path::PathBuf, time::Duration};

use intelligence_hints::HintsFile;
use redis::aio::ConnectionManager;

use crate::clock::now;

/// Connecting is outside the read's budget, but not without one.
const CONNECT_BUDGET: Duration = Duration::from_secs(1);
/// A hints file of every model stays far below this.
const MAX_FILE_BYTES: u64 = 8 * 1024 * 1024;

/// One of the two.
pub enum Source {
    /// Connected lazily, so that a cache that is down never keeps the proxy from starting.
    Redis {
        /// Knows the address.
        client: redis::Client,
        /// Once connected, it reconnects by itself.
        connection: Option<ConnectionManager>,
    },
    /// Replaced whole by its writer.
    File(PathBuf),
}

/// Why hints could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Redis is not reachable or does not answer.
    #[error("redis: {0}")]
    Redis(#[from] redis::RedisError),
    /// Not connected yet.
    #[error("redis: not connected")]
    NotConnected,
    /// The file can't be read.
    #[error("hints file: {0}")]
    File(#[from] io::Error),
}

impl Source {
    /// Redis at `url`; fails only when that is not a Redis URL.
    pub fn redis(url: &str) -> Result<Self, SourceError> {
        Ok(Self::Redis { client: redis::Client::open(url)?, connection: None })
    }

    /// For the gauge.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Redis { .. } => "redis",
            Self::File(_) => "file",
        }
    }

    /// Makes sure that there is a connection, if that is possible now.
    pub async fn connect(&mut self) {
        if let Self::Redis { client, connection: connection @ None } = self {
            let connected = tokio::time::timeout(CONNECT_BUDGET, ConnectionManager::new(client.clone())).await;
            *connection = connected.ok().and_then(Result::ok);
        }
    }

    /// The value of each key, in the same order; `None`: absent.
    pub async fn read(&mut self, keys: &[String]) -> Result<Vec<Option<String>>, SourceError> {
        match self {
            Self::Redis { connection: None, .. } => Err(SourceError::NotConnected),
            Self::Redis { connection: Some(connection), .. } => {
                Ok(redis::cmd("MGET").arg(keys).query_async(connection).await?)
            }
            Self::File(path) => read_file(path, keys).await,
        }
    }
}

/// No file: nothing is advised. A malformed one: the same, for it takes the old values' place.
async fn read_file(path: &PathBuf, keys: &[String]) -> Result<Vec<Option<String>>, SourceError> {
    let text = match tokio::fs::metadata(path).await {
        Ok(meta) if meta.len() <= MAX_FILE_BYTES => tokio::fs::read_to_string(path).await?,
        Ok(_) => String::new(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error.into()),
    };
    let file = HintsFile::parse(&text).unwrap_or_default();
    let now = now();
    Ok(keys.iter().map(|key| file.get(key, now).map(str::to_owned)).collect())
}
