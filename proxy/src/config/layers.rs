//! Layered settings as text with their origin, so that a mistake can say where it was made. Knows no setting's meaning.

use std::{fmt::Display, path::Path, str::FromStr};

use figment::{
    Error, Figment, Metadata, Profile, Provider as Source,
    providers::{Format, Toml},
    util::nest,
    value::{Dict, Map, Value},
};
use ledger_contract::Provider;

use crate::content::ContentPolicy;

const DEFAULTS: &str = include_str!("../../defaults.toml");

/// Every key. Its variable is `BABYSEA_` and the key in capitals, dots as `_`.
const KEYS: &[&str] = &[
    "data_dir",
    "region",
    "trusted_proxies",
    "metrics_listen",
    "redis_url",
    "hints_file",
    "artifacts_url",
    "simulate",
    "catalog_folder",
    "input_allow_private",
    "proxy.listen",
    "proxy.public_url",
    "proxy.threads",
    "proxy.failed_auth_per_minute",
    "proxy.content_policy",
    "ledger.url",
    "ledger.token",
    "simulator.url",
    "routing.adaptive",
    "routing.exploration_share",
    "deadlines.submit_ms",
    "deadlines.image_attempt_ms",
    "deadlines.video_attempt_ms",
    "deadlines.image_total_ms",
    "deadlines.video_total_ms",
    "deadlines.create_ms",
];

/// Tables that only the proxy reads: an unknown key in one of them is a typing mistake, not another role's key.
const OWN_TABLES: &[&str] = &["proxy", "routing", "deadlines"];

/// Every variable with the key it sets.
pub(super) fn variable_names() -> Vec<(String, String)> {
    let providers = Provider::ALL
        .iter()
        .flat_map(|provider| ["api_key", "base_url", "account_id"].map(|name| format!("provider.{provider}.{name}")));
    let keys = KEYS.iter().map(|key| (*key).to_owned()).chain(providers);
    keys.map(|key| (format!("BABYSEA_{}", key.replace('.', "_").to_ascii_uppercase()), key)).collect()
}

/// The layers, and what was found wrong with them so far.
pub(super) struct Layers {
    figment: Figment,
    pub(super) mistakes: Vec<String>,
}

impl Layers {
    /// Stacks defaults, file and variables.
    pub(super) fn new(
        file: Option<&Path>,
        environment: impl Fn(&str) -> Option<String>,
        variables: &[(String, String)],
    ) -> Self {
        let mut mistakes = Vec::new();
        let mut figment = Figment::from(Toml::string(DEFAULTS));
        match file {
            Some(path) if !path.is_file() => mistakes.push(format!("{} is not a readable file", path.display())),
            Some(path) => figment = figment.merge(Toml::file_exact(path)),
            None => figment = figment.merge(Toml::file("babysea.toml")),
        }
        for (variable, key) in variables {
            // An empty variable is one that was not set.
            if let Some(text) = environment(variable).filter(|text| !text.trim().is_empty()) {
                figment = figment.merge(Variable { name: variable.clone(), key: key.clone(), text });
            }
        }
        if let Err(error) = figment.extract::<Dict>() {
            mistakes.extend(error.into_iter().map(|error| error.to_string()));
        }
        Self { figment, mistakes }
    }

    /// A setting that has a default.
    pub(super) fn required<T: FromStr<Err: Display>>(&mut self, key: &str) -> Option<T> {
        let found = self.text(key);
        if found.is_none() && self.mistakes.is_empty() {
            self.mistakes.push(format!("{key}: has no value"));
        }
        found.and_then(|(text, origin)| self.parse(key, &text, &origin))
    }

    /// A setting that may be absent.
    pub(super) fn optional<T: FromStr<Err: Display>>(&mut self, key: &str) -> Option<T> {
        let (text, origin) = self.text(key)?;
        self.parse(key, &text, &origin)
    }

    /// An array, or a comma-separated text.
    pub(super) fn list<T: FromStr<Err: Display>>(&mut self, key: &str) -> Vec<T> {
        let Some((text, origin)) = self.text(key) else { return Vec::new() };
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        items.filter_map(|item| self.parse(key, item, &origin)).collect()
    }

    /// An array of patterns, or one pattern a line: a comma is part of a pattern.
    pub(super) fn patterns(&mut self, key: &str) -> Option<ContentPolicy> {
        let patterns = match self.figment.find_value(key) {
            Ok(Value::Array(_, items)) => items.iter().filter_map(flatten).collect(),
            Ok(Value::String(_, text)) => text.lines().map(str::trim).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        let patterns: Vec<String> = patterns.into_iter().filter(|pattern| !pattern.is_empty()).collect();
        match ContentPolicy::new(&patterns) {
            Ok(policy) => Some(policy),
            Err(error) => {
                self.mistakes.push(format!("{key}: {error}"));
                None
            }
        }
    }

    /// Reports keys of our own tables, and provider names, that mean nothing.
    pub(super) fn refuse_unknown_keys(&mut self) {
        for table in OWN_TABLES {
            for name in self.names_in(table) {
                let key = format!("{table}.{name}");
                if !KEYS.contains(&key.as_str()) {
                    self.mistakes.push(format!("{key}: no such setting"));
                }
            }
        }
        for name in self.names_in("provider") {
            if name.parse::<Provider>().is_err() {
                self.mistakes.push(format!("provider.{name}: no such provider"));
            }
        }
    }

    fn names_in(&self, table: &str) -> Vec<String> {
        let value = self.figment.find_value(table).ok();
        value.and_then(Value::into_dict).map(|dict| dict.into_keys().collect()).unwrap_or_default()
    }

    fn text(&self, key: &str) -> Option<(String, String)> {
        let value = self.figment.find_value(key).ok()?;
        let origin = self.figment.get_metadata(value.tag()).map_or("defaults", |metadata| metadata.name.as_ref());
        let text = flatten(&value)?;
        Some((text.trim().to_owned(), origin.to_owned())).filter(|(text, _)| !text.is_empty())
    }

    fn parse<T: FromStr<Err: Display>>(&mut self, key: &str, text: &str, origin: &str) -> Option<T> {
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                let shown = if key.ends_with("token") || key.ends_with("api_key") { "…" } else { text };
                self.mistakes.push(format!("{key} = \"{shown}\" ({origin}): {error}"));
                None
            }
        }
    }
}

/// Scalars print as they would be typed; arrays of scalars as a comma list.
fn flatten(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(text.clone()),
        Value::Bool(_, value) => Some(value.to_string()),
        Value::Num(_, number) => number
            .to_i128()
            .map(|value| value.to_string())
            .or_else(|| number.to_u128().map(|value| value.to_string()))
            .or_else(|| number.to_f64().map(|value| value.to_string())),
        Value::Array(_, items) => Some(items.iter().filter_map(flatten).collect::<Vec<_>>().join(",")),
        _ => None,
    }
}

/// One environment variable as a layer of its own, so that its name is the origin of its value; never guesses a type.
struct Variable {
    name: String,
    key: String,
    text: String,
}

impl Source for Variable {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let dict = nest(&self.key, Value::from(self.text.clone())).into_dict().unwrap_or_default();
        Ok(Profile::Default.collect(dict))
    }
}
