//! What the operator decides: embedded defaults, then `babysea.toml`, then `BABYSEA_…` variables.
//!
//! The only place of this package that reads the environment or a configuration file. All mistakes are reported at once.

use std::fmt::Display;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use figment::Figment;
use figment::providers::{Env, Format, Toml};
use figment::value::Value;
use intelligence_hints::region_label;

use crate::policy::Policy;

const DEFAULTS: &str = include_str!("../defaults.toml");

/// Each is also a variable: `BABYSEA_` and the key in capitals, dots as `_`.
const KEYS: &[&str] = &[
    "data_dir",
    "region",
    "metrics_listen",
    "redis_url",
    "hints_file",
    "ledger.database_url",
    "intelligence.interval_s",
    "intelligence.window_hours",
    "intelligence.policy",
    "intelligence.health_interval_s",
    "intelligence.attempts_folder",
    "intelligence.retention_days",
];

/// The checked settings of one observatory. See `defaults.toml` for what each means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `sqlite://PATH` or `postgres://…`.
    pub database_url: String,
    /// Where hints go when it is set.
    pub redis_url: Option<String>,
    /// Where hints go otherwise.
    pub hints_file: PathBuf,
    /// `us`, `eu` or `apac`.
    pub region: String,
    /// Seconds from one ranking to the next, at least 1.
    pub interval_s: u64,
    /// Length of the window, at least 1.
    pub window_hours: u32,
    /// How providers are scored.
    pub policy: Policy,
    /// Seconds from one health snapshot to the next, at least 1.
    pub health_interval_s: u64,
    /// Where attempts are kept as Parquet.
    pub attempts_folder: PathBuf,
    /// Days they are kept; the window is kept in any case.
    pub retention_days: u32,
    /// Where `/metrics`, `/healthz` and `/readyz` are served, if anywhere.
    pub metrics_listen: Option<SocketAddr>,
}

/// Everything that is wrong with the configuration, one line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the configuration has mistakes:\n  {}", mistakes.join("\n  "))]
pub struct ConfigError {
    /// Each names the key, where its value came from and what is wrong.
    pub mistakes: Vec<String>,
}

impl Config {
    /// Reads defaults, `file` (or `babysea.toml` in the working folder, if there is one) and the environment.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        Self::load_in(file, None)
    }

    /// As [`Config::load`], with a data folder that the command line names.
    pub fn load_in(file: Option<&Path>, data_dir: Option<&Path>) -> Result<Self, ConfigError> {
        let mut layers = Layers { figment: layers(file), mistakes: Vec::new() };
        match file {
            Some(path) if !path.is_file() => layers.mistakes.push(format!("{} is not a readable file", path.display())),
            _ => {}
        }
        if let Err(error) = layers.figment.extract::<figment::value::Dict>() {
            layers.mistakes.extend(error.into_iter().map(|error| error.to_string()));
        }
        match Self::assemble(&mut layers, data_dir) {
            Some(config) if layers.mistakes.is_empty() => Ok(config),
            _ => Err(ConfigError { mistakes: layers.mistakes }),
        }
    }

    /// Reads every key before it gives up on any, so that all mistakes are found.
    fn assemble(layers: &mut Layers, data_dir: Option<&Path>) -> Option<Self> {
        let data_dir =
            data_dir.map(Path::to_owned).or_else(|| layers.read("data_dir")).unwrap_or_else(|| ".babysea".into());
        let region = layers.read::<Region>("region");
        let metrics_listen = layers.read::<Switched>("metrics_listen");
        let interval_s = layers.read::<NonZeroU64>("intelligence.interval_s");
        let window_hours = layers.read::<NonZeroU32>("intelligence.window_hours");
        let policy = layers.read::<Policy>("intelligence.policy");
        let health_interval_s = layers.read::<NonZeroU64>("intelligence.health_interval_s");
        let retention_days = layers.read::<NonZeroU32>("intelligence.retention_days");
        let database = || format!("sqlite://{}", data_dir.join("babysea.db").display());
        Some(Self {
            database_url: layers.read("ledger.database_url").unwrap_or_else(database),
            redis_url: layers.read("redis_url"),
            hints_file: layers.read("hints_file").unwrap_or_else(|| data_dir.join("hints.json")),
            region: region?.0.to_owned(),
            interval_s: interval_s?.get(),
            window_hours: window_hours?.get(),
            policy: policy?,
            health_interval_s: health_interval_s?.get(),
            attempts_folder: layers.read("intelligence.attempts_folder").unwrap_or_else(|| data_dir.join("attempts")),
            retention_days: retention_days?.get(),
            metrics_listen: metrics_listen.and_then(|listen| listen.0),
        })
    }
}

fn layers(file: Option<&Path>) -> Figment {
    let variable = |key: &str| key.replace('.', "_").to_ascii_uppercase();
    let variables = Env::raw()
        .filter(move |name| {
            KEYS.iter().any(|key| name.as_str().eq_ignore_ascii_case(&format!("BABYSEA_{}", variable(key))))
        })
        .map(move |name| {
            let named = |key: &&&str| name.as_str().eq_ignore_ascii_case(&format!("BABYSEA_{}", variable(key)));
            KEYS.iter().find(named).map_or_else(|| name.into(), |key| (*key).into())
        });
    let beside = match file {
        Some(path) => Toml::file_exact(path),
        None => Toml::file("babysea.toml"),
    };
    Figment::from(Toml::string(DEFAULTS)).merge(beside).merge(variables)
}

/// The layers, and what was found wrong with them so far.
struct Layers {
    figment: Figment,
    mistakes: Vec<String>,
}

impl Layers {
    /// A value that is set and not empty; a wrong one is a mistake that says where it came from.
    fn read<T: FromStr<Err: Display>>(&mut self, key: &str) -> Option<T> {
        let value = self.figment.find_value(key).ok()?;
        let text = text_of(&value).filter(|text| !text.is_empty())?;
        let origin =
            self.figment.get_metadata(value.tag()).map_or("defaults", |metadata| metadata.name.as_ref()).to_owned();
        text.parse().map_err(|error| self.mistakes.push(format!("{key} = \"{text}\" ({origin}): {error}"))).ok()
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(text.trim().to_owned()),
        Value::Num(_, number) => number
            .to_i128()
            .map(|n| n.to_string())
            .or_else(|| number.to_u128().map(|n| n.to_string()))
            .or_else(|| number.to_f64().map(|n| n.to_string())),
        Value::Bool(_, flag) => Some(flag.to_string()),
        Value::Char(..) | Value::Empty(..) | Value::Dict(..) | Value::Array(..) => None,
    }
}

struct Region(&'static str);

impl FromStr for Region {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        region_label(text).map(Self).ok_or("one of us, eu, apac")
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
