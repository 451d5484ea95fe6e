//! The values of flags. Switches and comma-separated lists are read as Go's pflag reads them.

use crate::commands::ReportFormat;
use crate::commands::list_options::Annotation;
use crate::digest::Digest;
use crate::manifest::{IndexFormat, InvalidPlatform, Platform, PlatformSelector};
use crate::output::ProgressMode;
use crate::registry::Precondition;
use clap::{Arg, ArgAction};
use std::num::IntErrorKind;
use std::time::Duration;
use thiserror::Error;

/// The largest number of requests at a time; `--jobs` above it means this.
const MAX_JOBS: usize = 1000;

/// Makes clap read a flag as pflag does: a switch may have a value (`--flag=false`), and what follows another flag is its
/// value whatever it looks like. Every command needs this as its `mut_args`.
pub(super) fn like_pflag(arg: Arg) -> Arg {
    if arg.is_positional() {
        return arg;
    }
    match arg.get_action() {
        ArgAction::SetTrue => {
            let arg = arg.action(ArgAction::Set).num_args(0..=1).require_equals(true).value_parser(parse_bool);
            arg.default_value("false").default_missing_value("true").hide_default_value(true)
        }
        action if action.takes_values() && !arg.is_require_equals_set() => arg.allow_hyphen_values(true),
        _ => arg,
    }
}

/// Not one of the values that `strconv.ParseBool` accepts.
#[derive(Debug, Error)]
#[error("strconv.ParseBool: parsing \"{0}\": invalid syntax")]
pub(super) struct ParseBoolError(String);

/// Reads a boolean as Go's `strconv.ParseBool` does.
pub(super) fn parse_bool(text: &str) -> Result<bool, ParseBoolError> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        other => Err(ParseBoolError(other.to_owned())),
    }
}

/// A value that is not what it must be.
#[derive(Debug, Error)]
#[error("it must be {0}")]
pub(super) struct InvalidValue(pub(super) &'static str);

/// Reads a number of requests at a time, at most [`MAX_JOBS`].
pub(super) fn parse_jobs(text: &str) -> Result<usize, InvalidValue> {
    match text.parse::<usize>() {
        Ok(jobs) if jobs > 0 => Ok(jobs.min(MAX_JOBS)),
        Err(error) if *error.kind() == IntErrorKind::PosOverflow => Ok(MAX_JOBS),
        _ => Err(InvalidValue("a whole number, 1 or more")),
    }
}

/// Reads a number of retries.
pub(super) fn parse_retries(text: &str) -> Result<u32, InvalidValue> {
    text.parse().map_err(|_| InvalidValue("a whole number, 0 or more"))
}

/// Reads a duration such as `5m` or `1h30m`; a bare number is in seconds.
pub(super) fn parse_duration(text: &str) -> Result<Duration, humantime::DurationError> {
    text.parse().map(Duration::from_secs).or_else(|_| humantime::parse_duration(text))
}

/// Not one line of CSV; columns count from one.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum ParseCsvError {
    #[error("parse error on line 1, column {0}: bare \" in non-quoted-field")]
    BareQuote(usize),
    #[error("parse error on line 1, column {0}: extraneous or missing \" in quoted-field")]
    Quote(usize),
}

/// Reads one line of CSV as Go's `encoding/csv` does. An empty text has no values.
pub(super) fn parse_csv(text: &str) -> Result<Vec<String>, ParseCsvError> {
    let mut values = Vec::new();
    // pflag reads the first line only.
    let line = text.split('\n').next().unwrap_or_default();
    let mut rest = line;
    let column = |rest: &str| line.len() - rest.len() + 1;
    if line.is_empty() {
        return Ok(values);
    }
    loop {
        let Some(quoted) = rest.strip_prefix('"') else {
            let end = rest.find(',').unwrap_or(rest.len());
            if let Some(quote) = rest[..end].find('"') {
                return Err(ParseCsvError::BareQuote(column(&rest[quote..])));
            }
            values.push(rest[..end].to_owned());
            match rest[end..].strip_prefix(',') {
                Some(after) => rest = after,
                None => return Ok(values),
            }
            continue;
        };
        let (value, after) = unquote(quoted).ok_or(ParseCsvError::Quote(line.len() + 1))?;
        values.push(value);
        match after.strip_prefix(',') {
            Some(after) => rest = after,
            None if after.is_empty() => return Ok(values),
            // Go points at the closing quote.
            None => return Err(ParseCsvError::Quote(column(after) - 1)),
        }
    }
}

