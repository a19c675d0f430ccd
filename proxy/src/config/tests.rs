//! Configuration: layers, spellings, and mistakes told all at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

fn read(file: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("babysea.toml");
    std::fs::write(&path, file).unwrap();
    let lookup = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, text)| (*text).to_owned());
    Config::read(Layers::new(Some(&path), lookup, &layers::variable_names()))
}

#[test]
fn the_defaults_are_whole() {
    let config = read("", &[]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.public_url, "http://127.0.0.1:8080");
    assert_eq!(config.artifacts_url, "file://.babysea/artifacts");
    assert_eq!(config.deadlines.create_ms, 25_000);
    assert!(config.adaptive_routing && !config.input_allow_private && config.providers.is_empty());
    assert!(config.threads >= 1);
}

#[test]
fn a_variable_wins_over_the_file_and_the_file_over_the_defaults() {
    let file = "region = \"eu\"\n[proxy]\nlisten = \"127.0.0.1:1\"\n[provider.fal]\napi_key = \"k\"";
    let config = read(file, &[("BABYSEA_PROXY_LISTEN", "127.0.0.1:2"), ("BABYSEA_LEDGER_TOKEN", "007")]).unwrap();
    assert_eq!(config.listen.port(), 2);
    assert_eq!(config.region, "eu");
    assert_eq!(config.ledger_token, "007");
    assert_eq!(config.providers[&Provider::Fal].api_key.as_deref(), Some("k"));
}

#[test]
fn patterns_of_the_content_policy_keep_their_commas_and_a_broken_one_is_a_mistake() {
    let written = |config: Config| format!("{:?}", config.content_policy);
    let from_file = written(read("[proxy]\ncontent_policy = [\"a{1,3}\", \"b\"]", &[]).unwrap());
    assert!(from_file.contains("a{1,3}"), "{from_file}");
    assert_eq!(written(read("", &[("BABYSEA_PROXY_CONTENT_POLICY", "a{1,3}\nb")]).unwrap()), from_file);
    let mistakes = read("[proxy]\ncontent_policy = [\"(\"]", &[]).unwrap_err().mistakes;
    assert!(mistakes.iter().any(|mistake| mistake.starts_with("proxy.content_policy")), "{mistakes:?}");
}

#[test]
fn lists_are_read_from_arrays_and_from_comma_texts() {
    let config = read("simulate = [\"fal\", \"bfl\"]", &[("BABYSEA_TRUSTED_PROXIES", "10.0.0.0/8, ::1")]).unwrap();
    assert_eq!(config.simulate, [Provider::Fal, Provider::Bfl]);
    assert_eq!(config.trusted_proxies.len(), 2);
}

#[test]
fn every_mistake_is_reported_at_once_with_its_origin() {
    let file = "region = \"mars\"\n[proxy]\nlissen = 1\n[provider.nobody]\napi_key = \"x\"";
    let error = read(file, &[("BABYSEA_PROXY_LISTEN", "here"), ("BABYSEA_TRUSTED_PROXIES", "10.0.0.1/8")]).unwrap_err();
    let text = error.to_string();
    for part in ["region", "proxy.lissen", "provider.nobody", "BABYSEA_PROXY_LISTEN", "10.0.0.1/8"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(error.mistakes.len(), 5);
}

#[test]
fn adaptive_routing_has_every_documented_off_spelling() {
    for off in ["false", "0", "off", "disabled"] {
        assert!(!read("", &[("BABYSEA_ROUTING_ADAPTIVE", off)]).unwrap().adaptive_routing, "{off}");
    }
}

#[test]
fn every_key_of_the_defaults_file_is_read_and_every_read_key_is_in_it() {
    let error = read("[deadlines]\nsubmit = 1", &[]).unwrap_err();
    assert_eq!(error.mistakes, ["deadlines.submit: no such setting"]);
}
