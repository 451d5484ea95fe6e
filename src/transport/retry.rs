//! When a request is worth another try, and after how long.

use super::{Response, TransportFault};
use crate::output;
use std::fmt;
use std::time::{Duration, SystemTime};

/// How much is put up with before an error is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often a request is tried again.
    pub retries: u32,
    /// How long the tries of one request may take in all.
    pub limit: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { retries: 8, limit: Duration::from_secs(300) }
    }
}

/// How often a request was sent, and how long that took in all. It is shown only if that was more than once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attempts {
    /// The number of attempts.
    pub count: u32,
    /// The time from the first to the end of the last.
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

/// The wait after the first failure; it doubles with every further one.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// No wait is longer, whoever asks for it.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Who cannot be connected to at all is tried less often: a mistyped name stays one.
const CONNECT_RETRIES: u32 = 2;

/// What is known after a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retryable {
    /// Another try would end the same way, or this one has succeeded.
    Final,
    /// Another try may end better; the server may have said when.
    Transient { retry_after: Option<Duration>, retries: u32 },
}

/// Judges an answer by its status: overload and passing faults are worth another try.
pub(super) fn classify_response(response: &Response, now: SystemTime) -> Retryable {
    let retry_after = response.header("retry-after").and_then(|value| parse_retry_after(value, now));
    classify_status(response.status, retry_after)
}

pub(super) fn classify_status(status: u16, retry_after: Option<Duration>) -> Retryable {
    match status {
        408 | 429 | 500 | 502 | 503 | 504 => Retryable::Transient { retry_after, retries: u32::MAX },
        _ => Retryable::Final,
    }
}

/// Judges a missing answer. Everything that is sent to a registry may be sent twice.
pub(super) fn classify_fault(fault: &TransportFault) -> Retryable {
    match fault {
        TransportFault::Connect(_) | TransportFault::Proxy { .. } => {
            Retryable::Transient { retry_after: None, retries: CONNECT_RETRIES }
        }
        TransportFault::Timeout | TransportFault::Broken(_) => {
            Retryable::Transient { retry_after: None, retries: u32::MAX }
        }
        TransportFault::Tls(_)
        | TransportFault::Certificate(_)
        | TransportFault::Certificates(_)
        | TransportFault::NotTls
        | TransportFault::TooLarge(_)
        | TransportFault::BadHeader(_) => Retryable::Final,
    }
}

/// How long to wait before another try; none if there is to be none. `attempts` counts the tries so far, `spent` is the
/// time they took, `jitter` is a number from 0 to 1 that keeps many clients from coming back at the same moment.
pub(super) fn wait(
    retry_policy: RetryPolicy,
    retryable: Retryable,
    attempts: u32,
    spent: Duration,
    jitter: f64,
) -> Option<Duration> {
    let Retryable::Transient { retry_after, retries } = retryable else { return None };
    if attempts > retry_policy.retries.min(retries) {
        return None;
    }
    let doubled = FIRST_WAIT.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(LONGEST_WAIT);
    let own = doubled.mul_f64(0.5 + jitter / 2.0);
    let wait = retry_after.map_or(own, |asked| asked.min(LONGEST_WAIT).max(own));
    (spent + wait < retry_policy.limit).then_some(wait)
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

    const TRANSIENT: Retryable = Retryable::Transient { retry_after: None, retries: u32::MAX };

    fn waited(retryable: Retryable, attempts: u32, jitter: f64) -> Option<u128> {
        wait(RetryPolicy::default(), retryable, attempts, Duration::ZERO, jitter).map(|wait| wait.as_millis())
    }

    #[test]
    fn waits_double_up_to_a_limit_and_vary() {
        let longest: Vec<_> = (1..=8).map(|attempts| waited(TRANSIENT, attempts, 1.0).unwrap()).collect();
        assert_eq!(longest, [250, 500, 1000, 2000, 4000, 8000, 16000, 30000]);
        assert_eq!(waited(TRANSIENT, 1, 0.0), Some(125));
    }

    #[test]
    fn patience_ends() {
        assert_eq!(waited(TRANSIENT, 9, 1.0), None);
        assert_eq!(waited(Retryable::Final, 1, 1.0), None);
        let connect = classify_fault(&TransportFault::Connect(String::new()));
        assert!(waited(connect, 2, 1.0).is_some() && waited(connect, 3, 1.0).is_none());
        let retry_policy = RetryPolicy { retries: 8, limit: Duration::from_secs(1) };
        assert_eq!(wait(retry_policy, TRANSIENT, 1, Duration::from_millis(800), 1.0), None);
    }

    #[test]
    fn the_server_may_say_when_within_reason() {
        let asked = |seconds| {
            let retry_after = Some(Duration::from_secs(seconds));
            waited(Retryable::Transient { retry_after, retries: u32::MAX }, 1, 1.0).unwrap()
        };
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