/// Reads up to the closing quote; two quotes stand for one.
fn unquote(mut rest: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    loop {
        let (before, after) = rest.split_once('"')?;
        value.push_str(before);
        match after.strip_prefix('"') {
            Some(after) => {
                value.push('"');
                rest = after;
            }
            None => return Some((value, after)),
        }
    }
}

/// Reads the format of an answer.
pub(super) fn parse_report_format(text: &str) -> Result<ReportFormat, InvalidValue> {
    match text {
        "text" => Ok(ReportFormat::Text),
        "json" => Ok(ReportFormat::Json),
        _ => Err(InvalidValue("text or json")),
    }
}

/// Reads several platforms, separated by commas.
pub(super) fn parse_platforms(text: &str) -> Result<Vec<PlatformSelector>, InvalidPlatform> {
    text.split(',').map(PlatformSelector::parse).collect()
}

/// Reads one platform.
pub(super) fn parse_platform(text: &str) -> Result<PlatformSelector, InvalidPlatform> {
    PlatformSelector::parse(text)
}

/// Reads the mode of `--progress`.
pub(super) fn parse_progress(text: &str) -> Result<ProgressMode, InvalidValue> {
    match text {
        "auto" => Ok(ProgressMode::Auto),
        "plain" => Ok(ProgressMode::Plain),
        "none" => Ok(ProgressMode::None),
        _ => Err(InvalidValue("auto, plain or none")),
    }
}

/// Reads one platform in full.
pub(super) fn parse_exact_platform(text: &str) -> Result<Platform, InvalidPlatform> {
    Platform::parse(text)
}

/// Reads what a tag is expected to mean: a digest or `none`.
pub(super) fn parse_expect(text: &str) -> Result<Precondition, InvalidValue> {
    match (text, Digest::parse(text)) {
        ("none", _) => Ok(Precondition::Absent),
        (_, Ok(digest)) => Ok(Precondition::Digest(digest)),
        _ => Err(InvalidValue("a digest, or none")),
    }
}

/// Reads an annotation, `[SELECTOR:]KEY=VALUE`.
pub(super) fn parse_annotation(text: &str) -> Result<Annotation, InvalidValue> {
    Annotation::parse(text).ok_or(InvalidValue("[SELECTOR:]KEY=VALUE"))
}

/// Reads the format of a list.
pub(super) fn parse_media_type(text: &str) -> Result<IndexFormat, InvalidValue> {
    IndexFormat::parse(text).ok_or(InvalidValue("auto, docker or oci"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_is_read_as_go_reads_it() {
        let read = |text| parse_csv(text).unwrap();
        assert!(read("").is_empty());
        assert_eq!(read("a,b"), ["a", "b"]);
        assert_eq!(read(r#""a,b",c"#), ["a,b", "c"]);
        assert_eq!(read(r#""a""b""#), [r#"a"b"#]);
        assert_eq!(read(",a,"), ["", "a", ""]);
    }

    #[test]
    fn invalid_csv_has_the_messages_of_go() {
        let message = |text| parse_csv(text).unwrap_err().to_string();
        assert_eq!(message(r#"a"b"#), r#"parse error on line 1, column 2: bare " in non-quoted-field"#);
        assert_eq!(message(r#""a,b"#), r#"parse error on line 1, column 5: extraneous or missing " in quoted-field"#);
    }

    #[test]
    fn a_duration_without_a_unit_is_in_seconds() {
        let seconds = |text| parse_duration(text).ok().map(|time| time.as_secs());
        for (text, expected) in [("90", 90), ("5s", 5), ("5m", 300), ("1h 30m", 5400), ("2h", 7200), ("0", 0)] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in ["", "m", "5x", "-5", "1.5", "99999999999999999999"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn jobs_are_at_least_one_and_capped() {
        let jobs = |text| parse_jobs(text).ok();
        assert_eq!([jobs("1"), jobs("16"), jobs("1000")], [Some(1), Some(16), Some(1000)]);
        for text in ["1001", "2305843009213693952", "18446744073709551615", "99999999999999999999999999"] {
            assert_eq!(jobs(text), Some(MAX_JOBS), "{text}");
        }
        for text in ["0", "", "abc", "-1", "1.5", "0x10", "1 "] {
            assert_eq!(jobs(text), None, "{text}");
        }
    }

    #[test]
    fn booleans_are_those_of_go() {
        assert!(parse_bool("T").unwrap());
        assert!(!parse_bool("False").unwrap());
        assert_eq!(parse_bool("yes").unwrap_err().to_string(), r#"strconv.ParseBool: parsing "yes": invalid syntax"#);
    }
}
