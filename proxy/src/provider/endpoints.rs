//! Where each provider is reached: the real one, the simulator, or nowhere. Decided once, at start.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, bail};
use intelligence_hints::region_label;
use ledger_contract::Provider;
use proxy_normalize::{Endpoint, Region};
use serde::Deserialize;
use tracing::info;

use crate::{Config, config::ProviderSettings};

/// How long a simulator that starts beside us may take until it answers.
const SIMULATOR_WAIT: Duration = Duration::from_secs(10);
const SIMULATOR_PAUSE: Duration = Duration::from_millis(100);
const SIMULATOR_CALL: Duration = Duration::from_secs(2);

/// The providers that can be called.
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    known: BTreeMap<Provider, Endpoint>,
}

#[derive(Deserialize)]
struct Simulated {
    base_url: String,
}

impl Endpoints {
    /// Exactly these.
    pub fn new(endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        Self { known: endpoints.into_iter().map(|endpoint| (endpoint.provider, endpoint)).collect() }
    }

    /// Providers with an API key are real; those the configuration simulates, or all of them when none has a key and a
    /// simulator is named, are simulated; the rest is unavailable.
    pub async fn find(config: &Config) -> anyhow::Result<Self> {
        let region = region_label(&config.region).and_then(Region::of_label);
        let real = config.providers.iter().filter_map(|(provider, settings)| real(*provider, settings, region));
        let mut found = Self::new(real);
        let simulated = simulated_providers(config);
        if !simulated.is_empty() {
            let Some(url) = &config.simulator_url else {
                bail!("providers are to be simulated, but no simulator.url is set")
            };
            let bases = ask_simulator(url).await.with_context(|| format!("no simulator answers at {url}"))?;
            for provider in simulated {
                let Some(base) = bases.get(provider.as_str()) else { bail!("the simulator does not know {provider}") };
                found.known.insert(provider, simulated_endpoint(provider, &base.base_url));
            }
        }
        found.lend_keys();
        found.announce();
        Ok(found)
    }

    /// How to reach `provider`; `None`: it is not configured.
    pub fn get(&self, provider: Provider) -> Option<&Endpoint> {
        self.known.get(&provider)
    }

    /// Some models are run with our key at another provider. One that is simulated is lent simulated keys only.
    fn lend_keys(&mut self) {
        let keys: Vec<_> =
            self.known.values().map(|lender| (lender.provider, lender.simulated, lender.api_key.clone())).collect();
        for endpoint in self.known.values_mut() {
            let others = keys
                .iter()
                .filter(|(lender, simulated, _)| *lender != endpoint.provider && *simulated == endpoint.simulated);
            endpoint.lent_keys = others.map(|(lender, _, key)| (*lender, key.clone())).collect();
        }
    }

    fn announce(&self) {
        for endpoint in self.known.values() {
            info!(provider = %endpoint.provider, simulated = endpoint.simulated, "provider configured");
        }
    }
}

/// A base URL that an operator names is used for everything; else the provider's own, in our region where it has one.
fn real(provider: Provider, settings: &ProviderSettings, region: Option<Region>) -> Option<Endpoint> {
    let api_key = settings.api_key.clone()?;
    let regional = region.filter(|_| settings.base_url.is_none()).and_then(|region| {
        let base_url = Endpoint::regional_base_url(provider, region)?;
        Some((region, base_url.to_owned()))
    });
    let mut endpoint =
        Endpoint { regional, account_id: settings.account_id.clone(), ..Endpoint::official(provider, api_key) };
    if let Some(base_url) = &settings.base_url {
        endpoint.base_url.clone_from(base_url);
    }
    Some(endpoint)
}

fn simulated_providers(config: &Config) -> Vec<Provider> {
    let nobody_has_a_key = config.providers.values().all(|settings| settings.api_key.is_none());
    if nobody_has_a_key && config.simulator_url.is_some() { Provider::ALL.to_vec() } else { config.simulate.clone() }
}

/// The simulator takes any credential, but it wants one.
fn simulated_endpoint(provider: Provider, base_url: &str) -> Endpoint {
    let base_url = base_url.trim_end_matches('/').to_owned();
    let secret = "simulated".to_owned();
    Endpoint { base_url, account_id: Some(secret.clone()), simulated: true, ..Endpoint::official(provider, secret) }
}

async fn ask_simulator(url: &str) -> anyhow::Result<BTreeMap<String, Simulated>> {
    let http = reqwest::Client::builder().no_proxy().timeout(SIMULATOR_CALL).build()?;
    let gives_up_at = tokio::time::Instant::now() + SIMULATOR_WAIT;
    loop {
        let answered =
            async { http.get(format!("{url}/_sim/providers")).send().await?.error_for_status()?.json().await };
        match answered.await {
            Ok(providers) => return Ok(providers),
            Err(error) if tokio::time::Instant::now() >= gives_up_at => return Err(error.into()),
            Err(_) => tokio::time::sleep(SIMULATOR_PAUSE).await,
        }
    }
}
