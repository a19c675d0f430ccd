//! What advice costs a request: reading the ranking in force and whether a provider is degraded, while nothing is
//! refreshed and while the background task reads and swaps as in the product. The two must not differ.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{hint::black_box, sync::Arc};

use criterion::{Criterion, criterion_group, criterion_main};
use intelligence_hints::{Health, HintsFile, RANKING_TTL_S, Ranking, Scores, health_key, ranking_key};
use ledger_contract::{Provider, Timestamp};
use proxy::{
    hints::{Rankings, Source, refresh},
    metrics::Metrics,
};

const MODELS: usize = 100;
const REGION: &str = "us";

fn reading(criterion: &mut Criterion) {
    let models: Vec<String> = (0..MODELS).map(|index| format!("laboratory/model-{index}")).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hints.json");
    std::fs::write(&path, hints(&models).to_json().unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let metrics = Arc::new(Metrics::new(&prometheus::Registry::new()).unwrap());
    let rankings = Arc::new(Rankings::default());
    let task = refresh(Arc::clone(&rankings), Source::File(path), REGION.to_owned(), models.clone(), metrics);
    let task = runtime.spawn(task);
    while rankings.ranking(&models[0]).is_none() {
        std::thread::yield_now();
    }
    let mut group = criterion.benchmark_group("hints");
    let read = || (rankings.ranking(black_box(&models[57])), rankings.is_degraded(black_box(Provider::Fal)));
    group.bench_function("read, refreshed as in the product", |bencher| bencher.iter(read));
    task.abort();
    group.bench_function("read, never refreshed", |bencher| bencher.iter(read));
    group.finish();
}

fn hints(models: &[String]) -> HintsFile {
    let now = Timestamp(chrono::Utc::now().timestamp_millis());
    let names: Vec<String> = Provider::ALL.iter().map(|provider| provider.as_str().to_owned()).collect();
    let ranking = Ranking {
        scores: Scores(names.iter().map(|name| (name.clone(), 0.5)).collect()),
        providers_ranked: names,
        attempts_total: 10_000,
        window_hours: 24,
        computed_at: now,
    };
    let mut file = HintsFile::default();
    for model in models {
        file.set(ranking_key(REGION, model), ranking.to_json().unwrap(), now, RANKING_TTL_S);
    }
    let health = Health::new(vec!["fal".to_owned()], Vec::new(), now);
    file.set(health_key(REGION), health.to_json().unwrap(), now, 300);
    file
}

criterion_group!(benches, reading);
criterion_main!(benches);
