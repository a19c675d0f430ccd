//! The ledger's own binary, as a process that can be killed.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use ledger_contract::wire;
use tempfile::TempDir;

pub const TOKEN: &str = "crash";

pub struct Ledger {
    pub url: String,
    child: Child,
    _folder: TempDir,
}

impl Ledger {
    pub async fn start(database_url: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self::start_at(&format!("http://127.0.0.1:{port}"), database_url).await
    }

    /// Where another one was before.
    pub async fn start_at(url: &str, database_url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_babysea-ledger"))
            .current_dir(folder.path())
            .env("BABYSEA_DATA_DIR", folder.path())
            .env("BABYSEA_LEDGER_DATABASE_URL", database_url)
            .env("BABYSEA_LEDGER_TOKEN", TOKEN)
            .env("BABYSEA_LEDGER_LISTEN", url.trim_start_matches("http://"))
            .env("BABYSEA_METRICS_LISTEN", "off")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let ledger = Self { url: url.to_owned(), child, _folder: folder };
        ledger.until_ready().await;
        ledger
    }

    pub async fn until_ready(&self) {
        let http = reqwest::Client::new();
        let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
        loop {
            let asked = http.get(format!("{}{}", self.url, wire::READY)).bearer_auth(TOKEN).send().await;
            if asked.is_ok_and(|response| response.status().is_success()) {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "the ledger is never ready");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// At once, as a crash would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
