//! What operators took out of routing, at most a second old. The ledger keeps it; here it is asked for in the background, and
//! the asking says what is applied. While the ledger is away the last list stands.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use ledger_contract::{Provider, wire::RoutingSwitches};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, info};

use crate::engine::Engine;

/// Between two questions.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// The switches in force. Reading is one atomic load.
#[derive(Debug, Default)]
pub struct Routing {
    current: ArcSwap<Overlay>,
}

#[derive(Debug, Default)]
struct Overlay {
    version: String,
    off: BTreeSet<(Option<Provider>, Option<String>)>,
}

impl Routing {
    /// Whether this provider is not to be tried for this model.
    pub fn is_off(&self, provider: Provider, model: &str) -> bool {
        let current = self.current.load();
        if current.off.is_empty() {
            return false;
        }
        let model = Some(model.to_owned());
        [(Some(provider), None), (None, model.clone()), (Some(provider), model)]
            .iter()
            .any(|switch| current.off.contains(switch))
    }

    /// The version in force; empty before the first answer.
    pub fn version(&self) -> String {
        self.current.load().version.clone()
    }

    /// Puts a list into force; `true`: it is another one.
    pub fn replace(&self, switches: RoutingSwitches) -> bool {
        if self.current.load().version == switches.version {
            return false;
        }
        let off: BTreeSet<_> = switches.switches.into_iter().map(|switch| (switch.provider, switch.model)).collect();
        info!(version = switches.version, switches = off.len(), "routing switches in force");
        self.current.store(Arc::new(Overlay { version: switches.version, off }));
        true
    }
}

/// Asks for ever. A change is acknowledged at once, by asking again.
pub async fn follow(engine: Arc<Engine>) {
    let mut ticks = interval(ASK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match engine.ledger.sync_routing(engine.holder, engine.routing.version()).await {
            Ok(switches) => {
                if engine.routing.replace(switches) {
                    ticks.reset_immediately();
                }
            }
            Err(error) => debug!(%error, "routing switches could not be read"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_contract::{Timestamp, wire::RoutingSwitch};

    fn switches(version: &str, pairs: &[(Option<Provider>, Option<&str>)]) -> RoutingSwitches {
        let switch = |(provider, model): &(Option<Provider>, Option<&str>)| RoutingSwitch {
            provider: *provider,
            model: model.map(str::to_owned),
            reason: String::new(),
            created_at: Timestamp(0),
        };
        RoutingSwitches { version: version.to_owned(), switches: pairs.iter().map(switch).collect() }
    }

    #[test]
    fn a_switch_covers_what_it_names_and_nothing_else() {
        let routing = Routing::default();
        assert!(!routing.is_off(Provider::Fal, "a/b"));
        routing.replace(switches(
            "1",
            &[(Some(Provider::Fal), Some("a/b")), (Some(Provider::Bfl), None), (None, Some("c/d"))],
        ));
        assert!(routing.is_off(Provider::Fal, "a/b"));
        assert!(!routing.is_off(Provider::Fal, "a/c"));
        assert!(!routing.is_off(Provider::Replicate, "a/b"));
        assert!(routing.is_off(Provider::Bfl, "a/c"));
        assert!(routing.is_off(Provider::Replicate, "c/d"));
    }

    #[test]
    fn the_same_list_changes_nothing_and_an_empty_one_everything() {
        let routing = Routing::default();
        assert!(routing.replace(switches("1", &[(Some(Provider::Bfl), None)])));
        assert!(!routing.replace(switches("1", &[])));
        assert!(routing.is_off(Provider::Bfl, "a/b"));
        assert!(routing.replace(switches("2", &[])));
        assert!(!routing.is_off(Provider::Bfl, "a/b"));
    }
}
