//! The dashboard shows what exists: every metric that it names is in `/metrics` of a stack that has worked.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};

use crate::stack::{Stack, within};

#[tokio::test]
async fn every_metric_of_the_dashboard_exists() {
    within(120, async {
        let stack = Stack::start().await;
        stack.provider("replicate", json!({ "behavior": "http_500" })).await;
        let record = stack.ended(&stack.image("replicate, fal").await.generation_id()).await;
        assert_eq!(record["generation_status"], "succeeded");
        stack.get("/v1/nothing/here").await;
        let url = format!("{}/metrics", stack.metrics);
        let exposed = stack.http().get(url).send().await.unwrap().text().await.unwrap();
        let named = named_in_dashboards();
        assert!(named.len() > 10, "{named:?}");
        let missing: Vec<&String> = named.iter().filter(|name| !exposes(&exposed, name)).collect();
        assert!(missing.is_empty(), "not in /metrics: {missing:?}\n{exposed}");
        for path in ["healthz", "readyz"] {
            let probe = stack.http().get(format!("{}/{path}", stack.metrics)).send().await.unwrap();
            assert_eq!(probe.status(), 200, "{path}");
        }
    })
    .await;
}

fn exposes(exposed: &str, name: &str) -> bool {
    exposed.lines().any(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])))
}

/// Every metric name in every query of every dashboard.
fn named_in_dashboards() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboards/grafana");
    let mut named = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let dashboard: Value = serde_json::from_str(&fs::read_to_string(entry.path()).unwrap()).unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                named.extend(names_in(target["expr"].as_str().unwrap()));
            }
        }
    }
    named
}

fn names_in(query: &str) -> impl Iterator<Item = String> {
    let words = query.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("babysea_")).map(str::to_owned)
}
