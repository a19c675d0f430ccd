//! Routing switches: an operator takes a provider, a model or a pair out of routing, every proxy hears of it within a second,
//! and the operator is told how many of them apply it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{Json, extract::State};
use ledger_contract::{
    HolderId,
    wire::{RoutingChanged, RoutingSwitch, RoutingSwitches, SetRouting, SyncRouting},
};
use sha2::{Digest, Sha256};
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

use super::Answered;
use crate::{app::App, clock, problem::Problem, routes::Body};

/// How long an operator's call waits for proxies to apply a change.
const ACKNOWLEDGE: Duration = Duration::from_secs(2);
/// A proxy that was not heard of for this long is not waited for: it asks every half second.
const HEARD_WITHIN: Duration = Duration::from_secs(3);
/// Proxies that are remembered; far more than there are.
const MOST_PROXIES: usize = 4_096;
const MAX_REASON_CHARS: usize = 200;
const MAX_MODEL_CHARS: usize = 200;
/// Switches at once: a list that every proxy reads every half second stays short.
const MAX_SWITCHES: usize = 1_000;

/// What each proxy applies, as it said last.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    proxies: Mutex<BTreeMap<HolderId, (String, Instant)>>,
    heard: Notify,
}

impl Applied {
    fn hear(&self, holder: HolderId, version: String) {
        let mut proxies = self.proxies.lock().unwrap_or_else(PoisonError::into_inner);
        proxies.retain(|_, (_, at)| at.elapsed() < HEARD_WITHIN);
        if proxies.len() < MOST_PROXIES {
            proxies.insert(holder, (version, Instant::now()));
        }
        drop(proxies);
        self.heard.notify_waiters();
    }

    /// How many proxies there are, and how many of them apply this version.
    fn count(&self, version: &str) -> (usize, usize) {
        let mut proxies = self.proxies.lock().unwrap_or_else(PoisonError::into_inner);
        proxies.retain(|_, (_, at)| at.elapsed() < HEARD_WITHIN);
        (proxies.len(), proxies.values().filter(|(applied, _)| applied == version).count())
    }

    async fn wait_for(&self, version: &str) {
        let everybody = async {
            loop {
                let mut heard = std::pin::pin!(self.heard.notified());
                heard.as_mut().enable();
                let (proxies, applied) = self.count(version);
                if proxies == applied {
                    return;
                }
                heard.await;
            }
        };
        let _ = timeout(ACKNOWLEDGE, everybody).await;
    }
}

/// `GET /internal/routing`.
pub(crate) async fn list(State(app): State<Arc<App>>) -> Answered<RoutingSwitches> {
    Ok(Json(current(&app).await?))
}

/// `POST /internal/routing/sync`.
pub(crate) async fn sync(State(app): State<Arc<App>>, Body(sync): Body<SyncRouting>) -> Answered<RoutingSwitches> {
    app.routing.hear(sync.holder, sync.version);
    Ok(Json(current(&app).await?))
}

/// `PUT /internal/routing`.
pub(crate) async fn set(State(app): State<Arc<App>>, Body(set): Body<SetRouting>) -> Answered<RoutingChanged> {
    check(&set)?;
    let changed = if set.is_disabled {
        if app.store.routing_switches().await?.len() >= MAX_SWITCHES {
            return Err(Problem::Conflict(format!("there are {MAX_SWITCHES} switches already")));
        }
        let SetRouting { provider, model, reason, .. } = set;
        app.store.disable_routing(&RoutingSwitch { provider, model, reason, created_at: clock::now() }).await?;
        true
    } else {
        app.store.enable_routing(set.provider, set.model.as_deref()).await?
    };
    let RoutingSwitches { version, switches } = current(&app).await?;
    app.routing.wait_for(&version).await;
    let (proxies, applied) = app.routing.count(&version);
    tracing::info!(changed, proxies, applied, switches = switches.len(), "routing switched");
    Ok(Json(RoutingChanged { is_changed: changed, proxies, applied, switches }))
}

fn check(set: &SetRouting) -> Result<(), Problem> {
    if set.provider.is_none() && set.model.is_none() {
        return Err(Problem::Malformed("a switch names a provider, a model, or both".to_owned()));
    }
    let is_text = |text: &str, most: usize| text.chars().count() <= most && !text.chars().any(char::is_control);
    if !is_text(&set.reason, MAX_REASON_CHARS) {
        return Err(Problem::Malformed(format!("a reason has at most {MAX_REASON_CHARS} characters")));
    }
    if set.model.as_deref().is_some_and(|model| model.is_empty() || !is_text(model, MAX_MODEL_CHARS)) {
        return Err(Problem::Malformed("that is no model's name".to_owned()));
    }
    Ok(())
}

/// Two lists with the same switches have the same version, whoever reads them from whichever process.
async fn current(app: &App) -> Result<RoutingSwitches, Problem> {
    let switches = app.store.routing_switches().await?;
    let mut digest = Sha256::new();
    for switch in &switches {
        let provider = switch.provider.map_or("", ledger_contract::Provider::as_str);
        digest.update(format!("{provider}\n{}\n", switch.model.as_deref().unwrap_or_default()));
    }
    let head = digest.finalize().first_chunk::<8>().copied().unwrap_or_default();
    let version = format!("{:016x}", u64::from_be_bytes(head));
    Ok(RoutingSwitches { version, switches })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(number: u128) -> HolderId {
        HolderId(uuid::Uuid::from_u128(number))
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_waits_for_every_living_proxy_and_at_most_two_seconds() {
        let applied = Applied::default();
        applied.wait_for("b").await;
        applied.hear(holder(1), "a".into());
        applied.hear(holder(2), "b".into());
        let began = Instant::now();
        applied.wait_for("b").await;
        assert_eq!(began.elapsed(), ACKNOWLEDGE);
        assert_eq!(applied.count("b"), (2, 1));
        applied.hear(holder(1), "b".into());
        applied.wait_for("b").await;
        assert_eq!(applied.count("b"), (2, 2));
        tokio::time::advance(HEARD_WITHIN).await;
        assert_eq!(applied.count("b"), (0, 0), "nobody waits for a process that is gone");
    }
}
