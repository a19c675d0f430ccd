//! Providers that don't exist, over time: eight stories, each with as many variations as there are seeds. The same name
//! and seed are the same world for ever. It decides nothing and writes nothing.
//!
//! Time runs in milliseconds from the beginning of what is measured; the day before it, from [`HISTORY_MS`] on, is what a
//! policy may have learned from.

mod behaviour;
mod stories;

use ledger_contract::{AttemptOutcome, ErrorCode, Provider};

pub use behaviour::{Behaviour, Course, Turn};

use crate::draw::Draws;

/// What every world begins with: a day of attempts.
pub const HISTORY_MS: i64 = -86_400_000;
/// Share of customers who cancel when it takes them too long.
const IMPATIENT: f64 = 0.02;
/// How long those wait on average.
const PATIENCE_MS: f64 = 8_000.0;

/// A story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scenario {
    /// Nothing changes.
    Steady,
    /// The best provider fails and slows down for twenty minutes, then is itself again.
    BrownOut,
    /// The best provider gets slower, bit by bit, until it is the worst.
    SlowDrift,
    /// The best provider falls over and gets up every few minutes.
    Flapping,
    /// A provider nobody has seen appears, and is the best.
    NewProvider,
    /// A model that is asked for once in a minute or two, beside a busy one.
    RareModel,
    /// The best provider multiplies its price while another is just as fast.
    PriceChange,
    /// All providers refuse for ten minutes and come back.
    TotalOutage,
}

impl Scenario {
    /// Every story, in the order of the tables.
    pub const ALL: [Self; 8] = [
        Self::Steady,
        Self::BrownOut,
        Self::SlowDrift,
        Self::Flapping,
        Self::NewProvider,
        Self::RareModel,
        Self::PriceChange,
        Self::TotalOutage,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::BrownOut => "brown-out",
            Self::SlowDrift => "slow-drift",
            Self::Flapping => "flapping",
            Self::NewProvider => "new-provider",
            Self::RareModel => "rare-model",
            Self::PriceChange => "price-change",
            Self::TotalOutage => "total-outage",
        }
    }
}

/// One provider of one model.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Who.
    pub provider: Provider,
    /// How it does over time.
    pub course: Course,
}

/// One model: how often it is asked for, and who offers it, in static order.
#[derive(Clone, Debug)]
pub struct Demand {
    /// Public model id.
    pub model: &'static str,
    /// Mean time between two requests.
    pub every_ms: f64,
    /// Who offers it.
    pub offers: Vec<Offer>,
}

/// One variation of a story.
#[derive(Clone, Debug)]
pub struct World {
    /// Models; the first is the one that is measured.
    pub demands: Vec<Demand>,
    /// Length of what is measured.
    pub duration_ms: i64,
    /// When the best provider of the first model goes bad, and when it is itself again; for stories that have this.
    pub trouble: Option<(i64, i64)>,
    draws: Draws,
}

/// A customer's wish.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// Its place in the world; names its draws.
    pub id: u64,
    /// Index of the model.
    pub model: usize,
    /// When.
    pub at_ms: i64,
    /// After how long the customer cancels, if ever.
    pub patience_ms: Option<i64>,
}

/// What a provider makes of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trial {
    /// `used` or `failed`.
    pub outcome: AttemptOutcome,
    /// Why it failed.
    pub error: Option<ErrorCode>,
    /// From submission to resolution.
    pub took_ms: i64,
    /// What the provider asks for it, in dollars; refusals are free.
    pub cost: f64,
}

impl World {
    /// The variation of a story that belongs to a seed.
    pub fn new(scenario: Scenario, seed: u64) -> Self {
        stories::tell(scenario, Draws::new(seed))
    }

    /// All requests from `from_ms` to the end, `rarer` times as rare as the demand says, in order of time.
    pub fn requests(&self, from_ms: i64, until_ms: i64, rarer: f64) -> Vec<Request> {
        let mut requests = Vec::new();
        for (model, demand) in self.demands.iter().enumerate() {
            let draws = self.draws.of(1).of(model.try_into().unwrap_or(0)).of(from_ms.unsigned_abs());
            let (mut at_ms, mut index) = (from_ms, 0);
            loop {
                at_ms += whole(draws.exponential(index, demand.every_ms * rarer)).max(1);
                index += 1;
                if at_ms >= until_ms {
                    break;
                }
                let impatient = draws.of(1).unit(index) < IMPATIENT;
                let patience_ms = impatient.then(|| whole(draws.of(2).exponential(index, PATIENCE_MS)).max(1));
                requests.push(Request { id: 0, model, at_ms, patience_ms });
            }
        }
        requests.sort_by_key(|request| (request.at_ms, request.model));
        for (id, request) in (0..).zip(&mut requests) {
            request.id = id;
        }
        requests
    }

    /// What the `offer`-th provider of the request's model makes of it at `at_ms`; `None` while it isn't there. Whoever
    /// asks gets the same answer.
    pub fn trial(&self, request: &Request, offer: usize, at_ms: i64) -> Option<Trial> {
        let behaviour = self.demands.get(request.model)?.offers.get(offer)?.course.at(at_ms)?;
        let side = u64::from(request.at_ms < 0);
        Some(behaviour.trial(self.draws.of(2 + side).of(request.id).of(offer.try_into().unwrap_or(0))))
    }

    /// Draws that belong to this world and to nothing in it.
    pub fn draws(&self) -> Draws {
        self.draws.of(99)
    }
}

/// Milliseconds as a whole number.
#[expect(clippy::cast_possible_truncation, reason = "clamped to what both types hold exactly")]
pub(crate) fn whole(millis: f64) -> i64 {
    if millis.is_nan() { 0 } else { millis.clamp(-9.0e15, 9.0e15).round() as i64 }
}

/// A whole number of milliseconds as a float; exact for any time a world knows.
#[expect(clippy::cast_precision_loss, reason = "exact up to 285,000 years")]
pub(crate) fn float(millis: i64) -> f64 {
    millis as f64
}
