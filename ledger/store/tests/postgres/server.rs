//! A private Postgres on a free port, stopped and removed when this process ends, however it ends. Shared by every suite
//! that needs one.
#![allow(dead_code, reason = "each suite uses its part")]

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

/// The server of this process.
pub struct Server {
    bin: PathBuf,
    port: u16,
    databases: AtomicU32,
    control: Mutex<Control>,
}

struct Control {
    script: Child,
    /// `None` once it is to end.
    words: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Server {
    /// The one that all tests of this process share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&["-c", "max_connections=300"]))
    }

    /// Starts one with these settings, synced commits included.
    pub fn start(settings: &[&str]) -> Self {
        let bin = binaries();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut script = Command::new("sh")
            .args(["-c", include_str!("server.sh"), "server.sh"])
            .arg(&bin)
            .arg(port.to_string())
            .args(["-c", "fsync=on", "-c", "synchronous_commit=on"])
            .args(settings)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let words = script.stdin.take();
        let answers = BufReader::new(script.stdout.take().unwrap());
        let control = Mutex::new(Control { script, words, answers });
        let server = Self { bin, port, databases: AtomicU32::new(0), control };
        server.wait_for("ready");
        server
    }

    /// The address of a new, empty database.
    pub fn database(&self) -> String {
        let name = format!("book_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let made = Command::new(self.bin.join("createdb"))
            .args(["-h", "127.0.0.1", "-U", "postgres", "-p", &self.port.to_string(), &name])
            .status()
            .unwrap();
        assert!(made.success());
        format!("postgres://postgres@127.0.0.1:{}/{name}", self.port)
    }

    /// Ends it as a crash would.
    pub fn kill(&self) {
        self.say("kill");
        self.wait_for("killed");
    }

    /// Starts it again after a kill, on the same data.
    pub fn restart(&self) {
        self.say("start");
        self.wait_for("ready");
    }

    fn say(&self, word: &str) {
        writeln!(self.control.lock().unwrap().words.as_mut().unwrap(), "{word}").unwrap();
    }

    fn wait_for(&self, expected: &str) {
        let mut answer = String::new();
        self.control.lock().unwrap().answers.read_line(&mut answer).unwrap();
        assert_eq!(answer.trim(), expected, "the private Postgres did not come up");
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        drop(self.words.take());
        let _ = self.script.wait();
    }
}

/// Where `postgres` and `initdb` are: on Debian not in the path.
fn binaries() -> PathBuf {
    let said = Command::new("pg_config").arg("--bindir").output();
    let said = said.ok().filter(|output| output.status.success());
    let folder = said.map(|output| PathBuf::from(String::from_utf8(output.stdout).unwrap().trim()));
    folder.filter(|folder| folder.join("initdb").is_file()).unwrap_or_else(|| {
        let versions = std::fs::read_dir("/usr/lib/postgresql").expect("Postgres is installed: see scripts/install");
        let mut folders: Vec<_> = versions.map(|version| version.unwrap().path().join("bin")).collect();
        folders.sort();
        folders.pop().expect("a version of Postgres")
    })
}
