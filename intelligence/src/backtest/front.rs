//! The front as a backtest models it: order, exploration and circuit breaker of the contract's §10, in the fewest lines
//! that behave so. The product's own are in `proxy-route`, which this package may not know.

use std::collections::VecDeque;

use ledger_contract::AttemptOutcome;

use super::Recorded;
use crate::draw::Draws;
use crate::policy::evidence::COUNTED_CODES;
use crate::replay::{Asked, Ended, Front};

/// Share of requests that explore.
const EXPLORATION_SHARE: f64 = 0.02;
const WINDOW_MS: i64 = 300_000;
const MIN_ATTEMPTS: usize = 10;
const OPEN_MS: i64 = 30_000;
const PROBES_TO_CLOSE: u32 = 3;

/// One proxy with a breaker per provider.
#[derive(Clone, Debug)]
pub struct Proxy {
    breakers: Vec<Breaker>,
    draws: Draws,
}

#[derive(Clone, Debug, Default)]
struct Breaker {
    /// When, and whether it failed.
    recent: VecDeque<(i64, bool)>,
    open_until_ms: Option<i64>,
    probing: bool,
    probes: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open,
    HalfOpen,
}

impl Proxy {
    /// All breakers closed.
    pub fn new(recorded: &Recorded) -> Self {
        let providers = recorded.names().iter().map(|(_, offers)| offers.len()).sum::<usize>();
        Self { breakers: vec![Breaker::default(); providers], draws: Draws::new(1) }
    }

    /// Whom this request explores: half of the draws ask those in trouble first, half those who aren't.
    fn explored(&self, offers: &[(usize, usize)], asked: &Asked<'_>) -> Option<usize> {
        let draw = self.draws.unit(asked.request.id);
        if !asked.explore || draw >= EXPLORATION_SHARE {
            return None;
        }
        let troubled_first = draw < EXPLORATION_SHARE / 2.0;
        let least = offers.iter().min_by_key(|(offer, provider)| {
            let breaker = &self.breakers[*provider];
            let trouble = breaker.state(asked.now_ms) != State::Closed || asked.degraded.contains(provider);
            let ranked = asked.ranked.is_some_and(|ranked| ranked.contains(offer));
            (trouble != troubled_first, ranked, breaker.counted(asked.now_ms).0)
        });
        least.map(|(offer, _)| *offer)
    }
}

impl Front for Proxy {
    fn order(&mut self, asked: &Asked<'_>) -> Vec<usize> {
        let mut offers: Vec<(usize, usize)> = asked.eligible.to_vec();
        offers.retain(|(_, provider)| self.breakers[*provider].state(asked.now_ms) != State::Open);
        let explored = self.explored(&offers, asked);
        let place = |offer: usize| asked.ranked.and_then(|ranked| ranked.iter().position(|ranked| *ranked == offer));
        offers.sort_by_key(|(offer, provider)| {
            let recovering = self.breakers[*provider].state(asked.now_ms) == State::HalfOpen;
            let degraded = asked.degraded.contains(provider);
            (explored != Some(*offer), recovering, degraded, place(*offer).unwrap_or(usize::MAX))
        });
        offers.into_iter().map(|(offer, _)| offer).collect()
    }

    fn admit(&mut self, provider: usize, now_ms: i64) -> Option<bool> {
        let breaker = &mut self.breakers[provider];
        match breaker.state(now_ms) {
            State::Closed => Some(false),
            State::HalfOpen if !breaker.probing => {
                breaker.probing = true;
                Some(true)
            }
            State::Open | State::HalfOpen => None,
        }
    }

    fn settle(&mut self, provider: usize, now_ms: i64, ended: &Ended) {
        let breaker = &mut self.breakers[provider];
        let counted = ended.error.is_some_and(|error| COUNTED_CODES.contains(&error.code()));
        let neutral = ended.outcome != AttemptOutcome::Used && !counted;
        if ended.probe {
            breaker.end_probe(now_ms, (!neutral).then_some(counted));
        } else if !neutral {
            breaker.add(now_ms, counted);
        }
    }
}

impl Breaker {
    fn state(&self, now_ms: i64) -> State {
        match self.open_until_ms {
            None => State::Closed,
            Some(until_ms) if now_ms < until_ms => State::Open,
            Some(_) => State::HalfOpen,
        }
    }

    /// Attempts and failures in the window.
    fn counted(&self, now_ms: i64) -> (usize, usize) {
        let recent = self.recent.iter().filter(|(at_ms, _)| *at_ms > now_ms - WINDOW_MS);
        recent.fold((0, 0), |(all, failures), (_, failed)| (all + 1, failures + usize::from(*failed)))
    }

    fn add(&mut self, now_ms: i64, failed: bool) {
        while self.recent.pop_front_if(|(at_ms, _)| *at_ms <= now_ms - WINDOW_MS).is_some() {}
        self.recent.push_back((now_ms, failed));
        let (all, failures) = self.counted(now_ms);
        if self.open_until_ms.is_none() && all >= MIN_ATTEMPTS && failures * 2 >= all {
            self.open_until_ms = Some(now_ms + OPEN_MS);
            self.probes = 0;
        }
    }

    fn end_probe(&mut self, now_ms: i64, failed: Option<bool>) {
        self.probing = false;
        match failed {
            None => {}
            Some(true) => (self.open_until_ms, self.probes) = (Some(now_ms + OPEN_MS), 0),
            Some(false) if self.probes + 1 < PROBES_TO_CLOSE => self.probes += 1,
            Some(false) => *self = Self::default(),
        }
    }
}
