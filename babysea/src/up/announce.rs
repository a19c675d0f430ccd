//! Says when the stack really serves, and how to use it. The line that begins with `ready` is for programs too.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use serde_json::json;
use tokio::{runtime::Handle, time::sleep};
use tokio_util::sync::CancellationToken;

use super::settings::Settings;
use crate::{answer::say, config::Places};

const POLL: Duration = Duration::from_millis(20);
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// A URL and the status with which it answers once its server serves.
pub type Probe = (String, u16);

/// What will be said.
#[derive(Debug)]
pub struct Announcement {
    probes: Vec<Probe>,
    json: bool,
    address: String,
    lines: Vec<String>,
    dev_key_file: String,
}

impl Announcement {
    /// Composed before the settings are given away.
    pub fn new(places: &Places, settings: &Settings, json: bool) -> Self {
        let proxy = &settings.proxy;
        let probes = probes(proxy);
        let dev_key_file = places.dev_key_file();
        let has_key = dev_key_file.exists();
        let address = proxy.public_url.clone();
        let mut lines = warnings(settings);
        lines.push(format!("address   {address}"));
        if has_key {
            lines.push(format!("key       {}", dev_key_file.display()));
        }
        lines.extend(proxy.metrics_listen.map(|metrics| format!("metrics   http://{metrics}/metrics")));
        if has_key {
            lines.push(String::new());
            lines.extend(first_request(&address, &dev_key_file.display().to_string()));
            lines.push(String::new());
        }
        Self { probes, json, address, lines, dev_key_file: dev_key_file.display().to_string() }
    }

    /// Speaks once everything answers.
    pub fn when_ready(self, runtime: &Handle, stop: CancellationToken) {
        runtime.spawn(async move {
            if stop.run_until_cancelled(all_answer(&self.probes)).await.is_some() {
                self.speak();
            }
        });
    }

    fn speak(self) {
        let Self { json, address, mut lines, dev_key_file, .. } = self;
        if json {
            say(&json!({ "status": "ready", "address": address, "dev_key_file": dev_key_file }).to_string());
        } else {
            lines.push(format!("ready     {address} · Ctrl-C ends it"));
            say(&lines.join("\n"));
        }
    }
}

/// How to see that a front house serves.
pub fn probes(proxy: &proxy::Config) -> Vec<Probe> {
    // Without a key the API answers 401: then it is serving.
    let mut probes = vec![(format!("http://{}/v1/status", reachable(proxy.listen)), 401)];
    probes.extend(proxy.metrics_listen.map(|address| (format!("http://{}/readyz", reachable(address)), 200)));
    probes
}

/// Ends when every probe is answered as it should be.
pub async fn all_answer(probes: &[Probe]) {
    let Ok(client) = reqwest::Client::builder().no_proxy().timeout(CALL_TIMEOUT).build() else { return };
    for (url, status) in probes {
        while !answers(&client, url, *status).await {
            sleep(POLL).await;
        }
    }
}

async fn answers(client: &reqwest::Client, url: &str, status: u16) -> bool {
    client.get(url).send().await.is_ok_and(|response| response.status().as_u16() == status)
}

/// Where a listener on all addresses is reached from here.
pub fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn warnings(settings: &Settings) -> Vec<String> {
    let Settings { proxy, .. } = settings;
    let has_real = proxy.providers.values().any(|provider| provider.api_key.is_some());
    let mut lines = Vec::new();
    if !has_real {
        lines.push("providers simulated, all of them: set BABYSEA_PROVIDER_<ID>_API_KEY for a real one".to_owned());
    } else if !proxy.simulate.is_empty() {
        let names: Vec<&str> = proxy.simulate.iter().map(|provider| provider.as_str()).collect();
        lines.push(format!("WARNING   simulated although others are real: {}", names.join(", ")));
    }
    if proxy.input_allow_private {
        lines.push("WARNING   input files may come from private addresses: for development only".to_owned());
    }
    lines
}

fn first_request(address: &str, key_file: &str) -> [String; 4] {
    [
        format!("curl -sS {address}/v1/generate/image/bfl/flux-schnell \\"),
        format!("  -H \"Authorization: Bearer $(cat '{key_file}')\" \\"),
        "  -H 'Content-Type: application/json' \\".to_owned(),
        "  -d '{\"generation_prompt\":\"a baby seal on an ice floe\"}'".to_owned(),
    ]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_all_addresses_is_asked_on_loopback() {
        assert_eq!(reachable("0.0.0.0:80".parse().unwrap()), "127.0.0.1:80".parse().unwrap());
        assert_eq!(reachable("[::]:80".parse().unwrap()), "[::1]:80".parse().unwrap());
        assert_eq!(reachable("10.0.0.1:80".parse().unwrap()), "10.0.0.1:80".parse().unwrap());
    }
}
