//! Sizes, times and digests as people read them.

pub(super) use crate::output::bytes;
use crate::output::one_line;
use std::time::{Duration, SystemTime};

/// The longest value that is shown, in characters.
const MAX_VALUE: usize = 2000;
/// How many digits of a digest stand for it.
const SHORT_DIGEST: usize = 12;
/// Earlier times are not when something was created: reproducible builds use fixed ones.
const FIRST_PLAUSIBLE: Duration = Duration::from_secs(365 * 86_400);

/// The length of a unit of time in seconds, and its name.
type Unit = (u64, &'static str);

/// Units of time, the largest first.
pub(super) const UNITS: [Unit; 6] =
    [(31_557_600, "year"), (604_800, "week"), (86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];

/// A text of a registry as one line without control characters.
pub(super) fn clean(text: &str) -> String {
    one_line(text, MAX_VALUE)
}

/// The beginning of a digest, without its algorithm if that is the usual one.
pub(super) fn short_digest(digest: &str) -> String {
    let text = digest.strip_prefix("sha256:").unwrap_or(digest);
    let (algorithm, encoded) = text.split_once(':').map_or(("", text), |(algorithm, rest)| (algorithm, rest));
    let short: String = clean(encoded).chars().take(SHORT_DIGEST).collect();
    if algorithm.is_empty() { short } else { format!("{}:{short}", clean(algorithm)) }
}

/// `1 layer`, `2 layers`.
pub(super) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// An RFC 3339 time, and how long ago that was.
pub(super) fn created(text: &str, now: SystemTime) -> String {
    let shown = clean(text);
    let Ok(time) = humantime::parse_rfc3339_weak(&shown) else { return shown };
    let is_plausible = time.duration_since(SystemTime::UNIX_EPOCH).is_ok_and(|since| since > FIRST_PLAUSIBLE);
    let utc = humantime::format_rfc3339_seconds(time).to_string().replace('T', " ").replace('Z', " UTC");
    match now.duration_since(time) {
        Ok(age) if is_plausible => format!("{utc} ({})", ago(age, &UNITS)),
        _ => utc,
    }
}

/// A time in the largest of these units that it reaches.
pub(super) fn ago(age: Duration, units: &[Unit]) -> String {
    let seconds = age.as_secs();
    let (length, unit) = units.iter().copied().find(|(length, _)| seconds >= *length).unwrap_or((1, "second"));
    format!("{} ago", count(usize::try_from(seconds / length).unwrap_or(usize::MAX), unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_with_their_age_unless_they_are_no_real_times() {
        let now = humantime::parse_rfc3339("2026-01-15T00:00:01Z").unwrap();
        assert_eq!(created("2026-01-01T00:00:00.123456789Z", now), "2026-01-01 00:00:00 UTC (2 weeks ago)");
        assert_eq!(created("1970-01-01T00:00:00Z", now), "1970-01-01 00:00:00 UTC");
        assert_eq!(created("2027-01-01T00:00:00Z", now), "2027-01-01 00:00:00 UTC");
        assert_eq!(created("0001-01-01\u{1b}[31m", now), "0001-01-01 [31m");
    }

    #[test]
    fn digests_are_shortened() {
        assert_eq!(short_digest(&format!("sha256:{}", "a".repeat(64))), "a".repeat(12));
        assert_eq!(short_digest(&format!("sha512:{}", "b".repeat(128))), format!("sha512:{}", "b".repeat(12)));
        assert_eq!(short_digest("bad"), "bad");
    }
}
