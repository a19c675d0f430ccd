//! One region of the system in simulated time: requests arrive, a policy advises, a front decides who is tried, providers
//! answer, the policy learns. Event by event, without a clock and without luck, so that two policies meet the same world.
//!
//! What is modelled: the job publishes a ranking every [`Timing::rank_ms`] and a health hint every [`Timing::health_ms`];
//! the proxy reads both every [`Timing::refresh_ms`] and holds them until the next reading; a policy learns of an attempt
//! when it ends, and knows of those in flight; a request tries one provider after another until one delivers, the
//! customer leaves, or nobody is left. What isn't: load that slows a provider down, limits on what runs at once, and the
//! wait for places.

mod advisor;
mod clockwork;
mod figures;
mod ours;

use ledger_contract::{AttemptOutcome, ErrorCode};

pub use advisor::{Advisor, Documented, LowestLatency, Oracle, Static};
pub use clockwork::replay;
pub use figures::Figures;
pub use ours::Ours;

use crate::scenario::{Request, Trial, World};

/// Where requests and answers come from.
pub trait Nature {
    /// How many models there are.
    fn models(&self) -> usize;
    /// Providers of a model, in static order.
    fn offers(&self, model: usize) -> usize;
    /// What all models' providers are called, for those who judge a provider whatever the model: the same number is the
    /// same provider.
    fn provider(&self, model: usize, offer: usize) -> usize;
    /// What an offer makes of a request at a moment; `None` while it isn't there.
    fn trial(&self, request: &Request, offer: usize, at_ms: i64) -> Option<Trial>;
    /// Expected time per output of an offer at a moment, for the oracle; `None` while it isn't there.
    fn index_ms(&self, model: usize, offer: usize, at_ms: i64) -> Option<f64>;
    /// Whether an offer is there at a moment.
    fn is_there(&self, model: usize, offer: usize, at_ms: i64) -> bool {
        self.index_ms(model, offer, at_ms).is_some()
    }
}

/// What decides at the front: who is tried in which order, and who isn't tried at all.
pub trait Front {
    /// Offers to try, best first. `ranked`: the advice in force, best first, possibly not about everyone. `degraded`: the
    /// providers a hint calls so. `explore`: whether this policy's requests take part in exploration.
    fn order(&mut self, asked: &Asked<'_>) -> Vec<usize>;
    /// Asks for an attempt; `None` is a refusal, `Some(true)` a probe.
    fn admit(&mut self, provider: usize, now_ms: i64) -> Option<bool>;
    /// Says how an admitted attempt ended.
    fn settle(&mut self, provider: usize, now_ms: i64, ended: &Ended);
}

/// A question for the front.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Whose request.
    pub request: &'a Request,
    /// Offers that are there: index within the model and the provider's number.
    pub eligible: &'a [(usize, usize)],
    /// Offers in the policy's order; `None` without a ranking.
    pub ranked: Option<&'a [usize]>,
    /// Providers' numbers.
    pub degraded: &'a [usize],
    /// Whether exploration applies.
    pub explore: bool,
    /// When.
    pub now_ms: i64,
}

/// How an attempt ended, for the front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How.
    pub outcome: AttemptOutcome,
    /// Why.
    pub error: Option<ErrorCode>,
    /// As what it was admitted.
    pub probe: bool,
}

/// One ended attempt, for a policy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attempt {
    /// Index of the model.
    pub model: usize,
    /// Index of the offer within it.
    pub offer: usize,
    /// The provider's number.
    pub provider: usize,
    /// When it was sent.
    pub submitted_ms: i64,
    /// When it ended.
    pub resolved_ms: i64,
    /// How.
    pub outcome: AttemptOutcome,
    /// Why.
    pub error: Option<ErrorCode>,
    /// Dollars.
    pub cost: f64,
}

/// An attempt in flight, for a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// Index of the model.
    pub model: usize,
    /// Index of the offer within it.
    pub offer: usize,
    /// The provider's number.
    pub provider: usize,
    /// When it was sent.
    pub submitted_ms: i64,
}

/// How often things happen, and what is counted for a request nobody served.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// Between two rankings.
    pub rank_ms: i64,
    /// Between two health hints.
    pub health_ms: i64,
    /// Between two readings of the hints by the proxy.
    pub refresh_ms: i64,
    /// What a request that nobody served costs its customer beside the time it took.
    pub unserved_ms: i64,
}

impl Default for Timing {
    /// The product's defaults.
    fn default() -> Self {
        Self { rank_ms: 60_000, health_ms: 5_000, refresh_ms: 5_000, unserved_ms: 60_000 }
    }
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Served {
    /// Its number.
    pub id: u64,
    /// Index of the model.
    pub model: usize,
    /// When it came.
    pub at_ms: i64,
    /// Who was tried, in order.
    pub tried: Vec<usize>,
    /// Whether one of them delivered.
    pub delivered: bool,
    /// Time to the output; to the end and [`Timing::unserved_ms`] when there was none.
    pub took_ms: i64,
    /// Dollars for attempts that brought nothing.
    pub wasted_cost: f64,
    /// Dollars for all attempts.
    pub cost: f64,
    /// Whether the customer is one who may cancel: such requests end early under slow policies and are left out of means.
    pub impatient: bool,
}

impl Nature for World {
    fn models(&self) -> usize {
        self.demands.len()
    }

    fn offers(&self, model: usize) -> usize {
        self.demands.get(model).map_or(0, |demand| demand.offers.len())
    }

    fn provider(&self, model: usize, offer: usize) -> usize {
        let provider = self.demands.get(model).and_then(|demand| demand.offers.get(offer)).map(|offer| offer.provider);
        provider.and_then(|provider| ledger_contract::Provider::ALL.iter().position(|p| *p == provider)).unwrap_or(0)
    }

    fn trial(&self, request: &Request, offer: usize, at_ms: i64) -> Option<Trial> {
        self.trial(request, offer, at_ms)
    }

    fn index_ms(&self, model: usize, offer: usize, at_ms: i64) -> Option<f64> {
        let behaviour = self.demands.get(model)?.offers.get(offer)?.course.at(at_ms)?;
        Some(behaviour.index_ms())
    }
}
