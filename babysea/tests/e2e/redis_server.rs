//! A private Redis: a real `redis-server` on a port of its own that keeps nothing, ended when dropped.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::stack::{eventually, free_ports};

pub struct RedisServer {
    child: Child,
    pub url: String,
}

impl RedisServer {
    pub async fn start() -> Self {
        let [port] = free_ports();
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server is installed; `make test` installs it");
        let server = Self { child, url: format!("redis://127.0.0.1:{port}") };
        eventually("redis-server", Duration::from_secs(10), async || server.try_ask(&["PING"]).await).await;
        server
    }

    /// One command's answer as text.
    pub async fn ask(&self, words: &[&str]) -> String {
        self.try_ask(words).await.unwrap()
    }

    async fn try_ask(&self, words: &[&str]) -> Option<String> {
        let client = redis::Client::open(self.url.as_str()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.ok()?;
        let mut command = redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(*word);
        }
        command.query_async(&mut connection).await.ok()
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
