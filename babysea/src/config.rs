//! What the front door itself has to know: the data folder, and where the running ledger is. Each house reads its own part
//! of the same file and variables; this module never repeats a house's defaults.

use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow};
use serde::Deserialize;

/// The file that is read when none is named, if it is there.
const FILE: &str = "babysea.toml";
const DEFAULTS: &str = include_str!("../defaults.toml");

/// Places that every command needs.
#[derive(Clone, Debug)]
pub struct Places {
    /// The configuration file, when there is one.
    pub file: Option<PathBuf>,
    /// The data folder; it may not exist.
    pub data_dir: PathBuf,
    /// `BABYSEA_LEDGER_URL` or its key.
    pub ledger_url: Option<String>,
    /// `BABYSEA_LEDGER_TOKEN` or its key.
    pub ledger_token: Option<String>,
    /// `BABYSEA_SIMULATOR_LISTEN` or its key, as written.
    simulator_listen: String,
}

#[derive(Debug, Default, Deserialize)]
struct File {
    data_dir: Option<PathBuf>,
    #[serde(default)]
    ledger: LedgerPart,
    #[serde(default)]
    simulator: SimulatorPart,
}

#[derive(Debug, Default, Deserialize)]
struct SimulatorPart {
    listen: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct LedgerPart {
    url: Option<String>,
    token: Option<String>,
}

impl Places {
    /// What the command line says, else the environment, else the file, else the default.
    pub fn find(file: Option<&Path>, data_dir: Option<&Path>) -> anyhow::Result<Self> {
        let file = match file {
            Some(named) if !named.is_file() => {
                return Err(anyhow!("there is no configuration file {}", named.display()));
            }
            Some(named) => Some(named.to_owned()),
            None => Some(PathBuf::from(FILE)).filter(|beside| beside.is_file()),
        };
        let defaults: File = toml::from_str(DEFAULTS).context("in the defaults")?;
        let read = match &file {
            None => File::default(),
            Some(path) => {
                let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
                toml::from_str(&text).with_context(|| format!("in {}", path.display()))?
            }
        };
        let named = data_dir.map(Path::to_owned).or_else(|| variable("BABYSEA_DATA_DIR").map(PathBuf::from));
        let simulator = variable("BABYSEA_SIMULATOR_LISTEN").or(read.simulator.listen).or(defaults.simulator.listen);
        Ok(Self {
            file,
            data_dir: named.or(read.data_dir).or(defaults.data_dir).context("no data folder")?,
            ledger_url: variable("BABYSEA_LEDGER_URL").or(read.ledger.url),
            ledger_token: variable("BABYSEA_LEDGER_TOKEN").or(read.ledger.token),
            simulator_listen: simulator.unwrap_or_default(),
        })
    }

    /// Where a simulator is to listen.
    pub fn simulator_listen(&self) -> anyhow::Result<SocketAddr> {
        let text = &self.simulator_listen;
        text.parse().with_context(|| format!("simulator.listen = \"{text}\" (BABYSEA_SIMULATOR_LISTEN)"))
    }

    /// Holds the token of the ledger that belongs to this folder.
    pub fn token_file(&self) -> PathBuf {
        self.data_dir.join("ledger-token")
    }

    /// Holds the base URL of the ledger that runs on this folder.
    pub fn ledger_address_file(&self) -> PathBuf {
        self.data_dir.join("ledger-address")
    }

    /// Holds the base URL at which customers reach the stack that runs on this folder.
    pub fn proxy_address_file(&self) -> PathBuf {
        self.data_dir.join("proxy-address")
    }

    /// Holds the development account's key.
    pub fn dev_key_file(&self) -> PathBuf {
        self.data_dir.join("dev-key")
    }
}

/// What `generate` needs.
#[derive(Clone, Debug)]
pub struct Customer {
    /// Without a trailing slash.
    pub base_url: String,
    /// `bye_…`.
    pub api_key: String,
}

impl Customer {
    /// `BABYSEA_BASE_URL` and `BABYSEA_API_KEY`, else the stack that runs on the data folder and its development key.
    pub fn find(places: &Places) -> anyhow::Result<Self> {
        let kept = |path: PathBuf| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
        let base_url = variable("BABYSEA_BASE_URL").or_else(|| kept(places.proxy_address_file()));
        let api_key = variable("BABYSEA_API_KEY").or_else(|| kept(places.dev_key_file()));
        Ok(Self {
            base_url: base_url
                .context("no stack runs on this data folder: set BABYSEA_BASE_URL")?
                .trim_end_matches('/')
                .to_owned(),
            api_key: api_key.context("no API key: set BABYSEA_API_KEY")?,
        })
    }
}

/// What to log: `BABYSEA_LOG`, else `RUST_LOG`.
pub fn log_filter() -> Option<String> {
    variable("BABYSEA_LOG").or_else(|| variable("RUST_LOG"))
}

/// A variable that is set to something.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_interface() {
        let defaults: File = toml::from_str(DEFAULTS).unwrap();
        assert_eq!(defaults.data_dir.unwrap(), Path::new(".babysea"));
        assert_eq!(defaults.simulator.listen.unwrap(), "127.0.0.1:8082");
        assert!(defaults.ledger.url.is_none() && defaults.ledger.token.is_none());
    }

    #[test]
    fn the_command_line_beats_the_file_and_a_missing_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("babysea.toml");
        fs::write(&file, "data_dir = \"from-the-file\"\n[simulator]\nlisten = \"nonsense\"\n").unwrap();
        let places = Places::find(Some(&file), Some(Path::new("named"))).unwrap();
        assert_eq!(places.data_dir, Path::new("named"));
        assert!(places.simulator_listen().is_err());
        let missing = Places::find(Some(Path::new("/nowhere/at/all.toml")), None).unwrap_err();
        assert!(missing.to_string().contains("/nowhere/at/all.toml"));
    }
}
