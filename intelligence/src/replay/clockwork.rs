//! The events of a replay, in order of time and, at one moment, in the order they were made.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use ledger_contract::AttemptOutcome;

use super::{Advisor, Asked, Attempt, Ended, Front, Nature, Open, Served, Timing};
use crate::scenario::Request;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrival(usize),
    End(usize),
    Rank,
    Health,
    Refresh,
}

/// An attempt in flight and what it will come to.
#[derive(Clone, Copy, Debug)]
struct Flight {
    open: Open,
    ended: Ended,
    cost: f64,
}

/// A request that isn't done.
#[derive(Debug)]
struct Going {
    order: Vec<usize>,
    place: usize,
    flight: Option<Flight>,
    served: Served,
}

struct Clockwork<'a, N, F> {
    nature: &'a N,
    front: &'a mut F,
    advisor: &'a mut dyn Advisor,
    timing: Timing,
    requests: &'a [Request],
    going: Vec<Option<Going>>,
    events: BinaryHeap<Reverse<(i64, u64, Event)>>,
    made: u64,
    rankings: Vec<Option<Vec<usize>>>,
    degraded: Vec<usize>,
    served: Vec<Served>,
}

/// Lets `requests`, which are in order of time, meet an advisor behind a front; in the order they ended.
pub fn replay<N: Nature, F: Front>(
    nature: &N,
    front: &mut F,
    advisor: &mut dyn Advisor,
    requests: &[Request],
    timing: Timing,
) -> Vec<Served> {
    let mut clockwork = Clockwork {
        nature,
        front,
        advisor,
        timing,
        requests,
        going: Vec::new(),
        events: BinaryHeap::new(),
        made: 0,
        rankings: vec![None; nature.models()],
        degraded: Vec::new(),
        served: Vec::with_capacity(requests.len()),
    };
    clockwork.run();
    clockwork.served
}

impl<N: Nature, F: Front> Clockwork<'_, N, F> {
    fn run(&mut self) {
        let (Some(first), Some(last)) = (self.requests.first(), self.requests.last()) else { return };
        let last_ms = last.at_ms;
        self.going.resize_with(self.requests.len(), || None);
        // Before the first request the job has run for a day, and the proxy has read what it published.
        for event in [Event::Rank, Event::Health, Event::Refresh] {
            self.push(first.at_ms, event);
        }
        self.push(first.at_ms, Event::Arrival(0));
        while let Some(Reverse((now_ms, _, event))) = self.events.pop() {
            match event {
                Event::Arrival(index) => self.arrive(index, now_ms),
                Event::End(index) => self.end(index, now_ms),
                Event::Rank | Event::Health | Event::Refresh if now_ms > last_ms => {}
                Event::Rank => {
                    let open = self.open();
                    self.advisor.rank(now_ms, &open);
                    self.push(now_ms + self.timing.rank_ms, event);
                }
                Event::Health => {
                    let open = self.open();
                    self.advisor.watch(now_ms, &open);
                    self.push(now_ms + self.timing.health_ms, event);
                }
                Event::Refresh => {
                    for (model, ranking) in self.rankings.iter_mut().enumerate() {
                        *ranking = self.advisor.published(model);
                    }
                    self.degraded = self.advisor.degraded();
                    self.push(now_ms + self.timing.refresh_ms, event);
                }
            }
        }
    }

    fn push(&mut self, at_ms: i64, event: Event) {
        self.made += 1;
        self.events.push(Reverse((at_ms, self.made, event)));
    }

    fn open(&self) -> Vec<Open> {
        if !self.advisor.looks_at_open() {
            return Vec::new();
        }
        self.events
            .iter()
            .filter_map(|Reverse((_, _, event))| match event {
                Event::End(index) => self.going[*index].as_ref()?.flight.map(|flight| flight.open),
                _ => None,
            })
            .collect()
    }

    fn arrive(&mut self, index: usize, now_ms: i64) {
        if index + 1 < self.requests.len() {
            self.push(self.requests[index + 1].at_ms, Event::Arrival(index + 1));
        }
        let request = &self.requests[index];
        let eligible: Vec<(usize, usize)> = (0..self.nature.offers(request.model))
            .filter(|offer| self.nature.is_there(request.model, *offer, now_ms))
            .map(|offer| (offer, self.nature.provider(request.model, offer)))
            .collect();
        let immediate = self.advisor.immediate(request.model, now_ms);
        let ranked = immediate.as_deref().or(self.rankings[request.model].as_deref());
        let order = self.front.order(&Asked {
            request,
            eligible: &eligible,
            ranked,
            degraded: &self.degraded,
            explore: self.advisor.explores(),
            now_ms,
        });
        let served = Served {
            id: request.id,
            model: request.model,
            at_ms: request.at_ms,
            tried: Vec::new(),
            delivered: false,
            took_ms: 0,
            wasted_cost: 0.0,
            cost: 0.0,
            impatient: request.patience_ms.is_some(),
        };
        self.submit(index, Going { order, place: 0, flight: None, served }, now_ms);
    }

    /// Tries the next provider that is let through; without one the request is over.
    fn submit(&mut self, index: usize, mut going: Going, now_ms: i64) {
        let request = &self.requests[index];
        while let Some(offer) = going.order.get(going.place).copied() {
            going.place += 1;
            let provider = self.nature.provider(request.model, offer);
            let Some(trial) = self.nature.trial(request, offer, now_ms) else { continue };
            let Some(probe) = self.front.admit(provider, now_ms) else { continue };
            going.served.tried.push(offer);
            let leaves_ms = request.patience_ms.map_or(i64::MAX, |patience| request.at_ms + patience).max(now_ms);
            let ends_ms = now_ms + trial.took_ms;
            let (outcome, error) =
                if leaves_ms < ends_ms { (AttemptOutcome::Cancelled, None) } else { (trial.outcome, trial.error) };
            let open = Open { model: request.model, offer, provider, submitted_ms: now_ms };
            going.flight = Some(Flight { open, ended: Ended { outcome, error, probe }, cost: trial.cost });
            self.going[index] = Some(going);
            self.push(ends_ms.min(leaves_ms), Event::End(index));
            return;
        }
        going.served.took_ms = now_ms - request.at_ms + self.timing.unserved_ms;
        self.served.push(going.served);
    }

    fn end(&mut self, index: usize, now_ms: i64) {
        let Some(mut going) = self.going[index].take() else { return };
        let Some(Flight { open, ended, cost }) = going.flight.take() else { return };
        self.front.settle(open.provider, now_ms, &ended);
        self.advisor.learn(&Attempt {
            model: open.model,
            offer: open.offer,
            provider: open.provider,
            submitted_ms: open.submitted_ms,
            resolved_ms: now_ms,
            outcome: ended.outcome,
            error: ended.error,
            cost,
        });
        going.served.cost += cost;
        match ended.outcome {
            AttemptOutcome::Used => going.served.delivered = true,
            AttemptOutcome::Cancelled => going.served.wasted_cost += cost,
            _ => {
                going.served.wasted_cost += cost;
                return self.submit(index, going, now_ms);
            }
        }
        going.served.took_ms = now_ms - self.requests[index].at_ms;
        self.served.push(going.served);
    }
}
