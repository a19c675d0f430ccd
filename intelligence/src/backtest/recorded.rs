//! What was recorded, as a world to replay in: see [`crate::backtest`] for what it answers when asked for what wasn't.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ledger_contract::{AttemptOutcome, ErrorCode, Timestamp};

use crate::csv;
use crate::draw::Draws;
use crate::frame::Fact;
use crate::replay::{Attempt, Nature};
use crate::scenario::{Request, Trial, float, whole};

/// How many recorded attempts nearest to a moment an answer is drawn from.
const NEAREST: usize = 20;
/// Even a provider that always failed among those may succeed: taken as this share of a success.
const HOPE: f64 = 0.2;

/// Submissions and what came of them.
type Trials = Vec<(i64, Trial)>;

/// Attempts by model and provider, in order of submission.
#[derive(Clone, Debug)]
pub struct Recorded {
    models: Vec<Model>,
    providers: Vec<String>,
    /// All that are resolved, in order of resolution.
    attempts: Vec<Attempt>,
    /// Model and time of every first attempt.
    arrivals: Vec<(usize, i64)>,
    draws: Draws,
}

#[derive(Clone, Debug)]
struct Model {
    name: String,
    offers: Vec<Offer>,
}

#[derive(Clone, Debug)]
struct Offer {
    provider: usize,
    trials: Trials,
}

impl Recorded {
    /// Reads a CSV file's attempts of one region. Providers stand in the order of their names, which is the static order
    /// of the replay.
    pub fn read(path: &Path, region: &str) -> anyhow::Result<Self> {
        let facts = csv::read_file(path)?;
        let first = csv::first_attempts(path, facts.len())?;
        let here = facts.iter().zip(first).filter(|(fact, _)| &*fact.region == region);
        Ok(Self::of(&here.collect::<Vec<_>>()))
    }

    /// Facts, and whether each is the first attempt of its generation.
    fn of(facts: &[(&Fact, bool)]) -> Self {
        let providers: Vec<String> = facts
            .iter()
            .map(|(fact, _)| &*fact.provider)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .map(str::to_owned)
            .collect();
        let mut models: BTreeMap<&str, BTreeMap<usize, Trials>> = BTreeMap::new();
        let number = |fact: &Fact| providers.binary_search_by(|name| name.as_str().cmp(&fact.provider)).unwrap_or(0);
        for (fact, _) in facts {
            let offers = models.entry(&fact.model).or_default();
            let trials = offers.entry(number(fact)).or_default();
            trials.extend(trial(fact).map(|trial| (fact.submitted_at.0, trial)));
        }
        let models: Vec<Model> = models.into_iter().map(|(name, offers)| Model::of(name, offers)).collect();
        let place = |fact: &Fact| {
            let model = models.binary_search_by(|model| model.name.as_str().cmp(&fact.model)).unwrap_or(0);
            let offer = models[model].offers.iter().position(|offer| offer.provider == number(fact));
            (model, offer.unwrap_or(0))
        };
        let mut attempts: Vec<Attempt> =
            facts.iter().filter_map(|(fact, _)| attempt(fact, place(fact), number(fact))).collect();
        attempts.sort_by_key(|attempt| attempt.resolved_ms);
        let mut arrivals: Vec<(usize, i64)> =
            facts.iter().filter(|(_, first)| *first).map(|(fact, _)| (place(fact).0, fact.submitted_at.0)).collect();
        arrivals.sort_by_key(|(model, at_ms)| (*at_ms, *model));
        Self { models, providers, attempts, arrivals, draws: Draws::new(0) }
    }

    /// When half of the requests had come.
    pub fn middle(&self) -> Timestamp {
        Timestamp(self.arrivals.get(self.arrivals.len() / 2).map_or(0, |(_, at_ms)| *at_ms))
    }

    /// Every request from `since` on, in order of time.
    pub fn requests(&self, since: Timestamp) -> Vec<Request> {
        let later = self.arrivals.iter().filter(|(_, at_ms)| *at_ms >= since.0);
        (0..)
            .zip(later)
            .map(|(id, (model, at_ms))| Request { id, model: *model, at_ms: *at_ms, patience_ms: None })
            .collect()
    }

