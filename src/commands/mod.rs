//! The commands, one file each.

pub mod annotate;
pub mod create;
pub mod inspect;
pub mod ls;
pub mod push;
pub mod remove;
pub mod rm;

use crate::app::App;
use std::process::ExitCode;

/// A command with its options.
#[derive(Debug)]
pub enum Command {
    /// `mfst annotate`
    Annotate(annotate::Options),
    /// `mfst create`
    Create(create::Options),
    /// `mfst inspect`
    Inspect(inspect::Options),
    /// `mfst ls`
    Ls(ls::Options),
    /// `mfst push`
    Push(push::Options),
    /// `mfst remove`
    Remove(remove::Options),
    /// `mfst rm`
    Rm(rm::Options),
}

/// The lines, each with a line break.
fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.flat_map(|line| [line, "\n".to_owned()]).collect()
}

impl Command {
    /// Runs the command and picks its exit code; an error has one of its own.
    pub fn run(&self, app: &App) -> anyhow::Result<ExitCode> {
        match self {
            Self::Annotate(options) => annotate::run(app, options)?,
            Self::Create(options) => create::run(app, options)?,
            Self::Inspect(options) => inspect::run(app, options)?,
            Self::Ls(options) => ls::run(app, options)?,
            Self::Push(options) => push::run(app, options)?,
            Self::Remove(options) => remove::run(app, options)?,
            Self::Rm(options) => rm::run(app, options)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
