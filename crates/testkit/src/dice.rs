//! Repeatable chance: the same seed gives the same throws, on every machine.

use std::env;

/// The seed that is used unless `MFST_SEED` names another; results are recorded for it.
pub const DEFAULT_SEED: u64 = 28_02_02;

/// The seed to use.
pub fn seed() -> u64 {
    env::var("MFST_SEED").map_or(DEFAULT_SEED, |text| text.parse().expect("MFST_SEED is a number"))
}

/// `SplitMix64`: small, and good enough to pick test cases.
pub struct Dice(u64);

impl Dice {
    /// Starts the sequence of this seed.
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

    /// True `percent` times in a hundred.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of them.
    pub fn pick<T: ?Sized>(&mut self, from: &[&'static T]) -> &'static T {
        from[self.below(from.len())]
    }
}
