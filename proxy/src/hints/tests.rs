//! What replaces a hint, and what leaves it in force.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use intelligence_hints::{RANKING_TTL_S, Scores};

use super::*;

fn ranking(computed_at: Timestamp) -> String {
    let ranking = Ranking {
        providers_ranked: vec!["fal".into()],
        scores: Scores(vec![("fal".into(), 0.5)]),
        attempts_total: 3,
        window_hours: 24,
        computed_at,
    };
    ranking.to_json().unwrap()
}

#[test]
fn an_absent_or_malformed_value_takes_the_old_ones_place() {
    let rankings = Rankings::default();
    let models = vec!["a/b".to_owned()];
    for gone in [None, Some("{}".to_owned())] {
        rankings.replace(&models, &[Some(ranking(now())), None], now());
        assert!(rankings.ranking("a/b").is_some());
        rankings.replace(&models, &[gone, None], now());
        assert!(rankings.ranking("a/b").is_none());
    }
}

#[test]
fn a_ranking_ages_out_even_if_nothing_replaces_it() {
    let rankings = Rankings::default();
    let computed_at = now().plus_ms(-RANKING_TTL_S * 1_000);
    rankings.replace(&["a/b".to_owned()], &[Some(ranking(computed_at)), None], now());
    assert!(rankings.ranking("a/b").is_none());
}

#[tokio::test]
async fn a_missing_file_advises_nothing_and_a_folder_in_its_place_is_a_failed_read() {
    let folder = tempfile::tempdir().unwrap();
    let keys = ["k".to_owned()];
    let mut missing = Source::File(folder.path().join("hints.json"));
    assert_eq!(missing.read(&keys).await.unwrap(), vec![None]);
    let mut broken = Source::File(folder.path().to_owned());
    assert!(broken.read(&keys).await.is_err());
}

#[tokio::test]
async fn a_hint_in_the_file_is_read_until_it_expires() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hints.json");
    let mut file = intelligence_hints::HintsFile::default();
    file.set("fresh".into(), "1".into(), now(), 60);
    file.set("stale".into(), "2".into(), now().plus_ms(-60_000), 10);
    std::fs::write(&path, file.to_json().unwrap()).unwrap();
    let values = Source::File(path).read(&["fresh".into(), "stale".into()]).await.unwrap();
    assert_eq!(values, vec![Some("1".to_owned()), None]);
}

#[test]
fn a_health_snapshot_degrades_whom_it_names_until_it_is_old_or_replaced() {
    let rankings = Rankings::default();
    let snapshot =
        |computed_at| intelligence_hints::Health::new(vec!["fal".into()], Vec::new(), computed_at).to_json().unwrap();
    rankings.replace(&[], &[Some(snapshot(now()))], now());
    assert!(rankings.is_degraded(Provider::Fal) && !rankings.is_degraded(Provider::Bfl));
    rankings.replace(&[], &[Some(snapshot(now()).replace("health.v1", "health.v9"))], now());
    assert!(!rankings.is_degraded(Provider::Fal), "an unknown version advises nothing");
    rankings.replace(&[], &[Some(snapshot(now().plus_ms(-301_000)))], now());
    assert!(!rankings.is_degraded(Provider::Fal), "nor does an old snapshot");
}

#[test]
fn several_addresses_are_nodes_of_a_cluster() {
    assert!(matches!(Source::redis("redis://a:1,redis://b:2"), Ok(Source::Cluster { .. })));
    assert!(matches!(Source::redis("redis://a:1"), Ok(Source::Redis { .. })));
    assert!(Source::redis("redis://a:1,http://b:2").is_err());
}
