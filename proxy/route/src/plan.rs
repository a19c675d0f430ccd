//! Where one generation is on its resolved order. It only walks: whether a failure moves on is the failure's business.

use std::time::Duration;

use ledger_contract::Provider;

/// Wait before the one repeat of a single provider, in milliseconds, before the spread (api contract §10).
const REPEAT_AFTER_MS: u64 = 500;
/// How far that wait may differ, so that refused requests don't come back together: 20%.
const REPEAT_SPREAD_MS: u64 = 100;

/// A resolved order and the place on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    order: Vec<Provider>,
    place: usize,
    /// Full when it was their turn: waited for at the end, in this order.
    waiting: Vec<Provider>,
    /// The one of them that has its turn now.
    called: Option<Provider>,
    repeated: bool,
}

impl Plan {
    /// A plan at its first provider.
    pub fn new(order: Vec<Provider>) -> Self {
        Self { order, place: 0, waiting: Vec::new(), called: None, repeated: false }
    }

    /// A plan at `first`: those before it are passed over, to be waited for at the end. One that isn't on the order moves
    /// nothing.
    pub fn starting_at(order: Vec<Provider>, first: Provider) -> Self {
        let place = order.iter().position(|provider| *provider == first).unwrap_or(0);
        Self { waiting: order.iter().take(place).copied().collect(), place, ..Self::new(order) }
    }

    /// A plan taken up again: at the provider tried last (still open, or just ended), behind which the next one is; those
    /// before it that were never tried are waited for. With nothing tried it is a new plan. A tried provider that isn't
    /// on the order moves nothing.
    pub fn resume(order: Vec<Provider>, tried: &[Provider]) -> Self {
        let last = tried.iter().filter_map(|provider| order.iter().position(|other| other == provider)).max();
        let place = last.unwrap_or(0);
        let waiting = order.iter().take(place).filter(|provider| !tried.contains(provider)).copied().collect();
        let called = tried.last().filter(|provider| order.get(place) != Some(provider) && order.contains(provider));
        Self { place, waiting, called: called.copied(), repeated: tried.len() > 1 && order.len() == 1, order }
    }

    /// Who is being tried, or was tried last; `None` when the order is used up.
    pub fn current(&self) -> Option<Provider> {
        self.called.or_else(|| self.order.get(self.place).copied())
    }

    /// Moves on and says who is next; `None` when nobody is left who was not passed over, however often it is asked.
    pub fn advance(&mut self) -> Option<Provider> {
        if self.called.take().is_some() {
            // Waiting begins at the end of the order.
            self.place = self.order.len();
        } else {
            self.place = self.order.len().min(self.place.saturating_add(1));
        }
        self.current()
    }

    /// Moves on from a provider that is full: it is waited for when nobody else is left.
    pub fn pass_over(&mut self) -> Option<Provider> {
        self.waiting.extend(self.current());
        self.advance()
    }

    /// Whom to wait for, in order.
    pub fn waiting(&self) -> &[Provider] {
        &self.waiting
    }

    /// One that was waited for has its turn.
    pub fn call(&mut self, provider: Provider) {
        self.give_up(provider);
        self.called = Some(provider);
    }

    /// One that was waited for can't be tried any more.
    pub fn give_up(&mut self, provider: Provider) {
        self.waiting.retain(|other| *other != provider);
    }

    /// Nobody is waited for any more.
    pub fn stop_waiting(&mut self) {
        self.waiting.clear();
    }

    /// Takes the one repeat that a resolved order of a single provider has after a transient refusal, and says after
    /// how many milliseconds; `draw` in `[0, 1)` spreads them by ± 20%. `None` when there is no such repeat.
    pub fn repeat(&mut self, draw: f64) -> Option<u64> {
        let [_] = self.order[..] else { return None };
        if self.repeated || self.current().is_none() {
            return None;
        }
        self.repeated = true;
        // A draw that is no number is no reason to fail: the middle.
        let draw = if draw.is_finite() { draw.clamp(0.0, 1.0) } else { 0.5 };
        let spread = Duration::from_millis(2 * REPEAT_SPREAD_MS).mul_f64(draw);
        let after = Duration::from_millis(REPEAT_AFTER_MS - REPEAT_SPREAD_MS) + spread;
        Some(u64::try_from(after.as_millis()).unwrap_or(REPEAT_AFTER_MS))
    }

