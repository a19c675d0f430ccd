//! A sliding window of results in bounded memory: one bucket a second, however many results a second brings.

use std::collections::VecDeque;

use ledger_contract::Timestamp;

/// Length of the window in seconds (api contract §10).
pub(crate) const WINDOW_S: i64 = 300;

/// What the window holds, as the health endpoint shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Counted attempts: failures and successes.
    pub total_attempts: u64,
    /// Counted failures.
    pub failures: u64,
    /// Counted successes.
    pub successes: u64,
    /// How far back it looks.
    pub duration_seconds: u64,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    second: i64,
    failures: u64,
    successes: u64,
}

/// Results by second, oldest first. A result leaves between 300 and 301 seconds after it came: the price of
/// never holding more than 302 buckets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Results {
    buckets: VecDeque<Bucket>,
}

impl Results {
    /// Counts one result. A clock that steps back counts into the newest bucket.
    pub(crate) fn add(&mut self, now: Timestamp, failed: bool) {
        let oldest = oldest_second(now);
        while self.buckets.front().is_some_and(|bucket| bucket.second < oldest) {
            self.buckets.pop_front();
        }
        let second = now.0.div_euclid(1000);
        if self.buckets.back().is_none_or(|newest| newest.second < second) {
            self.buckets.push_back(Bucket { second, failures: 0, successes: 0 });
        }
        if let Some(newest) = self.buckets.back_mut() {
            newest.failures += u64::from(failed);
            newest.successes += u64::from(!failed);
        }
    }

    /// Sums what is still in the window at `now`.
    pub(crate) fn sum(&self, now: Timestamp) -> Window {
        let oldest = oldest_second(now);
        let mut sum =
            Window { total_attempts: 0, failures: 0, successes: 0, duration_seconds: WINDOW_S.unsigned_abs() };
        for bucket in self.buckets.iter().filter(|bucket| bucket.second >= oldest) {
            sum.failures += bucket.failures;
            sum.successes += bucket.successes;
        }
        sum.total_attempts = sum.failures + sum.successes;
        sum
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.buckets.clear();
    }

    #[cfg(test)]
    fn buckets(&self) -> usize {
        self.buckets.len()
    }
}

fn oldest_second(now: Timestamp) -> i64 {
    now.0.div_euclid(1000) - WINDOW_S
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_by_seconds_not_by_results() {
        let mut results = Results::default();
        for millis in 0..1_000_000_i64 {
            results.add(Timestamp(millis), millis % 2 == 0);
        }
        assert!(results.buckets() <= 302);
        let sum = results.sum(Timestamp(999_999));
        assert_eq!(sum.total_attempts, 301_000);
        assert_eq!(sum.failures, 150_500);
    }

    #[test]
    fn a_result_leaves_the_window_after_five_minutes() {
        let mut results = Results::default();
        results.add(Timestamp(10_500), true);
        assert_eq!(results.sum(Timestamp(310_500)).failures, 1);
        assert_eq!(results.sum(Timestamp(311_000)).failures, 0);
    }

    #[test]
    fn a_clock_that_steps_back_loses_nothing() {
        let mut results = Results::default();
        results.add(Timestamp(50_000), true);
        results.add(Timestamp(40_000), false);
        assert_eq!(results.sum(Timestamp(40_000)).total_attempts, 2);
    }
}
