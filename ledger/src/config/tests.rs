//! Layers, and mistakes reported together.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;

use super::*;

fn read(file: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("babysea.toml");
    std::fs::write(&path, file).unwrap();
    let variables: Vec<(String, String)> = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let environment =
        move |name: &str| variables.iter().find(|(variable, _)| variable == name).map(|(_, value)| value.clone());
    Config::read(Layers::new(Some(&path), environment))
}

#[test]
fn the_defaults_are_those_of_the_interface() {
    let config = read("", &[("BABYSEA_DATA_DIR", "/nowhere/at/all")]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8081");
    assert_eq!(config.database_url, "sqlite:///nowhere/at/all/babysea.db");
    assert_eq!(config.artifacts_url, "file:///nowhere/at/all/artifacts");
    assert_eq!(config.metrics_listen.unwrap().to_string(), "127.0.0.1:9464");
    assert_eq!(config.timing.lease.as_millis(), u128::try_from(ledger_contract::wire::LEASE_MS).unwrap());
    assert_eq!(config.bounds.batch_commands, ledger_contract::wire::MAX_BATCH);
    assert_eq!((config.connections, config.token.as_str()), (8, ""));
}

#[test]
fn a_password_is_never_shown() {
    assert_eq!(without_password("postgres://me:p@ss@db.example:5432/book"), "postgres://…@db.example:5432/book");
    assert_eq!(without_password("sqlite://book.db"), "sqlite://book.db");
}

#[test]
fn a_variable_beats_the_file_and_the_file_beats_the_defaults() {
    let file = "region = \"eu\"\nmetrics_listen = \"off\"\n[ledger]\nlisten = \"127.0.0.1:1\"\nqueue_calls = 7\n";
    let config = read(file, &[("BABYSEA_LEDGER_LISTEN", "127.0.0.1:2"), ("BABYSEA_LEDGER_TOKEN", "007")]).unwrap();
    assert_eq!(config.listen.port(), 2);
    assert_eq!(config.token, "007");
    assert_eq!(config.region, "eu");
    assert_eq!(config.bounds.queue_calls, 7);
    assert_eq!(config.metrics_listen, None);
}

#[test]
fn every_mistake_is_reported_at_once_and_no_token_is_shown() {
    let file = "region = \"mars\"\n[ledger]\nlisten = \"here\"\nlease_ms = 0\nqueue_cals = 3\n";
    let mistakes = read(file, &[("BABYSEA_LEDGER_DRAIN_MS", "soon")]).unwrap_err().mistakes;
    for key in ["region", "ledger.listen", "ledger.lease_ms", "ledger.queue_cals", "ledger.drain_ms"] {
        assert_eq!(mistakes.iter().filter(|line| line.starts_with(key)).count(), 1, "{key}: {mistakes:?}");
    }
    assert_eq!(mistakes.len(), 5, "{mistakes:?}");
    assert!(mistakes.iter().any(|line| line.contains("BABYSEA_LEDGER_DRAIN_MS")));
}

#[test]
fn nobody_sees_the_token_in_a_log() {
    let config = read("[ledger]\ntoken = \"secret\"\n", &[]).unwrap();
    assert_eq!(config.token, "secret");
    assert!(!format!("{config:?}").contains("secret"));
}
