//! What the proxy believes of a ranking, and what it refuses.
#![allow(clippy::unwrap_used, missing_docs)]

use intelligence_hints::{HintError, RANKING_TTL_S, Ranking, Scores};
use ledger_contract::Timestamp;

const GOOD: &str = r#"{"providers_ranked":["b","c","a"],"scores":{"b":0.8825,"c":0.265,"a":-0.3},"attempts_total":9,"window_hours":24,"computed_at":"2026-05-06T00:05:00.000Z"}"#;

fn now() -> Timestamp {
    Timestamp::parse("2026-05-06T00:06:00Z").unwrap()
}

fn refused(text: &str) {
    assert!(Ranking::parse(text, now()).is_err(), "{text}");
}

#[test]
fn the_documented_shape_reads_and_writes_back_byte_for_byte() {
    let ranking = Ranking::parse(GOOD, now()).unwrap();
    assert_eq!(ranking.providers_ranked, ["b", "c", "a"]);
    assert_eq!(ranking.scores, Scores(vec![("b".into(), 0.8825), ("c".into(), 0.265), ("a".into(), -0.3)]));
    assert_eq!(ranking.attempts_total, 9);
    assert_eq!(ranking.to_json().unwrap(), GOOD);
}

#[test]
fn a_score_keeps_every_digit() {
    let mut ranking = Ranking::parse(GOOD, now()).unwrap();
    ranking.scores.0[0].1 = 1.0 / 3.0 - 0.1;
    let text = ranking.to_json().unwrap();
    assert!(text.contains(r#""b":0.23333333333333"#), "{text}");
    let read = Ranking::parse(&text, now()).unwrap();
    assert!((read.scores.0[0].1 - ranking.scores.0[0].1).abs() < 1e-15);
}

#[test]
fn broken_json_and_other_shapes_are_malformed() {
    for text in ["", "{not-json", "null", "[]", "\"x\"", "{}"] {
        refused(text);
    }
}

#[test]
fn every_field_is_required_and_checked() {
    for (good, bad) in [
        (r#"["b","c","a"]"#, "[]"),
        (r#"["b","c","a"]"#, r#"["b",1]"#),
        (r#"["b","c","a"]"#, r#"["b",""]"#),
        (r#"["b","c","a"]"#, r#"["b","c","a","d"]"#),
        (r#""a":-0.3"#, r#""a":true"#),
        (r#""a":-0.3"#, r#""a":"1""#),
        (r#""a":-0.3"#, r#""a":null"#),
        (r#""a":-0.3"#, r#""a":1e999"#),
        (r#""a":-0.3"#, r#""a":NaN"#),
        (r#""a":-0.3"#, r#""b":0.1"#),
        (r#""attempts_total":9"#, r#""attempts_total":-1"#),
        (r#""attempts_total":9"#, r#""attempts_total":9.5"#),
        (r#""attempts_total":9"#, r#""attempts_total":true"#),
        (r#""window_hours":24"#, r#""window_hours":0"#),
        (r#""window_hours":24"#, r#""window_hours":"24""#),
        ("2026-05-06T00:05:00.000Z", "2026-05-06T00:05:00"),
        ("2026-05-06T00:05:00.000Z", "yesterday"),
    ] {
        let text = GOOD.replacen(good, bad, 1);
        assert_ne!(text, GOOD);
        refused(&text);
    }
    for field in ["providers_ranked", "scores", "attempts_total", "window_hours", "computed_at"] {
        refused(&GOOD.replace(field, "something_else"));
    }
}

#[test]
fn more_scores_than_providers_and_unknown_fields_do_no_harm() {
    let text = GOOD.replacen(r#""a":-0.3"#, r#""a":-0.3,"d":1"#, 1).replacen('{', r#"{"note":"x","#, 1);
    assert_eq!(Ranking::parse(&text, now()).unwrap().providers_ranked.len(), 3);
}

#[test]
fn a_provider_named_twice_keeps_its_first_place() {
    let text = GOOD.replacen(r#"["b","c","a"]"#, r#"["b","c","b","a"]"#, 1);
    assert_eq!(Ranking::parse(&text, now()).unwrap().providers_ranked, ["b", "c", "a"]);
}

#[test]
fn a_ranking_from_the_future_is_refused_beyond_a_minute() {
    let computed = Timestamp::parse("2026-05-06T00:05:00Z").unwrap();
    assert!(Ranking::parse(GOOD, computed.plus_ms(-60_000)).is_ok());
    assert_eq!(Ranking::parse(GOOD, computed.plus_ms(-60_001)), Err(HintError::FromTheFuture(computed)));
}

#[test]
fn a_named_version_must_be_ours() {
    let named = |version: &str| GOOD.replacen('{', &format!(r#"{{"schema_version":{version},"#), 1);
    assert!(Ranking::parse(&named(r#""ranking.v1""#), now()).is_ok());
    for version in [r#""ranking.v2""#, "1", "true"] {
        assert!(matches!(Ranking::parse(&named(version), now()), Err(HintError::UnknownVersion(_))), "{version}");
    }
}

#[test]
fn a_ranking_expires_with_its_time_to_live() {
    let ranking = Ranking::parse(GOOD, now()).unwrap();
    let end = ranking.computed_at.plus_ms(RANKING_TTL_S * 1000);
    assert!(!ranking.is_expired(end.plus_ms(-1)));
    assert!(ranking.is_expired(end));
}
