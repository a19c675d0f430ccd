//! Where hints are read from: Redis, or a file in the data folder. Reads whole values; judges none.

use std::{io, path::PathBuf, time::Duration};

use intelligence_hints::HintsFile;
use redis::{aio::ConnectionManager, cluster::ClusterClient, cluster_async::ClusterConnection};

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
        client: Box<redis::Client>,
        /// Once connected, it reconnects by itself.
        connection: Option<ConnectionManager>,
    },
    /// Nodes of a Redis cluster.
    Cluster {
        /// Knows the addresses.
        client: Box<ClusterClient>,
        /// Once connected, it reconnects by itself.
        connection: Option<Box<ClusterConnection>>,
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
    /// Redis at `url`, or a cluster at several of them with commas between; fails only when that is not a Redis URL.
    pub fn redis(url: &str) -> Result<Self, SourceError> {
        if url.contains(',') {
            let nodes: Vec<&str> = url.split(',').map(str::trim).filter(|node| !node.is_empty()).collect();
            return Ok(Self::Cluster { client: Box::new(ClusterClient::new(nodes)?), connection: None });
        }
        Ok(Self::Redis { client: Box::new(redis::Client::open(url)?), connection: None })
    }

    /// For the gauge.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Redis { .. } | Self::Cluster { .. } => "redis",
            Self::File(_) => "file",
        }
    }

    /// Makes sure that there is a connection, if that is possible now.
    pub async fn connect(&mut self) {
        match self {
            Self::Redis { client, connection: connection @ None } => {
                let connected = tokio::time::timeout(CONNECT_BUDGET, ConnectionManager::new((**client).clone())).await;
                *connection = connected.ok().and_then(Result::ok);
            }
            Self::Cluster { client, connection: connection @ None } => {
                let connected = tokio::time::timeout(CONNECT_BUDGET, client.get_async_connection()).await;
                *connection = connected.ok().and_then(Result::ok).map(Box::new);
            }
            Self::Redis { .. } | Self::Cluster { .. } | Self::File(_) => {}
        }
    }

    /// The value of each key, in the same order; `None`: absent.
    pub async fn read(&mut self, keys: &[String]) -> Result<Vec<Option<String>>, SourceError> {
        match self {
            Self::Redis { connection: None, .. } | Self::Cluster { connection: None, .. } => {
                Err(SourceError::NotConnected)
            }
            Self::Redis { connection: Some(connection), .. } => {
                Ok(redis::cmd("MGET").arg(keys).query_async(connection).await?)
            }
            // The client asks every node for its part.
            Self::Cluster { connection: Some(connection), .. } => {
                Ok(redis::cmd("MGET").arg(keys).query_async(connection.as_mut()).await?)
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
