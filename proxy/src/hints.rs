//! What the observatory advises: rankings of models and degraded providers, refreshed in the background.
//!
//! Fails open: no request ever waits for a hint, and without one the static order stands.

mod source;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use intelligence_hints::{Health, Ranking, health_key, ranking_key};
use ledger_contract::{Provider, Timestamp};
use tracing::debug;

use crate::{clock::now, metrics::Metrics};
pub use source::Source;

/// Between two reads (api contract §10, resolution rule 1).
const REFRESH_EVERY: Duration = Duration::from_secs(5);
/// What one read may take.
const READ_BUDGET: Duration = Duration::from_millis(100);

/// The hints in force. Reading is one atomic load.
#[derive(Debug, Default)]
pub struct Rankings {
    current: ArcSwap<Hints>,
}

#[derive(Debug, Default)]
struct Hints {
    rankings: BTreeMap<String, Arc<Ranking>>,
    health: Option<Health>,
}

impl Rankings {
    /// The ranking of a model, if there is one that is fresh.
    pub fn ranking(&self, model: &str) -> Option<Arc<Ranking>> {
        let hints = self.current.load();
        hints.rankings.get(model).filter(|ranking| !ranking.is_expired(now())).cloned()
    }

    /// Whether a fresh health hint puts this provider behind the others.
    pub fn is_degraded(&self, provider: Provider) -> bool {
        self.current.load().health.as_ref().is_some_and(|health| health.degrades(provider.as_str(), now()))
    }

    fn show(&self, metrics: &Metrics) {
        let (hints, now) = (self.current.load(), now());
        let ages = hints.rankings.values().filter(|ranking| !ranking.is_expired(now));
        let ages: Vec<i64> = ages.map(|ranking| now.since_ms(ranking.computed_at)).collect();
        let oldest = ages.iter().max().map(|&age_ms| Duration::from_millis(age_ms.unsigned_abs()).as_secs_f64());
        metrics.set_rankings(ages.len(), oldest);
    }

    fn replace(&self, models: &[String], values: &[Option<String>], now: Timestamp) {
        let mut hints = Hints::default();
        for (model, value) in models.iter().zip(values) {
            match value.as_deref().map(|text| Ranking::parse(text, now)) {
                Some(Ok(ranking)) => _ = hints.rankings.insert(model.clone(), Arc::new(ranking)),
                Some(Err(error)) => debug!(model, %error, "a ranking is not used"),
                None => {}
            }
        }
        match values.get(models.len()).and_then(Option::as_deref).map(|text| Health::parse(text, now)) {
            Some(Ok(health)) => hints.health = Some(health),
            Some(Err(error)) => debug!(%error, "a health hint is not used"),
            None => {}
        }
        self.current.store(Arc::new(hints));
    }
}

/// Reads all hints every 5 s, for ever. A read that fails changes nothing: what is in force ages until it expires; a value
/// that is absent or malformed takes the old one's place.
pub async fn refresh(
    rankings: Arc<Rankings>,
    mut source: Source,
    region: String,
    models: Vec<String>,
    metrics: Arc<Metrics>,
) {
    let mut keys: Vec<String> = models.iter().map(|model| ranking_key(&region, model)).collect();
    keys.push(health_key(&region));
    let mut ticks = tokio::time::interval(REFRESH_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        source.connect().await;
        let read = tokio::time::timeout(READ_BUDGET, source.read(&keys)).await;
        let answered = match read {
            Ok(Ok(values)) => {
                rankings.replace(&models, &values, now());
                true
            }
            Ok(Err(error)) => {
                debug!(%error, "hints could not be read");
                false
            }
            Err(_) => {
                debug!("reading hints took too long");
                false
            }
        };
        metrics.set_hint_source(if answered { source.name() } else { "none" });
        rankings.show(&metrics);
    }
}

#[cfg(test)]
#[path = "hints/tests.rs"]
mod tests;
