//! Why the order is what it is: the numbers behind the last ranking and the last health snapshot, for a person or a
//! dashboard. The process shows what it published; nothing here decides.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use intelligence_hints::Health;
use ledger_contract::Timestamp;
use serde::{Serialize, Serializer};

use crate::policy::expected::Settings;
use crate::policy::expected::{Standing, standings};
use crate::policy::sums::Group;
use crate::policy::{Policy, RankedModel};

/// One model's order and what it rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explained {
    /// Public model id.
    pub model: String,
    /// Region label.
    pub region: String,
    /// Which policy made the order.
    pub policy: Policy,
    /// The published order.
    pub providers_ranked: Vec<String>,
    /// The published scores, in that order.
    pub scores: Vec<f64>,
    /// When.
    #[serde(serialize_with = "as_text")]
    pub computed_at: Timestamp,
    /// Length of the window.
    pub window_hours: u32,
    /// Expected time, evidence and uncertainty of each provider under ours, best first; shown whatever the policy.
    pub providers: Vec<Standing>,
    /// Those of them that the health snapshot in force puts behind the others.
    pub degraded: Vec<String>,
}

/// What was published last.
#[derive(Debug, Default)]
pub struct Board {
    ranked: ArcSwapOption<Vec<Explained>>,
    health: ArcSwapOption<Health>,
}

impl Board {
    /// Shows a ranking.
    pub fn show(&self, explained: Vec<Explained>) {
        self.ranked.store(Some(Arc::new(explained)));
    }

    /// Shows a health snapshot.
    pub fn show_health(&self, health: Health) {
        self.health.store(Some(Arc::new(health)));
    }

    /// Everything of one model, or of all.
    pub fn read(&self, model: Option<&str>) -> Vec<Explained> {
        let ranked = self.ranked.load_full();
        let wanted =
            ranked.iter().flat_map(|all| all.iter()).filter(|one| model.is_none_or(|model| one.model == model));
        let health = self.health.load_full();
        wanted.map(|one| one.clone().under(health.as_deref())).collect()
    }

    /// The last health snapshot.
    pub fn health(&self) -> Option<Arc<Health>> {
        self.health.load_full()
    }
}

impl Explained {
    /// Puts together what was ranked and why.
    pub fn new(ranked: &RankedModel, policy: Policy, evidence: &[Group], settings: &Settings) -> Self {
        let RankedModel { model, region, ranking, standings: known } = ranked;
        let group = evidence.iter().find(|group| group.model == *model && group.region == *region);
        let providers = match group {
            Some(group) if known.is_empty() => standings(&group.providers, settings),
            _ => known.clone(),
        };
        Self {
            model: model.clone(),
            region: region.clone(),
            policy,
            providers_ranked: ranking.providers_ranked.clone(),
            scores: ranking.scores.0.iter().map(|(_, score)| *score).collect(),
            computed_at: ranking.computed_at,
            window_hours: ranking.window_hours,
            providers,
            degraded: Vec::new(),
        }
    }

    /// With the hint in force.
    #[must_use]
    pub fn under(mut self, health: Option<&Health>) -> Self {
        let degraded = health.into_iter().flat_map(|health| &health.degraded);
        self.degraded = degraded.filter(|name| self.providers_ranked.contains(name)).cloned().collect();
        self
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn as_text<S: Serializer>(moment: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(moment)
}
