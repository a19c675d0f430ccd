//! Who is measured, and the stage that they stand on: keys, upstream, Redis, folders.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use rand::RngExt;

use crate::{
    load::Outcome,
    process::{Process, free_address, wait_for},
};

/// The proxy's core, and everybody else's.
const PROXY_CORE: &str = "0";
const OTHER_CORE: &str = "1";
const BASE64URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// One proxy in front of the upstream.
pub struct Peer {
    pub name: &'static str,
    pub address: String,
    process: Process,
}

impl Peer {
    pub fn cpu(&self) -> Duration {
        self.process.cpu()
    }

    pub fn memory_kb(&self) -> u64 {
        self.process.memory_kb()
    }
}

/// Everything around the proxies.
pub struct Stage {
    folder: tempfile::TempDir,
    upstream: String,
    redis: Option<String>,
    processes: Vec<Process>,
}

impl Stage {
    pub fn set(keys: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let secrets: Vec<String> = (0..keys).map(|_| format!("bye_{}\n", random_text(38))).collect();
        std::fs::write(folder.path().join("keys"), secrets.concat()).unwrap();
        let strangers: Vec<String> = (0..keys).map(|_| format!("bye_{}\n", random_text(38))).collect();
        std::fs::write(folder.path().join("strangers"), strangers.concat()).unwrap();
        let mut stage = Self { folder, upstream: free_address(), redis: None, processes: Vec::new() };
        let keys = stage.path("keys");
        let upstream = Process::start(OTHER_CORE, &own_program(), &["upstream", &stage.upstream, &keys], &[]);
        stage.processes.push(upstream);
        wait_for(&stage.upstream);
        if has("redis-server") {
            let address = free_address();
            let port = address.rsplit(':').next().unwrap();
            let arguments = ["--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
            stage.processes.push(Process::start(OTHER_CORE, "redis-server", &arguments, &[]));
            wait_for(&address);
            stage.redis = Some(format!("redis://{address}"));
        }
        stage
    }

    /// Every peer that is installed here.
    pub fn peers(&self) -> Vec<Peer> {
        let mut peers = vec![
            Self::peer("bare pingora", |address| (own_program(), vec!["bare".into(), address, self.upstream.clone()])),
            self.babysea("babysea", ""),
        ];
        peers.extend(self.redis.as_deref().map(|redis| self.babysea("babysea with redis", redis)));
        if has("nginx") {
            peers.push(Self::peer("nginx", |address| {
                let config = self.write("nginx.conf", &nginx(&address, &self.upstream, self.folder.path()));
                ("nginx".into(), vec!["-e".into(), "/dev/null".into(), "-c".into(), config])
            }));
        }
        if has("haproxy") {
            peers.push(Self::peer("haproxy", |address| {
                let config = self.write("haproxy.cfg", &haproxy(&address, &self.upstream));
                ("haproxy".into(), vec!["-db".into(), "-f".into(), config])
            }));
        }
        peers
    }

    fn peer(name: &'static str, command: impl FnOnce(String) -> (String, Vec<String>)) -> Peer {
        let address = free_address();
        let (program, arguments) = command(address.clone());
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let process = Process::start(PROXY_CORE, &program, &arguments, &[]);
        wait_for(&address);
        Peer { name, address, process }
    }

    /// The shipped binary with its defaults.
    fn babysea(&self, name: &'static str, redis: &str) -> Peer {
        let address = free_address();
        let (data, ledger) = (self.path(name), format!("http://{}", self.upstream));
        let variables = [
            ("BABYSEA_DATA_DIR", data.as_str()),
            ("BABYSEA_PROXY_LISTEN", &address),
            ("BABYSEA_PROXY_THREADS", "1"),
            ("BABYSEA_METRICS_LISTEN", "off"),
            ("BABYSEA_LEDGER_URL", &ledger),
            ("BABYSEA_LEDGER_TOKEN", "bench"),
            ("BABYSEA_REDIS_URL", redis),
            ("BABYSEA_PROVIDER_FAL_API_KEY", "bench"),
        ];
        let process = Process::start(PROXY_CORE, &babysea_proxy(), &[], &variables);
        wait_for(&address);
        Peer { name, address, process }
    }

    /// Asks a peer for a while, with good keys.
    pub fn load(&self, peer: &Peer, connections: usize, time: Duration) -> Outcome {
        self.load_with(peer, "keys", connections, time)
    }

    /// With keys that nobody knows.
    pub fn load_with(&self, peer: &Peer, keys: &str, connections: usize, time: Duration) -> Outcome {
        let keys = self.path(keys);
        let (connections, millis) = (connections.to_string(), time.as_millis().to_string());
        let arguments = ["-c", OTHER_CORE, &own_program(), "load", &peer.address, &keys, &connections, &millis];
        let output = Command::new("taskset").args(arguments).stderr(Stdio::inherit()).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.folder.path().join(name), text).unwrap();
        self.path(name)
    }
}

fn nginx(listen: &str, upstream: &str, folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "daemon off; master_process off; workerprocesses 1; pid {folder}/nginx.pid; error_log /dev/null;\n\
         events {{ worker_connections 4096; }}\n\
         http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}/b;\n\
         proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n\
         upstream up {{ server {upstream}; keepalive 64; keepalive_requests 1000000000; }}\n\
         server {{ listen {listen}; location / {{ proxy_pass http://up; proxy_http_version 1.1;\n\
         proxy_set_header Connection \"\"; }} }} }}\n"
    )
}

fn haproxy(listen: &str, upstream: &str) -> String {
    format!(
        "global\n  nbthread 1\n  maxconn 4096\ndefaults\n  mode http\n  timeout connect 1s\n  timeout client 60s\n  \
         timeout server 60s\n  http-reuse always\nfrontend f\n  bind {listen}\n  default_backend b\nbackend b\n  \
         server s {upstream}\n"
    )
}

fn random_text(length: usize) -> String {
    let mut random = rand::rng();
    (0..length).map(|_| char::from(BASE64URL[random.random_range(0..BASE64URL.len())])).collect()
}

fn own_program() -> String {
    std::env::current_exe().unwrap().display().to_string()
}

/// Beside this program's folder, where `make bench-proxy` built it.
fn babysea_proxy() -> String {
    let own = PathBuf::from(own_program());
    let program = own.parent().and_then(Path::parent).unwrap().join("babysea-proxy");
    assert!(program.exists(), "{} is missing: make bench-proxy builds it", program.display());
    program.display().to_string()
}

fn has(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(program).is_file())
}
