//! In which order the providers of one generation are tried (api contract §10, rules 1–6). It never fails because a
//! hint is missing, and it never adds a provider that wasn't eligible.

use intelligence_hints::Ranking;
use ledger_contract::Provider;

use crate::BreakerState;

/// What the customer asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Adaptive: the eligible providers are in static order and may be moved.
    Fastest,
    /// The eligible providers are the customer's list, in the customer's order.
    Explicit,
}

/// What is known of one provider right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Who.
    pub provider: Provider,
    /// Where its breaker stands.
    pub state: BreakerState,
    /// Whether we have what it takes to call it, and nobody switched it off.
    pub configured: bool,
    /// Whether a fresh health hint calls it degraded.
    pub degraded: bool,
    /// Counted attempts in the breaker's window: how much evidence there is beside the ranking.
    pub attempts: u64,
}

/// The draw for the exploration share. The same request always draws the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exploration {
    /// In `[0, 1)`.
    pub draw: f64,
    /// Share of requests that explore, `0.0`–`1.0`.
    pub share: f64,
}

impl Exploration {
    /// Draws from a request's id, so that a repeat of the decision is the same decision.
    pub fn from_request_id(request_id: &str, share: f64) -> Self {
        Self { draw: draw(request_id), share }
    }

    fn happens(self) -> bool {
        self.draw < self.share
    }
}

/// The order to try providers in: subset of `eligible`, nobody twice. Providers that are open, not configured or
/// without a candidate are out. Empty: nobody is left (BSE4009).
///
/// `eligible` is the static order, or the customer's own list under [`Order::Explicit`], which only loses providers.
/// `ranking` is `None` when there is none that is fresh and valid, or when adaptive routing is switched off.
pub fn resolve(
    order: Order,
    eligible: &[Provider],
    ranking: Option<&Ranking>,
    candidates: &[Candidate],
    explore: Option<Exploration>,
) -> Vec<Provider> {
    let available = available(eligible, candidates);
    match order {
        Order::Explicit => available.into_iter().map(|candidate| candidate.provider).collect(),
        Order::Fastest => fastest(available, ranking, explore),
    }
}

/// Whether a configuration text switches adaptive routing off.
pub fn is_switched_off(text: &str) -> bool {
    matches!(text.trim().to_ascii_lowercase().as_str(), "false" | "0" | "off" | "disabled")
}

fn available(eligible: &[Provider], candidates: &[Candidate]) -> Vec<Candidate> {
    let mut kept: Vec<Candidate> = Vec::with_capacity(eligible.len());
    for provider in eligible {
        let known = candidates.iter().find(|candidate| candidate.provider == *provider);
        let usable = known.filter(|candidate| candidate.configured && candidate.state != BreakerState::Open);
        if let Some(candidate) = usable.filter(|_| kept.iter().all(|other| other.provider != *provider)) {
            kept.push(*candidate);
        }
    }
    kept
}

/// Sorting is stable, so whoever ties stays in static order. Whom this request explores goes first whatever is said of
/// them: that is how one in trouble is found to be well again.
fn fastest(mut order: Vec<Candidate>, ranking: Option<&Ranking>, explore: Option<Exploration>) -> Vec<Provider> {
    let explored = explore.filter(|draw| draw.happens()).and_then(|draw| least_evidence(&order, ranking, draw));
    order.sort_by_key(|candidate| {
        let recovering = candidate.state == BreakerState::HalfOpen;
        (explored != Some(candidate.provider), recovering, candidate.degraded, place(ranking, candidate.provider))
    });
    order.into_iter().map(|candidate| candidate.provider).collect()
}

/// Providers the ranking doesn't know stand behind those it does.
fn place(ranking: Option<&Ranking>, provider: Provider) -> usize {
    let ranked = ranking.map_or(&[][..], |ranking| &ranking.providers_ranked);
    ranked.iter().position(|name| name == provider.as_str()).unwrap_or(usize::MAX)
}

/// Whom to learn about: unranked before ranked, then the fewest attempts, then static order. One half of the draws asks
/// those in trouble first, since nothing else does and they can't show that they are back; the other half asks those who
/// aren't, so that a provider in trouble for days doesn't take all there is to learn with.
fn least_evidence(order: &[Candidate], ranking: Option<&Ranking>, draw: Exploration) -> Option<Provider> {
    let troubled_first = draw.draw < draw.share / 2.0;
    let in_trouble = |candidate: &Candidate| candidate.state != BreakerState::Closed || candidate.degraded;
    order
        .iter()
        .min_by_key(|candidate| {
            let ranked = place(ranking, candidate.provider) != usize::MAX;
            (in_trouble(candidate) != troubled_first, ranked, candidate.attempts)
        })
        .map(|candidate| candidate.provider)
}

/// FNV-1a with a final mix, scaled to `[0, 1)`. Not a secret: it only has to spread.
fn draw(text: &str) -> f64 {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let high = u32::try_from((mixed ^ (mixed >> 33)) >> 32).unwrap_or(u32::MAX);
    f64::from(high) / (f64::from(u32::MAX) + 1.0)
}
