//! What one operation may spend: time and attempts. All its requests share them, so that retries do not multiply.

use super::TransportFault;
use super::retry::{self, Attempts, Failures, RetryPolicy, Retryable};
use std::cell::Cell;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a server may send nothing, and take nothing of what it is sent.
const STALL_LIMIT: Duration = Duration::from_secs(60);
/// How many bytes of a large body must move per second. While they do, the operation's clock stands still.
const MINIMUM_RATE: u64 = 4 * 1024;
/// How often limits that move are looked at.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// The time and the attempts of one operation.
#[derive(Debug)]
pub(super) struct Budget {
    policy: RetryPolicy,
    pub(super) clock: Clock,
    failures: Cell<Failures>,
}

impl Budget {
    pub(super) fn new(policy: RetryPolicy) -> Self {
        Self { policy, clock: Clock::start(policy.limit), failures: Cell::default() }
    }

    /// How long to wait before another attempt; none if there is to be none.
    pub(super) fn next_wait(&self, failed: Retryable) -> Option<Duration> {
        let failures = self.failures.get().and(failed);
        self.failures.set(failures);
        retry::wait(self.policy, failed, failures, self.clock.elapsed(), fastrand::f64())
    }

    /// The number of retries so far.
    pub(super) fn retries(&self) -> u32 {
        self.failures.get().count
    }

    /// The attempts so far, with one that has just ended.
    pub(super) fn attempts(&self) -> Attempts {
        Attempts { count: self.retries() + 1, time: self.clock.0.started.elapsed() }
    }
}

/// The clock of an operation, which stands still while a large body moves. Clones are one clock: the bodies of its
/// requests and responses have one too.
#[derive(Debug, Clone)]
pub(super) struct Clock(Arc<Times>);

/// Times are in microseconds since the start.
#[derive(Debug)]
struct Times {
    limit: Duration,
    started: Instant,
    excluded: AtomicU64,
    /// Up to when the body's time has been excluded.
    settled: AtomicU64,
    /// Since when a chunk of an upload is waiting to be taken; `NOTHING` if none is.
    waiting: AtomicU64,
}

const NOTHING: u64 = u64::MAX;

impl Clock {
    fn start(limit: Duration) -> Self {
        let (excluded, settled, waiting) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(NOTHING));
        Self(Arc::new(Times { limit, started: Instant::now(), excluded, settled, waiting }))
    }

    fn now(&self) -> u64 {
        micros(self.0.started.elapsed())
    }

    /// The time that counts.
    fn elapsed(&self) -> Duration {
        Duration::from_micros(self.now().saturating_sub(self.0.excluded.load(Ordering::Relaxed)))
    }

    fn exclude(&self, time: Duration) {
        self.0.excluded.fetch_add(micros(time), Ordering::Relaxed);
    }

    /// Waits for something without counting the time: a slot among the requests to a host, or memory.
    pub(super) async fn uncounted<T>(&self, work: impl Future<Output = T>) -> T {
        let started = Instant::now();
        let done = work.await;
        self.exclude(started.elapsed());
        done
    }

    /// Waits for a server, but no longer than `limit` and than the operation's time.
    pub(super) async fn within<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Result<T, TransportFault> {
        let started = Instant::now();
        self.wait(work, || limit.saturating_sub(started.elapsed())).await
    }

    /// Waits for a server that may be silent for a minute.
    pub(super) async fn answer<T>(&self, work: impl Future<Output = T>) -> Result<T, TransportFault> {
        self.within(STALL_LIMIT, work).await
    }

    /// Waits for a server to take a large body and to answer: for as long as it goes on taking, and then for as long as
    /// the operation's time lasts, because storing what is large takes long.
    pub(super) async fn upload<T>(&self, work: impl Future<Output = T>) -> Result<T, TransportFault> {
        self.wait(work, || self.idle().map_or(Duration::MAX, |idle| STALL_LIMIT.saturating_sub(idle))).await
    }

    async fn wait<T>(
        &self,
        work: impl Future<Output = T>,
        other_limit: impl Fn() -> Duration,
    ) -> Result<T, TransportFault> {
        let mut work = pin!(work);
        loop {
            let left = self.0.limit.saturating_sub(self.elapsed()).min(other_limit());
            match tokio::time::timeout(left.min(CHECK_INTERVAL), work.as_mut()).await {
                Ok(done) => return Ok(done),
                Err(_) if left.is_zero() => return Err(TransportFault::Timeout),
                Err(_) => {}
            }
        }
    }

    /// Notes that a body begins to move.
    pub(super) fn begin(&self) {
        self.0.settled.store(self.now(), Ordering::Relaxed);
    }

    /// Notes that so many bytes of a body have moved. The time since the last ones does not count, as far as it was fast
    /// enough.
    pub(super) fn moved(&self, bytes: usize) {
        let now = self.now();
        let time = now.saturating_sub(self.0.settled.swap(now, Ordering::Relaxed));
        self.exclude(Duration::from_micros(fast_enough(time, bytes)));
    }

    /// Notes whether a chunk of an upload is waiting for the server to take it.
    pub(super) fn set_waiting(&self, is_waiting: bool) {
        self.0.waiting.store(if is_waiting { self.now() } else { NOTHING }, Ordering::Relaxed);
    }

    /// How long a chunk has been waiting to be taken.
    fn idle(&self) -> Option<Duration> {
        let waiting = self.0.waiting.load(Ordering::Relaxed);
        (waiting != NOTHING).then(|| Duration::from_micros(self.now().saturating_sub(waiting)))
    }
}

