//! The rate of transfers over the last seconds.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How far back the rate looks.
const WINDOW: Duration = Duration::from_secs(5);
/// The shortest time that a rate is computed from.
const SHORTEST: Duration = Duration::from_secs(1);

/// Totals of bytes moved, at several moments of the last seconds.
#[derive(Debug, Default)]
pub(super) struct Rate {
    samples: VecDeque<(Instant, u64)>,
}

impl Rate {
    /// Adds the total at a moment. One that is lower than the last starts over: it belongs to a new attempt.
    pub(super) fn sample(&mut self, now: Instant, total: u64) {
        if self.samples.back().is_some_and(|(_, last)| total < *last) {
            self.samples.clear();
        }
        self.samples.push_back((now, total));
        // One sample from before the window stays, so that the rate is that of the whole window.
        while self.samples.get(1).is_some_and(|(time, _)| now.saturating_duration_since(*time) >= WINDOW) {
            self.samples.pop_front();
        }
    }

    /// Bytes per second; none while it is unknown or nothing moves.
    pub(super) fn per_second(&self) -> Option<u64> {
        let ((start, first), (end, last)) = (self.samples.front()?, self.samples.back()?);
        let time = end.saturating_duration_since(*start);
        let rate = (last - first).saturating_mul(1000) / u64::try_from(time.as_millis()).ok()?.max(1);
        (time >= SHORTEST && rate > 0).then_some(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rate after these totals, one a second.
    fn rate(totals: impl IntoIterator<Item = u64>) -> Option<u64> {
        let (mut rate, start) = (Rate::default(), Instant::now());
        for (second, total) in totals.into_iter().enumerate() {
            rate.sample(start + Duration::from_secs(second as u64), total);
        }
        rate.per_second()
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let fast_then_slow = (0..10).map(|second| second * 1000).chain((1..=6).map(|second| 9000 + second * 10));
        assert_eq!(rate(fast_then_slow), Some(10));
    }

    #[test]
    fn the_rate_is_unknown_at_first_and_when_nothing_moves() {
        assert_eq!(rate([0]), None);
        assert_eq!(rate([7; 20]), None);
        assert_eq!(rate([0, 500]), Some(500));
    }

    #[test]
    fn a_new_attempt_does_not_make_the_rate_negative() {
        assert_eq!(rate([0, 1000, 0, 500]), Some(500));
    }
}
