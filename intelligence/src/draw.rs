//! Draws that can be repeated: every number is a function of a seed and of what it is drawn for, so two policies that ask
//! the same question get the same answer, in whatever order they ask. Not a secret, and no state.

use std::f64::consts::TAU;

/// A family of draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draws(u64);

impl Draws {
    /// The family of one seed.
    pub fn new(seed: u64) -> Self {
        Self(mixed(seed ^ 0x9e37_79b9_7f4a_7c15))
    }

    /// The family of one thing within this one.
    #[must_use]
    pub fn of(self, thing: u64) -> Self {
        Self(mixed(self.0 ^ mixed(thing.wrapping_add(0x9e37_79b9_7f4a_7c15))))
    }

    /// In `[0, 1)`, evenly.
    pub fn unit(self, index: u64) -> f64 {
        let high = u32::try_from(self.of(index).0 >> 32).unwrap_or(u32::MAX);
        f64::from(high) / (f64::from(u32::MAX) + 1.0)
    }

    /// In `[low, high)`, evenly.
    pub fn between(self, index: u64, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit(index)
    }

    /// From the standard normal distribution.
    pub fn normal(self, index: u64) -> f64 {
        let (radius, angle) = (self.of(index).unit(0), self.of(index).unit(1));
        (-2.0 * (1.0 - radius).ln()).sqrt() * (TAU * angle).cos()
    }

    /// From the exponential distribution of this mean.
    pub fn exponential(self, index: u64, mean: f64) -> f64 {
        -mean * (1.0 - self.unit(index)).ln()
    }

    /// One of `0..count`, evenly; 0 when there is nothing to choose from.
    pub fn one_of(self, index: u64, count: usize) -> usize {
        let count = u128::try_from(count).unwrap_or(u128::MAX);
        usize::try_from((u128::from(self.of(index).0) * count) >> 64).unwrap_or(0)
    }

    /// `0..count` in a random order.
    pub fn shuffled(self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        for (index, place) in (1..count).rev().enumerate() {
            order.swap(place, self.one_of(index.try_into().unwrap_or(0), place + 1));
        }
        order
    }
}

/// The finaliser of splitmix64.
fn mixed(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_repeat_and_spread() {
        let draws = Draws::new(7);
        assert_eq!(draws.of(3), Draws::new(7).of(3));
        let count = 20_000_u32;
        let mean = (0..count).map(|index| draws.unit(index.into())).sum::<f64>() / f64::from(count);
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        let normal: Vec<f64> = (0..count).map(|index| draws.normal(index.into())).collect();
        let variance = normal.iter().map(|value| value * value).sum::<f64>() / f64::from(count);
        assert!((variance - 1.0).abs() < 0.05, "{variance}");
    }

    #[test]
    fn a_shuffle_loses_nobody() {
        let mut order = Draws::new(1).shuffled(9);
        assert_ne!(order, (0..9).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..9).collect::<Vec<_>>());
    }
}