/// How much of the time, in microseconds, was fast enough for so many bytes.
fn fast_enough(time: u64, bytes: usize) -> u64 {
    time.min((bytes as u64).saturating_mul(1_000_000) / MINIMUM_RATE)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
    }

    fn budget(retries: u32, millis: u64) -> Budget {
        Budget::new(RetryPolicy { retries, limit: Duration::from_millis(millis) })
    }

    #[test]
    fn all_requests_of_an_operation_share_its_attempts() {
        let budget = budget(3, 60_000);
        let again = || budget.next_wait(Retryable::after(None)).is_some();
        assert_eq!([again(), again(), again(), again()], [true, true, true, false]);
    }

    #[test]
    fn all_requests_of_an_operation_share_its_time() {
        let budget = budget(8, 50);
        let waits = async || budget.clock.answer(std::future::pending::<()>()).await;
        assert_eq!(run(waits()), Err(TransportFault::Timeout));
        assert_eq!(run(waits()), Err(TransportFault::Timeout));
        assert!(budget.clock.elapsed() < Duration::from_secs(30));
        assert_eq!(budget.next_wait(Retryable::after(None)), None);
    }

    #[test]
    fn time_in_which_a_body_is_fast_enough_does_not_count() {
        let rate = usize::try_from(MINIMUM_RATE).unwrap();
        assert_eq!(fast_enough(1_000_000, rate), 1_000_000);
        assert_eq!(fast_enough(1_000_000, 100 * rate), 1_000_000);
        assert_eq!(fast_enough(10_000_000, rate), 1_000_000);
        assert_eq!(fast_enough(10_000_000, 1), 244);
        assert_eq!(fast_enough(u64::MAX, usize::MAX), (usize::MAX as u64) / MINIMUM_RATE);
    }

    #[test]
    fn no_time_is_excluded_twice() {
        let clock = Clock::start(Duration::MAX);
        clock.begin();
        std::thread::sleep(Duration::from_millis(2));
        for _ in 0..1000 {
            clock.clone().moved(usize::MAX);
        }
        let excluded = clock.0.excluded.load(Ordering::Relaxed);
        assert!((2_000..=clock.now()).contains(&excluded), "{excluded}");
    }

    #[test]
    fn waiting_for_our_own_limits_does_not_count() {
        let clock = Clock::start(Duration::MAX);
        run(clock.uncounted(async { tokio::time::sleep(Duration::from_millis(20)).await }));
        assert!(clock.0.excluded.load(Ordering::Relaxed) >= 20_000);
    }
}
