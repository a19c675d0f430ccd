//! A histogram of latencies with 128 buckets to a factor of two: quantiles within 0.4%, in bounded memory, added to and
//! taken from in any order. No sort and no logarithm: the bucket is the upper bits of the number, so ten million attempts
//! cost ten million increments.

/// How many bits of a float's fraction name a bucket.
const FRACTION_BITS: u32 = 7;
/// Bits of a float below those.
const SHIFT: u32 = f64::MANTISSA_DIGITS - 1 - FRACTION_BITS;
/// What 1 ms has in its upper bits; below it is bucket 0.
const ONE: u64 = 1.0_f64.to_bits() >> SHIFT;
/// Enough for 1 ms to 2²⁹ ms (six days); beyond, the last bucket holds everything.
const BUCKETS: usize = 29 * (1 << FRACTION_BITS) + 1;

/// Counts of latencies. An empty one holds no memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: Vec<u32>,
    total: u64,
}

impl Histogram {
    /// Counts a latency; below 1 ms is 0.
    pub fn add(&mut self, latency_ms: f64) {
        if self.counts.is_empty() {
            self.counts = vec![0; BUCKETS];
        }
        let count = &mut self.counts[bucket(latency_ms)];
        *count = count.saturating_add(1);
        self.total += 1;
    }

    /// Takes back a latency that was counted.
    pub fn remove(&mut self, latency_ms: f64) {
        if let Some(count) = self.counts.get_mut(bucket(latency_ms)).filter(|count| **count > 0) {
            *count -= 1;
            self.total -= 1;
        }
    }

    /// Adds another's counts.
    pub fn merge(&mut self, other: &Self) {
        if self.counts.is_empty() {
            self.counts.clone_from(&other.counts);
        } else {
            for (count, more) in self.counts.iter_mut().zip(&other.counts) {
                *count = count.saturating_add(*more);
            }
        }
        self.total += other.total;
    }

    /// How many latencies it holds.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The nearest-rank quantile, `sorted[ceil(share × n) − 1]`, to within 0.4%; `None` when empty.
    pub fn nearest_rank(&self, share: Share) -> Option<f64> {
        let rank = (self.total * u64::from(share.0)).div_ceil(100).max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= rank {
                return Some(middle(bucket));
            }
        }
        None
    }
}

/// A share in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(pub u32);

/// 0 for what is below 1 ms or no number.
fn bucket(latency_ms: f64) -> usize {
    if latency_ms >= 1.0 {
        usize::try_from((latency_ms.to_bits() >> SHIFT) - ONE + 1).map_or(BUCKETS - 1, |bucket| bucket.min(BUCKETS - 1))
    } else {
        0
    }
}

/// As far from one edge as from the other.
fn middle(bucket: usize) -> f64 {
    let Some(above) = bucket.checked_sub(1).and_then(|bucket| u64::try_from(bucket).ok()) else { return 0.0 };
    let edge = |above: u64| f64::from_bits((ONE + above) << SHIFT);
    f64::midpoint(edge(above), edge(above + 1))
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )]
    use super::*;
    use crate::draw::Draws;

    #[test]
    fn quantiles_are_within_four_thousandths_of_nearest_rank() {
        let draws = Draws::new(5);
        let mut latencies: Vec<f64> = (0..9_973).map(|index| (3_000.0 * draws.normal(index).exp()).round()).collect();
        let mut histogram = Histogram::default();
        for latency in &latencies {
            histogram.add(*latency);
        }
        latencies.sort_by(f64::total_cmp);
        for percent in [1, 50, 95, 99, 100] {
            let exact = latencies[(latencies.len() * percent).div_ceil(100) - 1];
            let found = histogram.nearest_rank(Share(percent as u32)).unwrap();
            assert!((found / exact - 1.0).abs() <= 0.004, "p{percent}: {found} for {exact}");
        }
    }

    #[test]
    fn what_is_removed_was_never_there_and_halves_add_up() {
        let (mut left, mut right, mut whole) = Default::default();
        for index in 0..1_000_u32 {
            let latency = f64::from(index * index);
            Histogram::add(if index % 2 == 0 { &mut left } else { &mut right }, latency);
            Histogram::add(&mut whole, latency);
        }
        left.add(77.0);
        left.remove(77.0);
        left.merge(&right);
        assert_eq!(left, whole);
        assert_eq!(Histogram::default().nearest_rank(Share(95)), None);
    }
}
