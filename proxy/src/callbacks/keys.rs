//! Keys of signed callbacks: fetched from the provider, remembered for a day, and used on when fetching them again fails.

use std::{collections::BTreeMap, time::Duration};

use ledger_contract::Provider;
use proxy_normalize::callback::{CallbackKeys, keys_request, read_keys_answer};
use tokio::{sync::Mutex, time::Instant};
use tracing::warn;

use crate::engine::Engine;

/// Keys are fetched anew after this (providers §2.3).
const LIFE: Duration = Duration::from_hours(24);
/// Between two tries, however many callbacks come: nobody makes us flood a provider.
const TRY_EVERY: Duration = Duration::from_secs(10);
const FETCH_BUDGET: Duration = Duration::from_secs(3);

#[derive(Default)]
struct Known {
    keys: Option<(CallbackKeys, Instant)>,
    tried_at: Option<Instant>,
}

/// The keys of each provider that signs.
pub(super) struct Keys {
    known: BTreeMap<Provider, Mutex<Known>>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self { known: Provider::ALL.iter().map(|provider| (*provider, Mutex::default())).collect() }
    }
}

impl Keys {
    /// The keys in force; `is_refused`: the known ones did not fit. `None`: there are none to be had at the moment.
    pub async fn get(&self, engine: &Engine, provider: Provider, is_refused: bool) -> Option<CallbackKeys> {
        let mut known = self.known.get(&provider)?.lock().await;
        if known.wants_fetching(is_refused) {
            known.tried_at = Some(Instant::now());
            if let Some(keys) = fetch(engine, provider).await {
                known.keys = Some((keys, Instant::now()));
            } else {
                warn!(%provider, "the keys of callbacks could not be fetched");
            }
        }
        known.keys.as_ref().map(|(keys, _)| keys.clone())
    }
}

impl Known {
    fn wants_fetching(&self, is_refused: bool) -> bool {
        let is_old = self.keys.as_ref().is_none_or(|(_, fetched_at)| is_refused || fetched_at.elapsed() >= LIFE);
        is_old && self.tried_at.is_none_or(|tried_at| tried_at.elapsed() >= TRY_EVERY)
    }
}

async fn fetch(engine: &Engine, provider: Provider) -> Option<CallbackKeys> {
    let request = keys_request(engine.endpoints.get(provider)?)?;
    let answer = engine.providers.call(request, Instant::now() + FETCH_BUDGET).await.ok()?;
    let answer = answer.as_response();
    if answer.status == 200 { read_keys_answer(provider, answer.body) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn keys_are_fetched_once_a_day_and_not_for_every_forged_callback() {
        let mut known = Known::default();
        assert!(known.wants_fetching(false));
        known.tried_at = Some(Instant::now());
        assert!(!known.wants_fetching(false), "a provider that is down is not asked for every callback");
        known.keys = Some((CallbackKeys::Token, Instant::now()));
        assert!(!known.wants_fetching(true));
        tokio::time::advance(TRY_EVERY).await;
        assert!(known.wants_fetching(true));
        assert!(!known.wants_fetching(false));
        tokio::time::advance(LIFE).await;
        assert!(known.wants_fetching(false));
    }
}
