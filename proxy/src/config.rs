//! What the operator decides: embedded defaults, then `babysea.toml`, then `BABYSEA_…` variables.
//!
//! The only place of this package that reads the environment or a configuration file. All mistakes are reported at once.

mod layers;

use std::{collections::BTreeMap, net::SocketAddr, path::Path, path::PathBuf};

use ipnet::IpNet;
use ledger_contract::Provider;

use crate::{address::Network, content::ContentPolicy};
use layers::Layers;

/// The checked settings of one proxy. See `defaults.toml` for what each means; times are in milliseconds.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where customers are served.
    pub listen: SocketAddr,
    /// Base of output URLs, without a trailing slash.
    pub public_url: String,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// `us`, `eu` or `apac`.
    pub region: String,
    /// Where `/metrics`, `/healthz` and `/readyz` are served, if anywhere.
    pub metrics_listen: Option<SocketAddr>,
    /// Base URL of the ledger, without a trailing slash.
    pub ledger_url: String,
    /// Bearer token of the ledger's internal API.
    pub ledger_token: String,
    /// Where hints come from when it is set.
    pub redis_url: Option<String>,
    /// Where hints come from otherwise.
    pub hints_file: PathBuf,
    /// `file://…`.
    pub artifacts_url: String,
    /// Credentials and addresses of the providers that have any.
    pub providers: BTreeMap<Provider, ProviderSettings>,
    /// Control address of a simulator, if one is used.
    pub simulator_url: Option<String>,
    /// Providers that are simulated although others are real.
    pub simulate: Vec<Provider>,
    /// Model files that override the built-in ones.
    pub catalog_folder: Option<PathBuf>,
    /// How long things may take.
    pub deadlines: Deadlines,
    /// Whether `fastest` uses rankings.
    pub adaptive_routing: bool,
    /// Share of `fastest` requests that try the least known provider first, 0 to 1.
    pub exploration_share: f64,
    /// Whether input files may come from private addresses. Development only.
    pub input_allow_private: bool,
    /// Failed authentications per minute and client address; also the burst. At least 1.
    pub failed_auth_per_minute: u32,
    /// Prompts that match one of these are refused; empty: none are.
    pub content_policy: ContentPolicy,
    /// Request threads, at least 1.
    pub threads: usize,
}

/// What is known about one provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderSettings {
    /// Its API key; without one it is not called, unless it is simulated.
    pub api_key: Option<String>,
    /// Another base URL than its usual one; also picks a region.
    pub base_url: Option<String>,
    /// Cloudflare only.
    pub account_id: Option<String>,
}

/// Milliseconds, each above zero (api contract §9 rule 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Submission of one attempt.
    pub submit_ms: u64,
    /// Execution of one image attempt.
    pub image_attempt_ms: u64,
    /// Execution of one video attempt.
    pub video_attempt_ms: u64,
    /// A whole image generation.
    pub image_total_ms: u64,
    /// A whole video generation.
    pub video_total_ms: u64,
    /// The answer of a create.
    pub create_ms: u64,
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
    ///
    /// The ledger token may still be empty afterwards: a stack in one process brings its own.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        Self::load_in(file, None)
    }

    /// As [`Config::load`], with a data folder that the command line names.
    pub fn load_in(file: Option<&Path>, data_dir: Option<&Path>) -> Result<Self, ConfigError> {
        let named =
            |name: &str| data_dir.filter(|_| name == "BABYSEA_DATA_DIR").map(|folder| folder.display().to_string());
        Self::read(Layers::new(
            file,
            |name| named(name).or_else(|| std::env::var(name).ok()),
            &layers::variable_names(),
        ))
    }

    fn read(mut layers: Layers) -> Result<Self, ConfigError> {
        layers.refuse_unknown_keys();
        let config = Self::assemble(&mut layers);
        match config {
            Some(config) if layers.mistakes.is_empty() => Ok(config),
            _ => Err(ConfigError { mistakes: layers.mistakes }),
        }
    }

    /// Reads every key before it gives up on any, so that all mistakes are found.
    fn assemble(layers: &mut Layers) -> Option<Self> {
        let data_dir: PathBuf = layers.optional("data_dir").unwrap_or_else(|| PathBuf::from(".babysea"));
        let listen = layers.required::<SocketAddr>("proxy.listen");
        let region = layers.required::<Region>("region");
        let metrics_listen = layers.required::<Switched<SocketAddr>>("metrics_listen");
        let ledger_url = layers.required::<BaseUrl>("ledger.url");
        let deadlines = read_deadlines(layers);
        let adaptive = layers.required::<Toggle>("routing.adaptive");
        let exploration_share = layers.required::<Share>("routing.exploration_share");
        let input_allow_private = layers.required::<Toggle>("input_allow_private");
        let failed_auth = layers.required::<std::num::NonZeroU32>("proxy.failed_auth_per_minute");
        let content_policy = layers.patterns("proxy.content_policy");
        let threads = layers.required::<usize>("proxy.threads");
        let trusted = layers.list::<Network>("trusted_proxies");
        let public_url = layers.optional::<BaseUrl>("proxy.public_url");
        let simulator_url = layers.optional::<BaseUrl>("simulator.url");
        let simulate = layers.list("simulate");
        let providers = read_providers(layers);
        let listen = listen?;
        Some(Self {
            listen,
            public_url: public_url.map_or_else(|| format!("http://{listen}"), |url| url.0),
            trusted_proxies: trusted.into_iter().map(|network| network.0).collect(),
            region: region?.0,
            metrics_listen: metrics_listen?.0,
            ledger_url: ledger_url?.0,
            ledger_token: layers.optional("ledger.token").or_else(|| token_file(&data_dir)).unwrap_or_default(),
            redis_url: layers.optional("redis_url"),
            hints_file: layers.optional("hints_file").unwrap_or_else(|| data_dir.join("hints.json")),
            artifacts_url: layers
                .optional("artifacts_url")
                .unwrap_or_else(|| format!("file://{}", data_dir.join("artifacts").display())),
            providers,
            simulator_url: simulator_url.map(|url| url.0),
            simulate,
            catalog_folder: layers.optional("catalog_folder"),
            deadlines: deadlines?,
            adaptive_routing: adaptive?.0,
            exploration_share: exploration_share?.0,
            input_allow_private: input_allow_private?.0,
            failed_auth_per_minute: failed_auth?.get(),
            content_policy: content_policy?,
            threads: threads_or_cores(threads?),
        })
    }
}

