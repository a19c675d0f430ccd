//! Every house's configuration, read before anything starts, with the mistakes of all of them in one message. What one
//! process can know better than its configuration (addresses, the token) is put in afterwards.

use std::{collections::BTreeSet, net::SocketAddr};

use anyhow::anyhow;

use crate::config::Places;

/// What each role gets.
#[derive(Debug)]
pub struct Settings {
    /// The front house.
    pub proxy: proxy::Config,
    /// The book of record.
    pub ledger: ledger::Config,
    /// The observatory.
    pub intelligence: intelligence::Config,
    /// The simulator, when some provider is simulated.
    pub simulator: Option<proxy_simulator::Config>,
}

impl Settings {
    /// Reads all of them; all mistakes are reported at once.
    pub fn load(places: &Places) -> anyhow::Result<Self> {
        let (file, folder) = (places.file.as_deref(), Some(places.data_dir.as_path()));
        let mut mistakes = BTreeSet::new();
        let mut note = |error: Vec<String>| mistakes.extend(error);
        let proxy = proxy::Config::load_in(file, folder).map_err(|error| note(error.mistakes));
        let ledger = ledger::Config::load_in(file, folder).map_err(|error| note(error.mistakes));
        let intelligence = intelligence::Config::load_in(file, folder).map_err(|error| note(error.mistakes));
        let simulator_listen = places.simulator_listen().map_err(|error| note(vec![format!("{error:#}")]));
        let (Ok(proxy), Ok(mut ledger), Ok(mut intelligence), Ok(simulator_listen)) =
            (proxy, ledger, intelligence, simulator_listen)
        else {
            let lines: Vec<String> = mistakes.into_iter().collect();
            return Err(anyhow!("the configuration has mistakes:\n  {}", lines.join("\n  ")));
        };
        // One process, one registry, one /metrics: the proxy serves it.
        ledger.metrics_listen = None;
        intelligence.metrics_listen = None;
        let simulator = is_simulating(&proxy).then(|| simulator(places, simulator_listen, false));
        Ok(Self { proxy, ledger, intelligence, simulator })
    }

    /// The secret that the roles share.
    pub fn set_token(&mut self, token: String) {
        self.proxy.ledger_token.clone_from(&token);
        self.ledger.token = token;
    }
}

/// Configuration of a simulator on this data folder.
pub fn simulator(places: &Places, listen: SocketAddr, realistic: bool) -> proxy_simulator::Config {
    proxy_simulator::Config { listen, folder: places.data_dir.join("simulator"), realistic }
}

/// Simulated: everything while no provider has a key, else what is named, unless a simulator runs elsewhere.
fn is_simulating(proxy: &proxy::Config) -> bool {
    let has_real = proxy.providers.values().any(|provider| provider.api_key.is_some());
    proxy.simulator_url.is_none() && (!has_real || !proxy.simulate.is_empty())
}
