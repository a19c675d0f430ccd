//! Layered settings as text with their origin, so that a mistake can say where it was made. Knows no setting's meaning.

use std::{fmt::Display, path::Path, str::FromStr};

use figment::{
    Figment,
    providers::{Format, Toml},
    value::{Dict, Value},
};

const DEFAULTS: &str = include_str!("../../defaults.toml");

/// The keys of `[ledger]`. `url` is another role's, in a file that all roles share.
const LEDGER_KEYS: &[&str] = &[
    "url",
    "listen",
    "token",
    "database_url",
    "connections",
    "queue_calls",
    "batch_commands",
    "request_ms",
    "drain_ms",
    "lease_ms",
    "recovery_interval_ms",
    "sweep_interval_ms",
    "touch_interval_ms",
];

/// What a variable is set to, if it is.
type Environment = Box<dyn Fn(&str) -> Option<String>>;

/// The layers, and what was found wrong with them so far.
pub(super) struct Layers {
    figment: Figment,
    environment: Environment,
    pub(super) mistakes: Vec<String>,
}

impl Layers {
    /// Stacks defaults and file; variables are looked up by key.
    pub(super) fn new(file: Option<&Path>, environment: impl Fn(&str) -> Option<String> + 'static) -> Self {
        let mut mistakes = Vec::new();
        let mut figment = Figment::from(Toml::string(DEFAULTS));
        match file {
            Some(path) if !path.is_file() => mistakes.push(format!("{} is not a readable file", path.display())),
            Some(path) => figment = figment.merge(Toml::file_exact(path)),
            None => figment = figment.merge(Toml::file("babysea.toml")),
        }
        if let Err(error) = figment.extract::<Dict>() {
            mistakes.extend(error.into_iter().map(|error| error.to_string()));
        }
        Self { figment, environment: Box::new(environment), mistakes }
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

    /// Reports keys of our table that mean nothing.
    pub(super) fn refuse_unknown_keys(&mut self) {
        let table = self.figment.find_value("ledger").ok().and_then(Value::into_dict).unwrap_or_default();
        let unknown = table.keys().filter(|name| !LEDGER_KEYS.contains(&name.as_str()));
        self.mistakes.extend(unknown.map(|name| format!("ledger.{name}: no such setting")));
    }

    /// A value and where it was set. An empty one counts as not set.
    fn text(&self, key: &str) -> Option<(String, String)> {
        let variable = format!("BABYSEA_{}", key.replace('.', "_").to_ascii_uppercase());
        let set = (self.environment)(&variable).filter(|text| !text.trim().is_empty());
        if let Some(text) = set {
            return Some((text.trim().to_owned(), variable));
        }
        let value = self.figment.find_value(key).ok()?;
        let origin = self.figment.get_metadata(value.tag()).map_or("defaults", |metadata| metadata.name.as_ref());
        let text = scalar(&value)?;
        Some((text.trim().to_owned(), origin.to_owned())).filter(|(text, _)| !text.is_empty())
    }

    fn parse<T: FromStr<Err: Display>>(&mut self, key: &str, text: &str, origin: &str) -> Option<T> {
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                let shown = if key.ends_with("token") || key.ends_with("database_url") { "…" } else { text };
                self.mistakes.push(format!("{key} = \"{shown}\" ({origin}): {error}"));
                None
            }
        }
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(text.clone()),
        Value::Bool(_, truth) => Some(truth.to_string()),
        Value::Num(_, number) => {
            let whole = number.to_i128().map(|number| number.to_string());
            whole.or_else(|| number.to_u128().map(|number| number.to_string()))
        }
        _ => None,
    }
}
