//! One function per thing that `doctor` looks at. Each asks, with a limit on how long, and none changes anything.

use std::{net::TcpStream, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use ledger_contract::{Provider, wire};
use reqwest::Method;

use super::Finding;
use crate::{
    config::Places,
    operator::Operator,
    up::{announce::reachable, ports, settings::Settings},
};

const PROBE: Duration = Duration::from_secs(2);

/// Whether a stack serves from this folder. The lock is not tried: that could refuse a stack that starts in that moment.
pub fn is_running(places: &Places) -> bool {
    let kept = std::fs::read_to_string(places.ledger_address_file()).unwrap_or_default();
    let address = kept.trim().trim_start_matches("http://").parse();
    address.is_ok_and(|address| TcpStream::connect_timeout(&address, PROBE).is_ok())
}

/// The folder is there, ours, and for us alone.
pub fn data_folder(places: &Places) -> Finding {
    const NAME: &str = "data folder";
    let shown = places.data_dir.display();
    match std::fs::metadata(&places.data_dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Finding::fine(NAME, format!("{shown} does not exist yet; `up` makes it"))
        }
        Err(error) => Finding::wrong(NAME, format!("{shown}: {error}"), "make it readable, or set BABYSEA_DATA_DIR"),
        Ok(found) if !found.is_dir() => {
            Finding::wrong(NAME, format!("{shown} is not a folder"), "set BABYSEA_DATA_DIR to another place")
        }
        Ok(found) if found.permissions().readonly() => {
            Finding::wrong(NAME, format!("{shown} cannot be written"), "make it writable, or set BABYSEA_DATA_DIR")
        }
        Ok(found) if found.permissions().mode() & 0o077 != 0 => {
            Finding::wrong(NAME, format!("{shown} is open to others"), format!("chmod 700 {shown}"))
        }
        Ok(_) => Finding::fine(NAME, shown.to_string()),
    }
}

/// Ports are free before a start, and answer while a stack runs.
pub fn ports(settings: &Settings, running: bool) -> Vec<Finding> {
    let look = |(variable, address): (&'static str, std::net::SocketAddr)| {
        if !running {
            return match ports::problem(variable, address) {
                None => Finding::fine("port", format!("{address} is free ({variable})")),
                Some(problem) => Finding::wrong("port", problem, format!("set {variable}")),
            };
        }
        match TcpStream::connect_timeout(&reachable(address), PROBE) {
            Ok(_) => Finding::fine("port", format!("{address} answers ({variable})")),
            Err(error) => Finding::wrong("port", format!("{address}: {error}"), "restart the stack, or see its log"),
        }
    };
    ports::wanted(settings).into_iter().map(look).collect()
}

/// The ledger and its database answer, when one should.
pub async fn ledger(places: &Places, running: bool) -> Finding {
    const NAME: &str = "ledger";
    if !running && places.ledger_url.is_none() {
        return Finding::fine(NAME, "no stack runs on this folder");
    }
    let operator = match Operator::find(places) {
        Ok(operator) => operator,
        Err(error) => return Finding::wrong(NAME, error.to_string(), "start the stack, or set BABYSEA_LEDGER_URL"),
    };
    let ready = operator.ask::<serde_json::Value>(Method::GET, wire::READY);
    match tokio::time::timeout(PROBE, ready).await {
        Ok(Ok(_)) => Finding::fine(NAME, format!("{} answers, and so does its database", operator.base_url())),
        Ok(Err(error)) => Finding::wrong(NAME, error.to_string(), "see the ledger's log, and its database's"),
        Err(_) => Finding::wrong(NAME, "no answer within 2 s", "see the ledger's log, and its database's"),
    }
}

/// Redis answers, when one is configured. Without it everything works, from a file.
pub async fn redis(url: Option<&str>) -> Finding {
    const NAME: &str = "redis";
    const ADVICE: &str = "start it, or unset BABYSEA_REDIS_URL; until then rankings and limits are kept in process";
    let Some(url) = url else { return Finding::fine(NAME, "not configured; hints come from a file") };
    let client = match redis::Client::open(url) {
        Ok(client) => client,
        Err(error) => return Finding::wrong(NAME, error.to_string(), "correct BABYSEA_REDIS_URL"),
    };
    let ping = async {
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd("PING").query_async::<String>(&mut connection).await
    };
    match tokio::time::timeout(PROBE, ping).await {
        Ok(Ok(_)) => Finding::fine(NAME, "answers"),
        Ok(Err(error)) => Finding::wrong(NAME, error.to_string(), ADVICE),
        Err(_) => Finding::wrong(NAME, "no answer within 2 s", ADVICE),
    }
}

/// The outputs' folder can be written, when it is a folder.
pub fn artifacts(url: &str) -> Finding {
    const NAME: &str = "artifacts";
    let Some(path) = url.strip_prefix("file://") else {
        return Finding::fine(NAME, format!("{url}; GET /v1/health/storage of a running stack probes it"));
    };
    match std::fs::metadata(Path::new(path)) {
        Ok(found) if found.is_dir() && !found.permissions().readonly() => Finding::fine(NAME, path),
        Ok(_) => Finding::wrong(NAME, format!("{path} is not a writable folder"), "set BABYSEA_ARTIFACTS_URL"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Finding::fine(NAME, format!("{path} does not exist yet; it is made at the start"))
        }
        Err(error) => Finding::wrong(NAME, format!("{path}: {error}"), "set BABYSEA_ARTIFACTS_URL"),
    }
}

/// Which providers are real, simulated or unavailable.
pub fn providers(config: &proxy::Config) -> Vec<Finding> {
    let has_key = |provider: &Provider| config.providers.get(provider).is_some_and(|known| known.api_key.is_some());
    let any_real = Provider::ALL.iter().any(has_key);
    let say = |provider: &Provider| {
        let state = if !any_real || config.simulate.contains(provider) {
            "simulated".to_owned()
        } else if has_key(provider) {
            "real".to_owned()
        } else {
            let id = provider.as_str().to_uppercase();
            format!("unavailable; BABYSEA_PROVIDER_{id}_API_KEY makes it real, BABYSEA_SIMULATE simulated")
        };
        let account_missing = *provider == Provider::Cloudflare
            && state == "real"
            && config.providers.get(provider).is_none_or(|known| known.account_id.is_none());
        if account_missing {
            return Finding::wrong(
                "provider",
                format!("{provider}: no account id"),
                "set BABYSEA_PROVIDER_CLOUDFLARE_ACCOUNT_ID",
            );
        }
        Finding::fine("provider", format!("{provider}: {state}"))
    };
    Provider::ALL.iter().map(say).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_redis_that_does_not_answer_is_named_with_what_to_do() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let finding = redis(Some(&format!("redis://{closed}"))).await;
        assert!(!finding.ok && finding.advice.is_some(), "{finding:?}");
        assert!(redis(None).await.ok);
    }

    #[test]
    fn a_folder_of_outputs_that_is_missing_will_be_made() {
        assert!(artifacts("file:///nowhere/at/all").ok);
        assert!(!artifacts("file:///dev/null").ok);
    }
}
