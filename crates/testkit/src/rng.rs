//! Random numbers that are the same on every machine for the same seed.

use std::env;

/// The seed unless `MFST_SEED` is set. Docker's results are recorded for it.
pub const DEFAULT_SEED: u64 = 28_02_02;

/// The seed from `MFST_SEED`, or [`DEFAULT_SEED`].
pub fn seed() -> u64 {
    env::var("MFST_SEED").map_or(DEFAULT_SEED, |text| text.parse().expect("MFST_SEED is a number"))
}

/// The `SplitMix64` generator.
pub struct Rng(u64);

impl Rng {
    /// A generator that starts with this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("a number below a usize is one")
    }

    /// True with a probability of `percent` %.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of `from`.
    pub fn pick<T: ?Sized>(&mut self, from: &[&'static T]) -> &'static T {
        from[self.below(from.len())]
    }
}
