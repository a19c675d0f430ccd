//! What the operator decides: embedded defaults, then `babysea.toml`, then `BABYSEA_…` variables.
//!
//! The only place of this package that reads the environment or a configuration file. All mistakes are reported at once.

mod layers;

use std::{
    net::SocketAddr,
    num::{NonZeroU32, NonZeroU64, NonZeroUsize},
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use layers::Layers;

/// The checked settings of one ledger. See `defaults.toml` for what each means.
#[derive(Clone)]
pub struct Config {
    /// Where the other houses find it.
    pub listen: SocketAddr,
    /// `sqlite://PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`.
    pub database_url: String,
    /// Connections to Postgres beside those that commit.
    pub connections: u32,
    /// What every call has to carry. Empty: none was configured, and [`crate::serve`] refuses to start.
    pub token: String,
    /// `file://PATH`: where the sweeper removes expired outputs.
    pub artifacts_url: String,
    /// `us`, `eu` or `apac`.
    pub region: String,
    /// Where `/metrics`, `/healthz` and `/readyz` are served, if anywhere.
    pub metrics_listen: Option<SocketAddr>,
    /// Bounds of queues and batches.
    pub bounds: Bounds,
    /// How long and how often.
    pub timing: Timing,
}

/// Bounds of queues and batches, each at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Calls that may wait for the committer.
    pub queue_calls: usize,
    /// Commands that one transaction gathers; a single call may still carry `wire::MAX_BATCH`.
    pub batch_commands: usize,
}

/// How long and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Longest a call may take, but for the audit.
    pub request: Duration,
    /// How long running calls may take to end at a stop.
    pub drain: Duration,
    /// How long a lease lasts without renewal (api contract §9 rule 8).
    pub lease: Duration,
    /// How often generations of gone holders are settled.
    pub recovery_interval: Duration,
    /// How often expired files and keys are removed.
    pub sweep_interval: Duration,
    /// How often last uses of keys are written.
    pub touch_interval: Duration,
}

/// Everything that is wrong with the configuration, one line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the configuration has mistakes:\n  {}", mistakes.join("\n  "))]
pub struct ConfigError {
    /// Each names the key, where its value came from and what is wrong.
    pub mistakes: Vec<String>,
}

impl std::fmt::Debug for Config {
    /// Without the token and a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("listen", &self.listen)
            .field("database_url", &without_password(&self.database_url))
            .field("artifacts_url", &self.artifacts_url)
            .field("region", &self.region)
            .field("metrics_listen", &self.metrics_listen)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// Reads defaults, `file` (or `babysea.toml` in the working folder, if there is one) and the environment.
    ///
    /// The token may still be empty afterwards: a stack in one process brings its own.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        Self::load_in(file, None)
    }

    /// As [`Config::load`], with a data folder that the command line names.
    pub fn load_in(file: Option<&Path>, data_dir: Option<&Path>) -> Result<Self, ConfigError> {
        let folder = data_dir.map(|folder| folder.display().to_string());
        let named = move |name: &str| folder.clone().filter(|_| name == "BABYSEA_DATA_DIR");
        Self::read(Layers::new(file, move |name| named(name).or_else(|| std::env::var(name).ok())))
    }

    fn read(mut layers: Layers) -> Result<Self, ConfigError> {
        match Self::assemble(&mut layers) {
            Some(config) if layers.mistakes.is_empty() => Ok(config),
            _ => Err(ConfigError { mistakes: layers.mistakes }),
        }
    }

    /// Reads every key before it gives up on any, so that all mistakes are found.
    fn assemble(layers: &mut Layers) -> Option<Self> {
        layers.refuse_unknown_keys();
        let data_dir: PathBuf = layers.optional("data_dir").unwrap_or_else(|| PathBuf::from(".babysea"));
        let in_data_dir = |scheme: &str, name: &str| format!("{scheme}://{}", data_dir.join(name).display());
        let listen = layers.required("ledger.listen");
        let region = layers.required::<Region>("region");
        let metrics_listen = layers.required::<Switched>("metrics_listen");
        let connections = layers.required::<NonZeroU32>("ledger.connections");
        let bounds = read_bounds(layers);
        let timing = read_timing(layers);
        let database_url =
            layers.optional("ledger.database_url").unwrap_or_else(|| in_data_dir("sqlite", "babysea.db"));
        let artifacts_url = layers.optional("artifacts_url").unwrap_or_else(|| in_data_dir("file", "artifacts"));
        let token = layers.optional("ledger.token").or_else(|| token_file(&data_dir)).unwrap_or_default();
        Some(Self {
            listen: listen?,
            database_url,
            connections: connections?.get(),
            token,
            artifacts_url,
            region: region?.0,
            metrics_listen: metrics_listen?.0,
            bounds: bounds?,
            timing: timing?,
        })
    }
}

fn read_bounds(layers: &mut Layers) -> Option<Bounds> {
    let mut read = |key: &str| layers.required::<NonZeroUsize>(key).map(NonZeroUsize::get);
    let (queue_calls, batch_commands) = (read("ledger.queue_calls"), read("ledger.batch_commands"));
    Some(Bounds { queue_calls: queue_calls?, batch_commands: batch_commands? })
}

fn read_timing(layers: &mut Layers) -> Option<Timing> {
    let mut read = |name: &str| {
        let found = layers.required::<NonZeroU64>(&format!("ledger.{name}"));
        found.map(|millis| Duration::from_millis(millis.get()))
    };
    let (request, drain, lease) = (read("request_ms"), read("drain_ms"), read("lease_ms"));
    let recovery_interval = read("recovery_interval_ms");
    let (sweep_interval, touch_interval) = (read("sweep_interval_ms"), read("touch_interval_ms"));
    Some(Timing {
        request: request?,
        drain: drain?,
        lease: lease?,
        recovery_interval: recovery_interval?,
        sweep_interval: sweep_interval?,
        touch_interval: touch_interval?,
    })
}

/// The address of a database as it may be shown: a server's may carry a password.
pub(crate) fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, place))) => format!("{scheme}://…@{place}"),
        _ => url.to_owned(),
    }
}

/// The token that `babysea up` leaves in the data folder.
fn token_file(data_dir: &Path) -> Option<String> {
    let text = std::fs::read_to_string(data_dir.join("ledger-token")).ok()?;
    Some(text.trim().to_owned()).filter(|token| !token.is_empty())
}

/// `us`, `eu` or `apac`.
struct Region(String);

impl FromStr for Region {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "us" | "eu" | "apac" => Ok(Self(text.to_owned())),
            "jp" => Ok(Self("apac".to_owned())),
            _ => Err("one of us, eu, apac"),
        }
    }
}

/// An address, or `off`.
struct Switched(Option<SocketAddr>);

impl FromStr for Switched {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if matches!(text, "off" | "none" | "false") {
            Ok(Self(None))
        } else {
            text.parse().map(|address| Self(Some(address)))
        }
    }
}

#[cfg(test)]
#[path = "config/tests.rs"]
mod tests;
