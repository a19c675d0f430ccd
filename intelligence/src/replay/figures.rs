//! What is read off one replay: times, successes, waste.

use serde::Serialize;

use super::Served;
use crate::scenario::float;

/// Figures of many requests; those of customers who may leave are left out, since they end early when it takes long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Requests counted.
    pub requests: usize,
    /// Mean time to output.
    pub mean_ms: f64,
    /// Nearest-rank 95th percentile of the time to output.
    pub p95_ms: f64,
    /// Share whose first attempt delivered.
    pub first_try: f64,
    /// Share nobody served.
    pub unserved: f64,
    /// Dollars for attempts that brought nothing, per thousand requests.
    pub wasted_per_thousand: f64,
    /// Dollars in all, per thousand requests.
    pub cost_per_thousand: f64,
}

impl Figures {
    /// Of the requests that `counts` says.
    pub fn of(served: &[Served], counts: impl Fn(&Served) -> bool) -> Self {
        let counted: Vec<&Served> = served.iter().filter(|served| !served.impatient && counts(served)).collect();
        let requests = counted.len();
        let count = float(i64::try_from(requests.max(1)).unwrap_or(i64::MAX));
        let mut times: Vec<i64> = counted.iter().map(|served| served.took_ms).collect();
        times.sort_unstable();
        let mean = |value: &dyn Fn(&Served) -> f64| counted.iter().map(|served| value(served)).sum::<f64>() / count;
        let flag = |yes: bool| if yes { 1.0 } else { 0.0 };
        Self {
            requests,
            mean_ms: mean(&|served| float(served.took_ms)),
            p95_ms: times.get((requests * 95).div_ceil(100).saturating_sub(1)).map_or(0.0, |ms| float(*ms)),
            first_try: mean(&|served| flag(served.delivered && served.tried.len() == 1)),
            unserved: mean(&|served| flag(!served.delivered)),
            wasted_per_thousand: 1000.0 * mean(&|served| served.wasted_cost),
            cost_per_thousand: 1000.0 * mean(&|served| served.cost),
        }
    }
}
