//! The values of flags, as Go's pflag reads them.

use crate::commands::annotate::Field;
use crate::commands::ls::Format;
use crate::manifest::{NotPlatform, PlatformSelector};
use std::time::Duration;
use thiserror::Error;

/// A word that is not one of Go's for true and false.
#[derive(Debug, Error)]
#[error("strconv.ParseBool: parsing \"{0}\": invalid syntax")]
pub(super) struct NotBool(String);

/// Go's words for true and false (`strconv.ParseBool`).
pub(super) fn boolean(word: &str) -> Result<bool, NotBool> {
    match word {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        other => Err(NotBool(other.to_owned())),
    }
}

/// A word that is not a time.
#[derive(Debug, Error)]
#[error("time: invalid duration \"{0}\"")]
pub(super) struct NotDuration(String);

/// A whole number of seconds, or of what the letter behind it says: `s`, `m` or `h`.
pub(super) fn duration(word: &str) -> Result<Duration, NotDuration> {
    let wrong = || NotDuration(word.to_owned());
    let (number, unit) = word.split_at(word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len()));
    let seconds = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    Ok(Duration::from_secs(number.saturating_mul(seconds)))
}

/// A list of values that is not one line of CSV; columns count from one.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum NotCsv {
    #[error("parse error on line 1, column {0}: bare \" in non-quoted-field")]
    BareQuote(usize),
    #[error("parse error on line 1, column {0}: extraneous or missing \" in quoted-field")]
    Quote(usize),
}

/// Several values in one word, separated by commas (`encoding/csv`); a value may be quoted to hold one. An empty word
/// is no value.
pub(super) fn comma_separated(word: &str) -> Result<Vec<String>, NotCsv> {
    let mut values = Vec::new();
    // pflag reads the first line only.
    let line = word.split('\n').next().unwrap_or_default();
    let mut rest = line;
    let column = |rest: &str| line.len() - rest.len() + 1;
    if line.is_empty() {
        return Ok(values);
    }
    loop {
        let Some(quoted) = rest.strip_prefix('"') else {
            let end = rest.find(',').unwrap_or(rest.len());
            if let Some(quote) = rest[..end].find('"') {
                return Err(NotCsv::BareQuote(column(&rest[quote..])));
            }
            values.push(rest[..end].to_owned());
            match rest[end..].strip_prefix(',') {
                Some(after) => rest = after,
                None => return Ok(values),
            }
            continue;
        };
        let (value, after) = unquote(quoted).ok_or(NotCsv::Quote(line.len() + 1))?;
        values.push(value);
        match after.strip_prefix(',') {
            Some(after) => rest = after,
            None if after.is_empty() => return Ok(values),
            // Go points at the closing quote.
            None => return Err(NotCsv::Quote(column(after) - 1)),
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

/// Several platforms, separated by commas.
pub(super) fn platforms(word: &str) -> Result<Vec<PlatformSelector>, NotPlatform> {
    word.split(',').map(PlatformSelector::parse).collect()
}

/// One platform.
pub(super) fn platform(word: &str) -> Result<PlatformSelector, NotPlatform> {
    PlatformSelector::parse(word)
}

/// A word that is none of those that are possible.
#[derive(Debug, Error)]
#[error("it must be {0}")]
pub(super) struct NotOneOf(&'static str);

/// What becomes of the attestations of images in lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attestations {
    Keep,
    Drop,
}

/// `keep` or `drop`.
pub(super) fn attestations(word: &str) -> Result<Attestations, NotOneOf> {
    match word {
        "keep" => Ok(Attestations::Keep),
        "drop" => Ok(Attestations::Drop),
        _ => Err(NotOneOf("keep or drop")),
    }
}

/// How `ls` prints.
pub(super) fn format(word: &str) -> Result<Format, NotOneOf> {
    match word {
        "table" => Ok(Format::Table),
        "json" => Ok(Format::Json),
        _ => Err(NotOneOf("table or json")),
    }
}

/// An annotation, `KEY=VALUE`.
pub(super) fn pair(word: &str) -> Result<(String, String), NotOneOf> {
    match word.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(NotOneOf("KEY=VALUE")),
    }
}

/// A field that `annotate` can clear.
pub(super) fn field(word: &str) -> Result<Field, NotOneOf> {
    match (word, word.strip_prefix("annotation.")) {
        ("variant", _) => Ok(Field::Variant),
        ("os-version", _) => Ok(Field::OsVersion),
        ("os-features", _) => Ok(Field::OsFeatures),
        ("annotations", _) => Ok(Field::Annotations),
        (_, Some(key)) if !key.is_empty() => Ok(Field::Annotation(key.to_owned())),
        _ => Err(NotOneOf("variant, os-version, os-features, annotations or annotation.KEY")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_csv() {
        let read = |word| comma_separated(word).unwrap();
        assert!(read("").is_empty());
        assert_eq!(read("a,b"), ["a", "b"]);
        assert_eq!(read(r#""a,b",c"#), ["a,b", "c"]);
        assert_eq!(read(r#""a""b""#), [r#"a"b"#]);
        assert_eq!(read(",a,"), ["", "a", ""]);
    }

    #[test]
    fn bad_csv_is_refused_in_the_words_of_go() {
        let message = |word| comma_separated(word).unwrap_err().to_string();
        assert_eq!(message(r#"a"b"#), r#"parse error on line 1, column 2: bare " in non-quoted-field"#);
        assert_eq!(message(r#""a,b"#), r#"parse error on line 1, column 5: extraneous or missing " in quoted-field"#);
    }

    #[test]
    fn times_have_units() {
        let seconds = |word| duration(word).ok().map(|time| time.as_secs());
        assert_eq!(
            [seconds("90"), seconds("5s"), seconds("5m"), seconds("2h")],
            [Some(90), Some(5), Some(300), Some(7200)]
        );
        assert_eq!([seconds(""), seconds("m"), seconds("5d"), seconds("-5")], [None; 4]);
    }

    #[test]
    fn only_the_words_of_go_are_booleans() {
        assert!(boolean("T").unwrap());
        assert!(!boolean("False").unwrap());
        assert_eq!(boolean("yes").unwrap_err().to_string(), r#"strconv.ParseBool: parsing "yes": invalid syntax"#);
    }
}
