//! The product's own front: `proxy-route`'s resolution, exploration draw and circuit breakers, behind the replay's seam.

use std::collections::HashMap;

use intelligence::replay::{Asked, Ended, Front};
use intelligence_hints::{Ranking, Scores};
use ledger_contract::{AttemptOutcome, Provider, Timestamp};
use proxy_route::{Admission, Breaker, Candidate, Exploration, Order, Verdict, resolve, verdict};

/// As in `proxy/defaults.toml`.
const EXPLORATION_SHARE: f64 = 0.02;

/// One proxy.
#[derive(Default)]
pub struct Route {
    breakers: Vec<Breaker>,
    rankings: HashMap<Vec<Provider>, Ranking>,
    seed: u64,
}

impl Route {
    /// Everything closed. The seed stands in for the request ids.
    pub fn new(seed: u64) -> Self {
        Self { breakers: vec![Breaker::new(); Provider::ALL.len()], rankings: HashMap::new(), seed }
    }
}

impl Front for Route {
    fn order(&mut self, asked: &Asked<'_>) -> Vec<usize> {
        let now = Timestamp(asked.now_ms);
        let name = |(_, provider): &(usize, usize)| Provider::ALL[*provider];
        let eligible: Vec<Provider> = asked.eligible.iter().map(name).collect();
        let offer =
            |provider: Provider| asked.eligible.iter().find(|known| name(known) == provider).map(|(offer, _)| *offer);
        let candidates: Vec<Candidate> = asked
            .eligible
            .iter()
            .map(|(_, provider)| Candidate {
                provider: Provider::ALL[*provider],
                state: self.breakers[*provider].state(now),
                configured: true,
                degraded: asked.degraded.contains(provider),
                attempts: self.breakers[*provider].window(now).total_attempts,
            })
            .collect();
        let ranked = asked.ranked.map(|offers| {
            let ranked = offers.iter().filter_map(|offer| asked.eligible.iter().find(|known| known.0 == *offer));
            ranked.map(name).collect::<Vec<_>>()
        });
        let ranking = ranked.map(|ranked| &*self.rankings.entry(ranked.clone()).or_insert_with(|| ranking(&ranked)));
        let id = format!("{:016x}{:016x}", self.seed, asked.request.id);
        let explore = asked.explore.then(|| Exploration::from_request_id(&id, EXPLORATION_SHARE));
        let order = resolve(Order::Fastest, &eligible, ranking, &candidates, explore);
        order.into_iter().filter_map(offer).collect()
    }

    fn admit(&mut self, provider: usize, now_ms: i64) -> Option<bool> {
        match self.breakers[provider].admit(Timestamp(now_ms)) {
            Admission::Normal => Some(false),
            Admission::Probe => Some(true),
            Admission::Refused => None,
        }
    }

    fn settle(&mut self, provider: usize, now_ms: i64, ended: &Ended) {
        let verdict = match (ended.outcome, ended.error) {
            (AttemptOutcome::Used, _) => Verdict::Success,
            (_, Some(code)) => verdict(code),
            (_, None) => Verdict::Neutral,
        };
        self.breakers[provider].record(Timestamp(now_ms), verdict, ended.probe);
    }
}

fn ranking(order: &[Provider]) -> Ranking {
    let names: Vec<String> = order.iter().map(|provider| provider.as_str().to_owned()).collect();
    let scores = Scores(names.iter().map(|name| (name.clone(), 0.0)).collect());
    Ranking { providers_ranked: names, scores, attempts_total: 0, window_hours: 24, computed_at: Timestamp(0) }
}
