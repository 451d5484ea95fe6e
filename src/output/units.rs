//! Sizes and times as people read them.

use std::time::Duration;

/// A size: `1.5 MiB`.
#[must_use]
pub fn bytes(count: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let unit = if count < 1024 { 0 } else { (count.ilog2() / 10) as usize };
    if unit == 0 {
        return format!("{count} B");
    }
    // In tenths, rounded; 1023.95 KiB is 1.0 MiB.
    let tenths = (u128::from(count) * 10 + (1u128 << (unit * 10 - 1))) >> (unit * 10);
    let (tenths, unit) = if tenths >= 10_240 { (10, unit + 1) } else { (tenths, unit) };
    format!("{}.{} {}", tenths / 10, tenths % 10, units[unit.min(units.len() - 1)])
}

/// A time: `3 s`, `0.4 s`.
#[must_use]
pub fn seconds(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 1.0 { format!("{seconds:.1} s") } else { format!("{seconds:.0} s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_one_decimal_and_the_right_unit() {
        for (number, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1_048_575, "1.0 MiB"),
            (1_048_576, "1.0 MiB"),
            (28_416_000, "27.1 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(bytes(number), expected);
        }
    }

    #[test]
    fn short_times_have_a_decimal() {
        for (millis, expected) in [(0, "0.0 s"), (349, "0.3 s"), (1400, "1 s"), (2600, "3 s"), (300_000, "300 s")] {
            assert_eq!(seconds(Duration::from_millis(millis)), expected);
        }
    }
}
