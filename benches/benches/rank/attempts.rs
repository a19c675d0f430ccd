//! A day of attempts for 40 models at 8 providers, kept as the observatory keeps them, and one percent that comes later.

use std::path::Path;
use std::sync::Arc;

use intelligence::archive::{Archive, Kept, Read};
use intelligence::draw::Draws;
use intelligence::frame::{Fact, Window};
use ledger_contract::{AttemptOutcome, Timestamp};

const MODELS: usize = 40;
const PROVIDERS: usize = 8;
const HOUR_MS: i64 = 3_600_000;
/// 2026-05-06T00:00:00Z.
const DAY_MS: i64 = 1_778_025_600_000;
pub const REGION: &str = "us";

/// The day's last minute; the window cuts through the first hour.
pub fn window() -> Window {
    Window { now: Timestamp(DAY_MS + 24 * HOUR_MS + HOUR_MS / 2), hours: 24 }
}

/// Makes the day hour by hour, so that it never is in memory as a whole.
pub fn make(folder: &Path, rows: u64) {
    let _ = std::fs::remove_dir_all(folder);
    let mut archive = Archive::open(folder, REGION).unwrap();
    let names = Names::new();
    for hour in 0..24 {
        let (from, until) = (rows * hour / 24, rows * (hour + 1) / 24);
        keep(&mut archive, names.attempts(from, until, i64::try_from(hour).unwrap()));
    }
    std::fs::write(folder.join("made"), rows.to_string()).unwrap();
}

/// One percent more, in the half hour after the day.
pub fn add(archive: &mut Archive, rows: u64) {
    keep(archive, Names::new().attempts(rows, rows + rows / 100, 24));
}

fn keep(archive: &mut Archive, attempts: Vec<Kept>) {
    let newest_ms = attempts.iter().filter_map(|kept| kept.fact.resolved_at).map(|end| end.0).max().unwrap_or(0);
    archive.keep(attempts, Read { newest_ms, covers_from_ms: DAY_MS }).unwrap();
}

struct Names {
    region: Arc<str>,
    models: Vec<Arc<str>>,
    providers: Vec<Arc<str>>,
    codes: Vec<Arc<str>>,
}

impl Names {
    fn new() -> Self {
        Self {
            region: REGION.into(),
            models: (0..MODELS).map(|index| format!("laboratory-{}/model-{index}", index % 9).into()).collect(),
            providers: (0..PROVIDERS).map(|index| format!("provider-{index}").into()).collect(),
            codes: ["BSE4001", "BSE4002", "BSE4003", "BSE4004", "BSE4006"].map(Arc::from).to_vec(),
        }
    }

    fn attempts(&self, from: u64, until: u64, hour: i64) -> Vec<Kept> {
        let span = i64::try_from(until - from).unwrap().max(1);
        let times = (from..until).zip(0_i64..);
        let stretch_ms = if hour < 24 { HOUR_MS } else { HOUR_MS / 2 };
        let at = |place: i64| Timestamp(DAY_MS + hour * HOUR_MS + place * (stretch_ms - 1) / span);
        times.map(|(index, place)| self.attempt(index, at(place))).collect()
    }

    fn attempt(&self, index: u64, submitted_at: Timestamp) -> Kept {
        let draws = Draws::new(index);
        let (model, provider) = (draws.one_of(0, MODELS), draws.one_of(1, PROVIDERS));
        let own = Draws::new(7).of((model * PROVIDERS + provider).try_into().unwrap());
        let failed = draws.unit(2) < own.between(0, 0.01, 0.2);
        let cancelled = !failed && draws.unit(3) < 0.02;
        let latency = own.between(1, 900.0, 9_000.0) * (own.between(2, 0.2, 0.6) * draws.normal(4)).exp();
        let latency = if failed { latency * draws.unit(5) } else { latency }.round();
        let outcome = match (failed, cancelled) {
            (true, _) => AttemptOutcome::Failed,
            (_, true) => AttemptOutcome::Cancelled,
            _ => AttemptOutcome::Used,
        };
        let fact = Fact {
            model: Arc::clone(&self.models[model]),
            region: Arc::clone(&self.region),
            provider: Arc::clone(&self.providers[provider]),
            outcome,
            latency_ms: Some(latency),
            submitted_at,
            #[allow(clippy::cast_possible_truncation)]
            resolved_at: Some(submitted_at.plus_ms(latency as i64)),
            error_code: failed.then(|| Arc::clone(&self.codes[draws.one_of(6, self.codes.len())])),
            estimated_cost: Some(own.between(3, 0.01, 0.08)),
            duration_s: None,
            resolution: None,
        };
        Kept { attempt: index, fact }
    }
}