    /// The whole resolved order.
    pub fn order(&self) -> &[Provider] {
        &self.order
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Provider::{Bfl, Fal, Replicate};

    #[test]
    fn a_plan_walks_its_order_once() {
        let mut plan = Plan::new(vec![Bfl, Fal]);
        assert_eq!(plan.current(), Some(Bfl));
        assert_eq!(plan.advance(), Some(Fal));
        assert_eq!(plan.advance(), None);
        assert_eq!(plan.advance(), None);
        assert_eq!(plan.current(), None);
    }

    #[test]
    fn a_resumed_plan_goes_on_behind_the_last_tried_provider() {
        let order = vec![Bfl, Fal, Replicate];
        assert_eq!(Plan::resume(order.clone(), &[]), Plan::new(order.clone()));
        let mut plan = Plan::resume(order.clone(), &[Bfl, Fal]);
        assert_eq!(plan.current(), Some(Fal));
        assert_eq!(plan.advance(), Some(Replicate));
        assert_eq!(Plan::resume(order, &[Bfl, Replicate]).advance(), None);
    }

    #[test]
    fn who_is_full_is_waited_for_at_the_end() {
        let mut plan = Plan::starting_at(vec![Bfl, Fal, Replicate], Fal);
        assert_eq!((plan.current(), plan.waiting()), (Some(Fal), &[Bfl][..]));
        assert_eq!(plan.advance(), Some(Replicate));
        assert_eq!(plan.pass_over(), None);
        assert_eq!(plan.waiting(), [Bfl, Replicate]);
        plan.call(Replicate);
        assert_eq!((plan.current(), plan.waiting()), (Some(Replicate), &[Bfl][..]));
        assert_eq!(plan.advance(), None);
        plan.give_up(Bfl);
        assert_eq!(plan.waiting(), []);
    }

    #[test]
    fn a_resumed_plan_waits_for_those_that_were_passed_over() {
        let order = vec![Bfl, Fal, Replicate];
        let plan = Plan::resume(order.clone(), &[Fal]);
        assert_eq!((plan.current(), plan.waiting()), (Some(Fal), &[Bfl][..]));
        let mut plan = Plan::resume(order, &[Replicate, Bfl]);
        assert_eq!((plan.current(), plan.waiting()), (Some(Bfl), &[Fal][..]));
        assert_eq!(plan.advance(), None);
    }

    #[test]
    fn only_a_single_provider_is_repeated_and_only_once() {
        let mut alone = Plan::new(vec![Bfl]);
        assert_eq!(alone.repeat(0.0), Some(400));
        assert_eq!(alone.repeat(0.0), None);
        assert_eq!(Plan::new(vec![Bfl]).repeat(0.5), Some(500));
        assert!(Plan::new(vec![Bfl]).repeat(0.999).is_some_and(|ms| (599..=600).contains(&ms)));
        assert_eq!(Plan::new(vec![Bfl]).repeat(f64::NAN), Plan::new(vec![Bfl]).repeat(0.5));
        assert_eq!(Plan::new(vec![Bfl, Fal]).repeat(0.5), None);
        assert_eq!(Plan::resume(vec![Bfl], &[Bfl, Bfl]).repeat(0.5), None);
        assert_eq!(Plan::resume(vec![Bfl], &[Bfl]).repeat(0.5), Some(500));
    }

    #[test]
    fn an_empty_plan_has_nobody() {
        assert_eq!(Plan::new(Vec::new()).advance(), None);
    }
}
