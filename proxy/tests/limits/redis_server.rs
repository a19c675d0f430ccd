//! A private Redis: a real `redis-server` that keeps nothing, on a port of its own, ended when dropped.

use std::process::{Child, Command, Stdio};

use crate::eventually;

pub struct RedisServer {
    child: Option<Child>,
    folder: tempfile::TempDir,
    port: u16,
    cluster: bool,
}

impl RedisServer {
    pub async fn start() -> Self {
        Self::new(false).await
    }

    /// One node that has every slot of a cluster.
    pub async fn start_cluster() -> Self {
        let server = Self::new(true).await;
        server.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).await.unwrap();
        eventually("the cluster is ok", async || {
            server.ask(&["CLUSTER", "INFO"]).await.is_some_and(|info| info.contains("cluster_state:ok"))
        })
        .await;
        server
    }

    async fn new(cluster: bool) -> Self {
        // Below the ports that the system gives to outgoing connections; the cluster bus takes the port plus 10,000.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port() / 4 + 8_000;
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self { child: None, folder, port, cluster };
        server.start_again().await;
        server
    }

    /// On the same port, with an empty memory.
    pub async fn start_again(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        if self.cluster {
            command.args(["--cluster-enabled", "yes"]);
        }
        let command = command.current_dir(self.folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().expect("redis-server is installed; `make test` installs it"));
        eventually("redis-server answers", async || self.ask(&["PING"]).await.is_some()).await;
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// One command's answer as text.
    pub async fn ask(&self, words: &[&str]) -> Option<String> {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.ok()?;
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query_async(&mut connection).await.ok()
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
