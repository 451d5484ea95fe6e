//! What is wrong with a file, and where.

use crate::file::ReadError;
use serde_saphyr::{Error, Location};
use std::fmt;
use thiserror::Error as ThisError;

/// How similar an unknown key must be to a known one to be a likely typo; 1 means equal.
const LIKENESS: f64 = 0.75;

/// A place in a file; lines and columns count from one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The file, as typed.
    pub file: String,
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
}

/// Something wrong with a file.
#[derive(Debug, ThisError, PartialEq, Eq)]
pub enum SpecError {
    /// An error at one position.
    #[error("{position}: {message}")]
    At {
        /// The place.
        position: Position,
        /// What is wrong.
        message: String,
    },
    /// An error of the file as a whole.
    #[error("{file}: {message}")]
    File {
        /// The file, as typed.
        file: String,
        /// What is wrong.
        message: String,
    },
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl Position {
    pub(super) fn new(file: &str, location: Location) -> Self {
        Self { file: file.to_owned(), line: location.line(), column: location.column() }
    }
}

impl SpecError {
    pub(super) fn unreadable(file: &str, error: &ReadError) -> Self {
        Self::File { file: file.to_owned(), message: error.to_string() }
    }

    pub(super) fn empty(file: &str) -> Self {
        Self::File { file: file.to_owned(), message: "it has no list".to_owned() }
    }

    pub(super) fn at(file: &str, location: Location, message: impl fmt::Display) -> Self {
        Self::At { position: Position::new(file, location), message: message.to_string() }
    }

    /// An error of the YAML parser, worded for the reader of the file.
    pub(super) fn of_yaml(file: &str, error: &Error) -> Self {
        let message = match error {
            Error::SerdeUnknownField { field, expected, .. } => unknown_key(field, expected),
            Error::SerdeMissingField { field, .. } => format!("the key {field} is missing"),
            Error::DuplicateMappingKey { key, .. } => {
                format!("the key {} is given twice", key.as_deref().unwrap_or_default())
            }
            Error::Unexpected { expected, .. } => match *expected {
                "sequence start" => "this must be a list".to_owned(),
                "mapping start" => "this must be a mapping".to_owned(),
                "string scalar" => "this must be a string".to_owned(),
                expected => format!("this must be {expected}"),
            },
            Error::SerdeInvalidType { .. } => "this must be a mapping, or a string such as linux/arm64".to_owned(),
            Error::NullIntoString { .. } => "a value is missing here".to_owned(),
            other => without_position(&other.to_string()),
        };
        match error.location() {
            Some(location) => Self::at(file, location, message),
            None => Self::File { file: file.to_owned(), message },
        }
    }
}

/// The parser's message without the position that it ends with.
fn without_position(message: &str) -> String {
    message.rsplit_once(" at line ").map_or(message, |(message, _)| message).to_owned()
}

fn unknown_key(key: &str, known: &[&'static str]) -> String {
    let likeness = |known: &str| strsim::jaro_winkler(&key.to_lowercase(), &known.to_lowercase());
    let likely = known.iter().max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
    match likely.filter(|likely| likeness(likely) >= LIKENESS) {
        Some(likely) => format!("unknown key {key}; did you mean {likely}?"),
        None => format!("unknown key {key}; known keys: {}", known.join(", ")),
    }
}
