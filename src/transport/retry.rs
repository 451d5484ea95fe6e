//! Whether a failed request is sent again, and after how long.

use super::{Response, TransportFault};
use crate::output;
use std::fmt;
use std::time::{Duration, SystemTime};

/// Retry limits of one operation: the requests that together do one thing, such as copying a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The maximum number of retries.
    pub retries: u32,
    /// The maximum time, retries included. Time in which a large body moves does not count.
    pub limit: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { retries: 8, limit: Duration::from_secs(300) }
    }
}

/// The number of attempts that an operation has made, and their time. Shown only if there was more than one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attempts {
    /// The number of attempts.
    pub count: u32,
    /// The time from the start of the first to the end of the last.
    pub time: Duration,
}

impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            0 | 1 => Ok(()),
            count => write!(f, " ({count} attempts in {})", output::seconds(self.time)),
        }
    }
}

/// The wait after the first failure; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The maximum wait, whatever `Retry-After` says.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The maximum number of retries after failures to connect: a wrong host name never recovers.
const CONNECT_RETRIES: u32 = 2;

/// Whether a request is worth sending again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retryable {
    /// It succeeded, or would fail again.
    No,
    /// The failure may be temporary; the server may have said how long it lasts.
    Yes { retry_after: Option<Duration> },
    /// There was no connection.
    Unreachable,
}

impl Retryable {
    /// A temporary failure.
    pub(super) fn after(retry_after: Option<Duration>) -> Self {
        Self::Yes { retry_after }
    }

    /// Classifies a response.
    pub(super) fn of_response(response: &Response, now: SystemTime) -> Self {
        if response.is_permanent {
            return Self::No;
        }
        let retry_after = response.header("retry-after").and_then(|value| parse_retry_after(value, now));
        Self::of_status(response.status, retry_after)
    }

    /// Classifies a status code: overload and temporary failures are retried.
    pub(super) fn of_status(status: u16, retry_after: Option<Duration>) -> Self {
        match status {
            408 | 429 | 500 | 502 | 503 | 504 => Self::Yes { retry_after },
            _ => Self::No,
        }
    }

    /// Classifies a missing response. Every request to a registry can safely be sent twice.
    pub(super) fn of_fault(fault: &TransportFault) -> Self {
        match fault {
            TransportFault::Connect(_) | TransportFault::ConnectTimeout | TransportFault::Proxy { .. } => {
                Self::Unreachable
            }
            TransportFault::Timeout | TransportFault::Broken(_) => Self::after(None),
            TransportFault::Tls(_)
            | TransportFault::Certificate(_)
            | TransportFault::NotTls
            | TransportFault::Certificates(_)
            | TransportFault::BadProxy { .. }
            | TransportFault::TooNear(_)
            | TransportFault::TooLarge(_)
            | TransportFault::BadHeader(_) => Self::No,
        }
    }
}

/// The attempts of an operation that have failed for a temporary reason.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Failures {
    pub(super) count: u32,
    /// Those without a connection.
    unreachable: u32,
}

impl Failures {
    /// With one more attempt, if it has failed for a temporary reason.
    pub(super) fn and(self, outcome: Retryable) -> Self {
        let (failed, unreachable) = (outcome != Retryable::No, outcome == Retryable::Unreachable);
        Self { count: self.count + u32::from(failed), unreachable: self.unreachable + u32::from(unreachable) }
    }
}

/// How long to wait before the next attempt; none if there is to be none. `failures` includes the last one, `spent`
/// is the operation's time so far, and `jitter`, from 0 to 1, keeps many clients from returning at the same moment.
pub(super) fn wait(
    policy: RetryPolicy,
    failure: Retryable,
    failures: Failures,
    spent: Duration,
    jitter: f64,
) -> Option<Duration> {
    let retry_after = match failure {
        Retryable::No => return None,
        Retryable::Yes { retry_after } => retry_after,
        Retryable::Unreachable => None,
    };
    if failures.count > policy.retries || failures.unreachable > CONNECT_RETRIES {
        return None;
    }
    let doubled = FIRST_WAIT.saturating_mul(1 << failures.count.saturating_sub(1).min(16)).min(LONGEST_WAIT);
    let backoff = doubled.mul_f64(0.5 + jitter / 2.0);
    let wait = retry_after.map_or(backoff, |asked| asked.min(LONGEST_WAIT).max(backoff));
    (spent + wait < policy.limit).then_some(wait)
}

/// Seconds, or a date (RFC 9110 section 10.2.3).
fn parse_retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value.trim()).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The wait after so many equal failures.
    fn waited(failure: Retryable, failed: u32, jitter: f64) -> Option<u128> {
        let failures = (0..failed).fold(Failures::default(), |failures, _| failures.and(failure));
        wait(RetryPolicy::default(), failure, failures, Duration::ZERO, jitter).map(|wait| wait.as_millis())
    }

    #[test]
    fn waits_double_up_to_a_limit_and_vary() {
        let temporary = Retryable::after(None);
        let longest: Vec<_> = (1..=8).map(|failed| waited(temporary, failed, 1.0).unwrap()).collect();
        assert_eq!(longest, [250, 500, 1000, 2000, 4000, 8000, 16000, 30000]);
        assert_eq!(waited(temporary, 1, 0.0), Some(125));
    }

    #[test]
    fn retries_end() {
        assert_eq!(waited(Retryable::after(None), 9, 1.0), None);
        assert_eq!(waited(Retryable::No, 1, 1.0), None);
        let unreachable = Retryable::of_fault(&TransportFault::Connect(String::new()));
        assert!(waited(unreachable, 2, 1.0).is_some() && waited(unreachable, 3, 1.0).is_none());
        let policy = RetryPolicy { retries: 8, limit: Duration::from_secs(1) };
        let (temporary, first) = (Retryable::after(None), Failures { count: 1, unreachable: 0 });
        assert_eq!(wait(policy, temporary, first, Duration::from_millis(800), 1.0), None);
    }

    #[test]
    fn failures_to_connect_count_beside_others() {
        let (unreachable, temporary) = (Retryable::Unreachable, Retryable::after(None));
        let after_others = Failures::default().and(temporary).and(temporary).and(temporary).and(unreachable);
        assert!(wait(RetryPolicy::default(), unreachable, after_others, Duration::ZERO, 1.0).is_some());
    }

    #[test]
    fn the_server_may_say_when_within_reason() {
        let asked = |seconds| waited(Retryable::after(Some(Duration::from_secs(seconds))), 1, 1.0).unwrap();
        assert_eq!((asked(0), asked(2), asked(3600)), (250, 2000, 30000));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sat, 21 Nov 2026 10:00:00 GMT").unwrap();
        let read = |value| parse_retry_after(value, now).map(|wait| wait.as_secs());
        assert_eq!(read("7"), Some(7));
        assert_eq!(read("Sat, 21 Nov 2026 10:00:09 GMT"), Some(9));
        assert_eq!(read("Sat, 21 Nov 2026 09:00:00 GMT"), Some(0));
        assert_eq!(read("soon"), None);
    }
}
