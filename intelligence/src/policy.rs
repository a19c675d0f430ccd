//! How providers are scored. Each policy is a pure function of a frame of attempts ([`crate::frame`] names the columns);
//! none of them reads a clock, and none knows where attempts come from.
//!
//! | room | scores |
//! |---|---|
//! | [`documented`] | the published formula (primitives §2.3): the reference, exact |
//! | [`counted`] | that formula over files too many to sort: histograms, kept per file |
//! | [`expected`] | ours: the expected time to a usable output over the failover chain |
//! | [`evidence`] | what ours has to know of one provider: a few sums that fade, from a frame or one attempt at a time |
//! | [`sums`], [`summed`] | those sums out of a frame, and out of many files of which few are new |

pub mod counted;
pub mod documented;
pub mod evidence;
pub mod expected;
pub mod summed;
pub mod sums;

use std::fmt::{Display, Formatter};
use std::str::FromStr;

use intelligence_hints::{Ranking, Scores};
use polars::prelude::{LazyFrame, PolarsResult};
use serde::Serialize;

use crate::apart::apart;
use crate::frame::Window;
use crate::policy::expected::{Settings, Standing, standings};

/// A policy by its name in the configuration and on the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// The published formula with nearest-rank p95.
    Documented,
    /// Expected time to a usable output over the failover chain.
    #[default]
    Ours,
}

/// The ranking of one model in one region. Serialises flat: `{model, region, providers_ranked, scores, attempts_total,
/// window_hours, computed_at}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RankedModel {
    /// Public model id.
    pub model: String,
    /// Region label.
    pub region: String,
    /// What is published.
    #[serde(flatten)]
    pub ranking: Ranking,
    /// Why, best provider first; empty under the documented policy. Not published.
    #[serde(skip)]
    pub standings: Vec<Standing>,
}

/// Ranks every model of the frame under a policy, models by name. `settings` matter to [`Policy::Ours`] only.
pub fn rank(policy: Policy, facts: LazyFrame, window: Window, settings: &Settings) -> PolarsResult<Vec<RankedModel>> {
    match policy {
        Policy::Documented => apart(|| documented::read(&documented::scores(facts, window)?.collect()?, window))?,
        Policy::Ours => {
            let groups = apart(|| sums::read(&sums::sums(facts, window, settings)?.collect()?))??;
            Ok(groups.into_iter().map(|group| ranked(group, window, settings)).collect())
        }
    }
}

/// The ranking of one model under ours, from the evidence.
pub fn ranked(group: sums::Group, window: Window, settings: &Settings) -> RankedModel {
    let sums::Group { model, region, providers } = group;
    let standings = standings(&providers, settings);
    let ranking = Ranking {
        providers_ranked: standings.iter().map(|standing| standing.provider.clone()).collect(),
        scores: Scores(standings.iter().map(|standing| (standing.provider.clone(), standing.score)).collect()),
        attempts_total: standings.iter().map(|standing| standing.attempts).sum(),
        window_hours: window.hours,
        computed_at: window.now,
    };
    RankedModel { model, region, ranking, standings }
}

impl Policy {
    /// Its name in the configuration and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Documented => "documented",
            Self::Ours => "ours",
        }
    }
}

impl Display for Policy {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Policy {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "documented" => Ok(Self::Documented),
            "ours" => Ok(Self::Ours),
            _ => Err("one of documented, ours"),
        }
    }
}
