//! Defaults and a file; variables are the same keys and are not set here, since a test shares its environment.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};

use intelligence::Config;

fn load(text: &str) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("babysea.toml");
    std::fs::write(&file, text).unwrap();
    Config::load_in(Some(&file), None).map_err(|error| error.to_string())
}

#[test]
fn an_empty_file_gives_the_documented_defaults() {
    let config = load("").unwrap();
    assert_eq!(config.database_url, "sqlite://.babysea/babysea.db");
    assert_eq!(config.hints_file, PathBuf::from(".babysea/hints.json"));
    assert_eq!((config.region.as_str(), config.interval_s, config.window_hours), ("us", 60, 24));
    assert_eq!(config.redis_url, None);
    assert_eq!(config.metrics_listen.map(|listen| listen.port()), Some(9464));
}

#[test]
fn a_file_overrides_and_other_roles_keys_are_left_alone() {
    let config = load(
        "region = \"jp\"\ndata_dir = \"/d\"\nmetrics_listen = \"off\"\nredis_url = \"redis://r\"\n[proxy]\nlisten = \"x\"\n\
         [intelligence]\ninterval_s = 5\n[ledger]\ndatabase_url = \"sqlite:///b.db\"\n",
    )
    .unwrap();
    assert_eq!((config.region.as_str(), config.interval_s, config.metrics_listen), ("apac", 5, None));
    assert_eq!(config.redis_url.as_deref(), Some("redis://r"));
    assert_eq!((config.database_url.as_str(), config.hints_file), ("sqlite:///b.db", PathBuf::from("/d/hints.json")));
}

#[test]
fn a_named_data_folder_wins() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("babysea.toml");
    std::fs::write(&file, "data_dir = \"/d\"").unwrap();
    let config = Config::load_in(Some(&file), Some(Path::new("/e"))).unwrap();
    assert_eq!(config.hints_file, PathBuf::from("/e/hints.json"));
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let told =
        load("region = \"mars\"\nmetrics_listen = \"here\"\n[intelligence]\ninterval_s = 0\nwindow_hours = -1\n")
            .unwrap_err();
    for key in
        ["region = \"mars\"", "metrics_listen = \"here\"", "intelligence.interval_s", "intelligence.window_hours"]
    {
        assert!(told.contains(key), "{told}");
    }
    assert!(told.contains("TOML file"), "{told}");
    assert!(Config::load(Some(Path::new("/nowhere.toml"))).is_err());
    assert!(load("not toml").is_err());
}
