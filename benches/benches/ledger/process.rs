//! The ledger in a process of its own, so that its memory can be read and its work is not ours.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use ledger::{
    Config,
    config::{Bounds, Timing},
};
use prometheus::Registry;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

pub const TOKEN: &str = "bench";

/// A running ledger. Ends when it is dropped.
pub struct Ledger {
    pub url: String,
    child: Child,
    _folder: TempDir,
}

impl Ledger {
    pub fn start(database_url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["serve", database_url, &folder.path().display().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { url: format!("http://{}", line.trim()), child, _folder: folder }
    }

    /// Resident memory now, megabytes.
    pub fn memory_mb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() / 1_024
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the child does: serves until its input ends.
pub async fn serve(database_url: &str, folder: &str) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let never = Duration::from_hours(24);
    let config = Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        database_url: database_url.to_owned(),
        connections: 4,
        token: TOKEN.to_owned(),
        artifacts_url: format!("file://{folder}/artifacts"),
        region: "us".to_owned(),
        metrics_listen: None,
        bounds: Bounds { queue_calls: 1_024, batch_commands: 4_096 },
        timing: Timing {
            request: Duration::from_secs(20),
            drain: Duration::from_secs(5),
            lease: never,
            recovery_interval: never,
            sweep_interval: never,
            touch_interval: Duration::from_secs(1),
        },
    };
    let running = ledger::serve(config, &Registry::new(), CancellationToken::new()).await.unwrap();
    println!("{}", running.address);
    let _ = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink())).await;
    std::process::exit(0);
}
