//! Binds every address once before anything starts, so that a taken port is one clear line instead of a half-started stack.

use std::net::{SocketAddr, TcpListener};

use anyhow::anyhow;

use super::settings::Settings;

/// Fails with a line per address that cannot be listened on, naming the variable to change.
pub fn check(settings: &Settings) -> anyhow::Result<()> {
    let taken: Vec<String> =
        wanted(settings).into_iter().filter_map(|(variable, address)| problem(variable, address)).collect();
    if taken.is_empty() { Ok(()) } else { Err(anyhow!(taken.join("\n"))) }
}

/// Every address that `up` listens on, and the variable that moves it.
pub fn wanted(settings: &Settings) -> Vec<(&'static str, SocketAddr)> {
    let Settings { proxy, ledger, intelligence: _, simulator } = settings;
    let mut wanted = vec![("BABYSEA_PROXY_LISTEN", proxy.listen), ("BABYSEA_LEDGER_LISTEN", ledger.listen)];
    wanted.extend(proxy.metrics_listen.map(|address| ("BABYSEA_METRICS_LISTEN", address)));
    wanted.extend(simulator.as_ref().map(|simulator| ("BABYSEA_SIMULATOR_LISTEN", simulator.listen)));
    wanted
}

/// Why this address cannot be listened on, if it cannot.
pub fn problem(variable: &str, address: SocketAddr) -> Option<String> {
    let error = TcpListener::bind(address).err()?;
    let what = match error.kind() {
        std::io::ErrorKind::AddrInUse => "is taken".to_owned(),
        _ => format!("cannot be listened on ({error})"),
    };
    Some(format!("{address} {what}: stop what uses it, or set {variable} to another address"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_names_the_variable_that_moves_it() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let line = problem("BABYSEA_PROXY_LISTEN", taken.local_addr().unwrap()).unwrap();
        assert!(line.contains("is taken") && line.contains("BABYSEA_PROXY_LISTEN"), "{line}");
        assert!(!line.contains('\n'));
    }
}
