//! A child process on one core: what it used, and its end.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Ended when dropped.
pub struct Process(Child);

impl Process {
    /// Starts `program` on this core, silent.
    pub fn start(core: &str, program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new("taskset");
        command.args(["-c", core, program]).args(arguments).envs(variables.iter().copied());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Self(child.unwrap_or_else(|error| panic!("{program}: {error}")))
    }

    /// CPU time of all its threads so far.
    pub fn cpu(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.0.id())).unwrap();
        let nanos = tasks.filter_map(|task| {
            let line = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanos.sum())
    }

    /// Resident memory.
    pub fn memory_kb(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An address that nobody listens at now.
pub fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Waits until somebody listens there.
pub fn wait_for(address: &str) {
    let address: SocketAddr = address.parse().unwrap();
    let gives_up_at = Instant::now() + Duration::from_mins(1);
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < gives_up_at, "nobody listens at {address}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
