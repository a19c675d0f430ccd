//! One Redis server, or a cluster: the same questions, with bounded waits. Knows no key and decides nothing.

use std::fmt::{Debug, Formatter};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{Cmd, FromRedisValue, RedisResult};

/// How long to wait for a connection, and then for each answer.
const WAIT: Duration = Duration::from_secs(3);

/// Where Redis is. Connects to nothing by itself.
#[derive(Clone)]
pub enum RedisServer {
    /// One server.
    One(Box<redis::Client>),
    /// Nodes of a cluster; the others are learnt from them.
    Cluster(Box<ClusterClient>),
}

/// A connection to it.
pub(crate) enum RedisLink {
    One(MultiplexedConnection),
    Cluster(Box<ClusterConnection>),
}

impl RedisServer {
    /// `redis://HOST:PORT`, or several of them with commas between: nodes of a cluster.
    pub fn new(url: &str) -> RedisResult<Self> {
        let nodes: Vec<&str> = url.split(',').map(str::trim).filter(|node| !node.is_empty()).collect();
        if let [one] = nodes[..] {
            return Ok(Self::One(Box::new(redis::Client::open(one)?)));
        }
        let cluster = ClusterClient::builder(nodes).connection_timeout(WAIT).response_timeout(WAIT);
        Ok(Self::Cluster(Box::new(cluster.build()?)))
    }

    pub(crate) async fn connect(&self) -> RedisResult<RedisLink> {
        match self {
            Self::One(client) => {
                let waits = redis::AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(WAIT))
                    .set_response_timeout(Some(WAIT));
                Ok(RedisLink::One(client.get_multiplexed_async_connection_with_config(&waits).await?))
            }
            Self::Cluster(client) => Ok(RedisLink::Cluster(Box::new(client.get_async_connection().await?))),
        }
    }
}

impl RedisLink {
    pub async fn ask<T: FromRedisValue>(&mut self, command: &Cmd) -> RedisResult<T> {
        match self {
            Self::One(connection) => command.query_async(connection).await,
            Self::Cluster(connection) => command.query_async(connection.as_mut()).await,
        }
    }

    /// All commands at once where one server can promise that, else one after another: keys of a cluster live apart.
    pub async fn do_all(&mut self, commands: &[Cmd]) -> RedisResult<()> {
        match self {
            Self::One(connection) => {
                let mut all = redis::pipe();
                all.atomic();
                for command in commands {
                    all.add_command(command.clone()).ignore();
                }
                all.query_async(connection).await
            }
            Self::Cluster(connection) => {
                for command in commands {
                    command.query_async::<()>(connection.as_mut()).await?;
                }
                Ok(())
            }
        }
    }
}

/// A URL may carry a password.
impl Debug for RedisServer {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::One(_) => "one Redis server",
            Self::Cluster(_) => "a Redis cluster",
        })
    }
}
