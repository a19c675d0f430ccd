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
    repeated: bool,
}

impl Plan {
    /// A plan at its first provider.
    pub fn new(order: Vec<Provider>) -> Self {
        Self { order, place: 0, repeated: false }
    }

    /// A plan taken up again: at the provider tried last (still open, or just ended), behind which the next one is.
    /// With nothing tried it is a new plan. A tried provider that isn't on the order moves nothing.
    pub fn resume(order: Vec<Provider>, tried: &[Provider]) -> Self {
        let last = tried.iter().filter_map(|provider| order.iter().position(|other| other == provider)).max();
        Self { place: last.unwrap_or(0), repeated: tried.len() > 1 && order.len() == 1, order }
    }

    /// Who is being tried, or was tried last; `None` when the order is used up.
    pub fn current(&self) -> Option<Provider> {
        self.order.get(self.place).copied()
    }

    /// Moves on and says who is next; `None` when nobody is left, however often it is asked.
    pub fn advance(&mut self) -> Option<Provider> {
        self.place = self.order.len().min(self.place.saturating_add(1));
        self.current()
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
