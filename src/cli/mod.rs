//! The command line: docker's arguments and flags, taken as docker takes them.
//!
//! What clap makes of the words stays in this module; the commands are given what the words mean.

mod arguments;
mod flags;
mod usage;
mod verb;
mod words;

pub use usage::UsageError;

use crate::app::Network;
use crate::commands::Command;
use std::ffi::OsString;
use std::path::PathBuf;

/// What was asked for.
#[derive(Debug)]
pub struct Invocation {
    /// `--config`, if given.
    pub config: Option<PathBuf>,
    /// Whether to say what is being done.
    pub debug: bool,
    /// How to deal with registries.
    pub network: Network,
    /// What to do.
    pub command: Command,
}

/// What the words on the command line amount to.
#[derive(Debug)]
pub enum Parsed {
    /// Something to do.
    Run(Box<Invocation>),
    /// A text that was asked for, for stdout.
    Text(String),
    /// No command at all: the usage, for stderr, which is no error.
    NoCommand(String),
}

/// Reads the command line; the first word is the program's name.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Parsed, UsageError> {
    let words: Vec<OsString> = words.into_iter().collect();
    arguments::parse(&words)
}
