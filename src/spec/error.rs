//! What is wrong with a file, and where.

use super::budget::Budget;
use super::yaml::Place;
use crate::file::ReadError;
use std::fmt;
use thiserror::Error;

/// How similar an unknown key must be to a known one to be a likely typo; 1 means equal.
const LIKENESS: f64 = 0.75;

/// A place in a file; lines and columns count from one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The file, as typed.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// Something wrong with a file.
#[derive(Debug, Error, PartialEq, Eq)]
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
    pub(super) fn new(file: &str, place: Place) -> Self {
        Self { file: file.to_owned(), line: place.line, column: place.column }
    }
}

impl SpecError {
    pub(super) fn unreadable(file: &str, error: &ReadError) -> Self {
        let message = match error {
            ReadError::NotRegular(_) => format!("{error}; \"apply -\" reads standard input"),
            ReadError::TooLarge(_) => Budget::file_message(),
            _ => error.to_string(),
        };
        Self::File { file: file.to_owned(), message }
    }

    pub(super) fn empty(file: &str) -> Self {
        Self::File { file: file.to_owned(), message: "it has no list".to_owned() }
    }

    pub(super) fn at(file: &str, place: Place, message: impl fmt::Display) -> Self {
        Self::At { position: Position::new(file, place), message: message.to_string() }
    }
}

/// The message for a key that is not one of these.
pub(super) fn unknown_key(key: &str, known: &[&str]) -> String {
    let likeness = |known: &str| strsim::jaro_winkler(&key.to_lowercase(), &known.to_lowercase());
    let likely = known.iter().max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
    match likely.filter(|likely| likeness(likely) >= LIKENESS) {
        Some(likely) => format!("unknown key {key}; did you mean {likely}?"),
        None => format!("unknown key {key}; known keys: {}", known.join(", ")),
    }
}
