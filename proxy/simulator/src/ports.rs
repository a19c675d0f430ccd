//! A port per provider, chosen by the system at the first start and kept in the folder.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::Context;
use tokio::net::TcpListener;

use crate::provider::Provider;

/// The file's name in the folder.
const FILE: &str = "ports.json";

/// Binds every provider's port on loopback; one that is taken is exchanged for another, and the file says so.
pub async fn bind(folder: &Path) -> anyhow::Result<BTreeMap<Provider, TcpListener>> {
    let kept = read(folder);
    let mut listeners = BTreeMap::new();
    for provider in Provider::ALL {
        listeners.insert(provider, bind_one(kept.get(&provider).copied()).await?);
    }
    let mut ports = BTreeMap::new();
    for (provider, listener) in &listeners {
        ports.insert(*provider, listener.local_addr()?.port());
    }
    if ports != kept {
        write(folder, &ports).context("keeping the simulator's ports")?;
    }
    Ok(listeners)
}

async fn bind_one(kept: Option<u16>) -> anyhow::Result<TcpListener> {
    if let Some(port) = kept {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Ok(listener) => return Ok(listener),
            Err(error) => tracing::warn!(port, %error, "a kept port is taken, choosing another"),
        }
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("binding a simulated provider")
}

/// An absent or unreadable file means that no port was kept.
fn read(folder: &Path) -> BTreeMap<Provider, u16> {
    let text = std::fs::read_to_string(folder.join(FILE)).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

fn write(folder: &Path, ports: &BTreeMap<Provider, u16>) -> anyhow::Result<()> {
    let beside = folder.join("ports.new");
    std::fs::write(&beside, serde_json::to_string_pretty(ports)?)?;
    Ok(std::fs::rename(beside, folder.join(FILE))?)
}