    /// Attempts that had ended by `since`, in order of their end.
    pub fn before(&self, since: Timestamp) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter().take_while(move |attempt| attempt.resolved_ms < since.0)
    }

    /// Model ids and their providers.
    pub fn names(&self) -> Vec<(String, Vec<String>)> {
        let named = |model: &Model| model.offers.iter().map(|offer| self.providers[offer.provider].clone()).collect();
        self.models.iter().map(|model| (model.name.clone(), named(model))).collect()
    }

    /// The trials nearest to a moment; none before a provider's first.
    fn nearest(&self, model: usize, offer: usize, at_ms: i64) -> Option<&[(i64, Trial)]> {
        let trials = &self.models.get(model)?.offers.get(offer)?.trials;
        if trials.first().is_none_or(|(first_ms, _)| *first_ms > at_ms) {
            return None;
        }
        let middle = trials.partition_point(|(submitted_ms, _)| *submitted_ms < at_ms);
        let from = middle.saturating_sub(NEAREST / 2).min(trials.len().saturating_sub(NEAREST));
        Some(&trials[from..trials.len().min(from + NEAREST)])
    }
}

impl Nature for Recorded {
    fn models(&self) -> usize {
        self.models.len()
    }

    fn offers(&self, model: usize) -> usize {
        self.models.get(model).map_or(0, |model| model.offers.len())
    }

    fn provider(&self, model: usize, offer: usize) -> usize {
        self.models.get(model).and_then(|model| model.offers.get(offer)).map_or(0, |offer| offer.provider)
    }

    fn trial(&self, request: &Request, offer: usize, at_ms: i64) -> Option<Trial> {
        let nearest = self.nearest(request.model, offer, at_ms)?;
        let draw = self.draws.of(request.id).one_of(offer.try_into().unwrap_or(0), nearest.len());
        nearest.get(draw).map(|(_, trial)| *trial)
    }

    fn index_ms(&self, model: usize, offer: usize, at_ms: i64) -> Option<f64> {
        let nearest = self.nearest(model, offer, at_ms)?;
        let spent: i64 = nearest.iter().map(|(_, trial)| trial.took_ms).sum();
        let used = nearest.iter().filter(|(_, trial)| trial.outcome == AttemptOutcome::Used).count();
        Some(float(spent) / float(i64::try_from(used).unwrap_or(0)).max(HOPE))
    }

    fn is_there(&self, model: usize, offer: usize, at_ms: i64) -> bool {
        self.nearest(model, offer, at_ms).is_some()
    }
}

impl Model {
    fn of(name: &str, offers: BTreeMap<usize, Trials>) -> Self {
        let offers = offers.into_iter().map(|(provider, mut trials)| {
            trials.sort_by_key(|(submitted_ms, _)| *submitted_ms);
            Offer { provider, trials }
        });
        Self { name: name.to_owned(), offers: offers.collect() }
    }
}

/// What a recorded attempt says of its provider; nothing when the customer ended it or it hasn't ended.
fn trial(fact: &Fact) -> Option<Trial> {
    let outcome = match fact.outcome {
        AttemptOutcome::Used => AttemptOutcome::Used,
        AttemptOutcome::Failed | AttemptOutcome::Discarded => AttemptOutcome::Failed,
        AttemptOutcome::Pending | AttemptOutcome::Cancelled => return None,
    };
    let took_ms = whole(fact.latency_ms.filter(|latency| *latency >= 0.0)?);
    Some(Trial { outcome, error: error(fact), took_ms, cost: fact.estimated_cost.unwrap_or(0.0) })
}

fn attempt(fact: &Fact, (model, offer): (usize, usize), provider: usize) -> Option<Attempt> {
    let (submitted_ms, resolved_ms) = (fact.submitted_at.0, fact.resolved_at?.0);
    let cost = fact.estimated_cost.unwrap_or(0.0);
    Some(Attempt { model, offer, provider, submitted_ms, resolved_ms, outcome: fact.outcome, error: error(fact), cost })
}

fn error(fact: &Fact) -> Option<ErrorCode> {
    let code = fact.error_code.as_deref()?;
    ErrorCode::ALL.iter().copied().find(|known| known.code() == code)
}
