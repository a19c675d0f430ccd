//! A whole stack in a temporary folder, on ports of its own. Dropping it ends it and asserts that nothing was left behind.

use std::{
    future::Future,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{
        atomic::{AtomicU16, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// Time for a stack to serve, on a machine that builds something else at the same time.
const START: Duration = Duration::from_mins(1);
/// Time for an idle stack to end.
const END: Duration = Duration::from_secs(15);
/// Between two looks at something that is awaited. Slow enough for the general rate limit.
const LOOK: Duration = Duration::from_millis(150);

pub const BINARY: &str = env!("CARGO_BIN_EXE_babysea");

/// A running `babysea up`.
pub struct Stack {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
    child: Option<Child>,
    pub base: String,
    pub simulator: String,
    pub metrics: String,
    pub key: String,
    http: reqwest::Client,
}

impl Stack {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// A stack with variables beside those that keep it apart from others.
    pub async fn with(variables: &[(&str, &str)]) -> Self {
        let mut stack = Self::prepared(variables);
        stack.start_again().await;
        stack
    }

    /// A folder and ports, nothing running.
    pub fn prepared(variables: &[(&str, &str)]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let [proxy, ledger, simulator, metrics] = free_ports();
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data").display().to_string();
        let listen = |port: u16| format!("127.0.0.1:{port}");
        let mut all = vec![
            ("BABYSEA_DATA_DIR".to_owned(), data),
            ("BABYSEA_PROXY_LISTEN".to_owned(), listen(proxy)),
            ("BABYSEA_LEDGER_LISTEN".to_owned(), listen(ledger)),
            ("BABYSEA_SIMULATOR_LISTEN".to_owned(), listen(simulator)),
            ("BABYSEA_METRICS_LISTEN".to_owned(), listen(metrics)),
        ];
        all.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Self {
            folder,
            variables: all,
            child: None,
            base: format!("http://{}", listen(proxy)),
            simulator: format!("http://{}", listen(simulator)),
            metrics: format!("http://{}", listen(metrics)),
            key: String::new(),
            http: reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap(),
        }
    }

    /// Starts it, again after it was killed or stopped, and waits until it serves.
    pub async fn start_again(&mut self) {
        self.child = Some(self.role(&["up"], &[]).await);
        let key = std::fs::read_to_string(self.data_dir().join("dev-key")).unwrap();
        key.trim().clone_into(&mut self.key);
    }

    /// Starts one role and waits until it serves.
    pub async fn role(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Child {
        let log = std::fs::File::options().create(true).append(true).open(self.log_file()).unwrap();
        let mut command = self.command(arguments);
        let command = command.envs(variables.iter().copied()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().expect("the binary can be started");
        let (lines, heard) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
        eventually("the line that begins with `ready`", START, async || {
            loop {
                match heard.try_recv() {
                    Ok(line) if line.starts_with("ready") => return Some(()),
                    Ok(_) => {}
                    Err(mpsc::TryRecvError::Empty) => return None,
                    Err(mpsc::TryRecvError::Disconnected) => {
                        panic!("{arguments:?} ended instead of serving:\n{}", self.log())
                    }
                }
            }
        })
        .await;
        child
    }

    /// The binary with this stack's variables and nobody else's.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("BABYSEA_") || name == "RUST_LOG") {
            command.env_remove(name);
        }
        let variables = self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        command.args(arguments).envs(variables).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that must succeed; its one JSON value.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        let shown = format!("{arguments:?}: {output:?}");
        assert!(output.status.success(), "{shown}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {shown}"))
    }

    /// A new account and a key of it.
    pub fn account(&self, plan: &str, credits: &str) -> (String, String) {
        let account = self.json(&["account", "create", "--name", "test", "--plan", plan, "--credits", credits]);
        let account = account["account_id"].as_str().unwrap().to_owned();
        let key = self.json(&["key", "create", "--account", &account, "--name", "test"]);
        (account, key["api_key"].as_str().unwrap().to_owned())
    }

    pub fn assert_audit_is_clean(&self) {
        let report = self.json(&["ledger", "audit"]);
        assert_eq!(report["clean"], true, "{report}");
    }

    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    pub fn log(&self) -> String {
        let log = std::fs::read_to_string(self.log_file()).unwrap_or_default();
        log[log.floor_char_boundary(log.len().saturating_sub(8_000))..].to_owned()
    }

    /// As a power cut would.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Ctrl-C's gentle sister.
    pub fn terminate(&self) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    /// Ends it as an operator would; how long that took.
    pub fn stop(&mut self) -> Duration {
        self.terminate();
        self.wait_for_the_end()
    }

    /// Waits until it has ended as it was told; how long that took.
    pub fn wait_for_the_end(&mut self) -> Duration {
        let (status, took) = self.wait_for_any_end();
        assert!(status.success(), "the stack ended with {status}:\n{}", self.log());
        took
    }

    /// Waits until it has ended, however that was.
    pub fn wait_for_any_end(&mut self) -> (ExitStatus, Duration) {
        let (mut child, began) = (self.child.take().unwrap(), Instant::now());
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if began.elapsed() > END {
                let _ = child.kill();
                panic!("the stack did not end within {END:?}:\n{}", self.log());
            }
            thread::sleep(Duration::from_millis(10));
        };
        (status, began.elapsed())
    }

    fn assert_nothing_is_left_behind(&self) {
        for (name, value) in &self.variables {
            if name.ends_with("_LISTEN") {
                assert!(TcpListener::bind(value.as_str()).is_ok(), "{name} is still taken");
            }
        }
        for name in ["ledger-address", "proxy-address"] {
            assert!(!self.data_dir().join(name).exists(), "{name} was left behind");
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the log of the stack:\n{}", self.log());
            if let Some(mut child) = self.child.take() {
                let _ = child.kill();
                let _ = child.wait();
            }
        } else if self.child.is_some() {
            self.stop();
            self.assert_nothing_is_left_behind();
        }
    }
}

/// Looks again and again until there is something; fails after `limit`.
pub async fn eventually<T>(what: &str, limit: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < limit, "waited {limit:?} for {what}");
        tokio::time::sleep(LOOK).await;
    }
}

/// A test's deadline.
pub async fn within<T>(seconds: u64, test: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(seconds), test).await.expect("the test ended before its deadline")
}

/// Ports below those that the system gives to outgoing connections, so that nobody takes one between here and its use.
pub fn free_ports<const N: usize>() -> [u16; N] {
    const FIRST: u16 = 20_000;
    const RANGE: u16 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 97).unwrap() * 113;
    std::array::from_fn(|_| {
        loop {
            let port = FIRST + start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % RANGE;
            if TcpListener::bind(("127.0.0.1", port)).is_ok() {
                return port;
            }
        }
    })
}