fn read_deadlines(layers: &mut Layers) -> Option<Deadlines> {
    let mut read = |name: &str| layers.required::<std::num::NonZeroU64>(&format!("deadlines.{name}")).map(u64::from);
    let (submit, create) = (read("submit_ms"), read("create_ms"));
    let (image_attempt, video_attempt) = (read("image_attempt_ms"), read("video_attempt_ms"));
    let (image_total, video_total) = (read("image_total_ms"), read("video_total_ms"));
    Some(Deadlines {
        submit_ms: submit?,
        image_attempt_ms: image_attempt?,
        video_attempt_ms: video_attempt?,
        image_total_ms: image_total?,
        video_total_ms: video_total?,
        create_ms: create?,
    })
}

fn read_providers(layers: &mut Layers) -> BTreeMap<Provider, ProviderSettings> {
    let mut providers = BTreeMap::new();
    for &provider in Provider::ALL {
        let settings = ProviderSettings {
            api_key: layers.optional(&format!("provider.{provider}.api_key")),
            base_url: layers.optional::<BaseUrl>(&format!("provider.{provider}.base_url")).map(|url| url.0),
            account_id: layers.optional(&format!("provider.{provider}.account_id")),
        };
        if settings != ProviderSettings::default() {
            providers.insert(provider, settings);
        }
    }
    providers
}

fn token_file(data_dir: &Path) -> Option<String> {
    let text = std::fs::read_to_string(data_dir.join("ledger-token")).ok()?;
    Some(text.trim().to_owned()).filter(|token| !token.is_empty())
}

fn threads_or_cores(threads: usize) -> usize {
    if threads > 0 { threads } else { std::thread::available_parallelism().map_or(1, std::num::NonZero::get) }
}

/// `us`, `eu` or `apac`.
struct Region(String);

impl std::str::FromStr for Region {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "us" | "eu" | "apac" => Ok(Self(text.to_owned())),
            "jp" => Ok(Self("apac".to_owned())),
            _ => Err("one of us, eu, apac"),
        }
    }
}

/// An http or https URL without query, fragment and trailing slash.
struct BaseUrl(String);

impl std::str::FromStr for BaseUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = url::Url::parse(text).map_err(|_| "not a URL")?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err("not an http or https URL");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("a base URL has no query and no fragment");
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

/// On or off, in every usual spelling (api contract §10 rule 3).
struct Toggle(bool);

impl std::str::FromStr for Toggle {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "on" | "enabled" => Ok(Self(true)),
            "false" | "0" | "off" | "disabled" => Ok(Self(false)),
            _ => Err("true or false"),
        }
    }
}

/// A value, or `off`.
struct Switched<T>(Option<T>);

impl<T: std::str::FromStr> std::str::FromStr for Switched<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if matches!(text, "off" | "none" | "false") {
            Ok(Self(None))
        } else {
            text.parse().map(|value| Self(Some(value)))
        }
    }
}

/// A number from 0 to 1.
struct Share(f64);

impl std::str::FromStr for Share {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).map(Self).ok_or("a number from 0 to 1")
    }
}

#[cfg(test)]
#[path = "config/tests.rs"]
mod tests;
