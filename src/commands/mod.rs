//! The commands, one file each.

pub mod annotate;
pub mod apply;
mod assemble;
pub mod create;
mod entry;
pub mod inspect;
pub mod list_options;
pub mod ls;
pub mod push;
pub mod remove;
pub mod rm;
mod sources;
pub mod spec;

use crate::app::App;
use std::process::ExitCode;

/// A command and what was asked of it.
#[derive(Debug)]
pub enum Command {
    /// `mfst annotate`
    Annotate(annotate::Options),
    /// `mfst apply`
    Apply(apply::Options),
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
    /// `mfst spec`
    Spec(spec::Options),
}

/// A text of these lines.
fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.flat_map(|line| [line, "\n".to_owned()]).collect()
}

impl Command {
    /// Runs the command and picks its exit code; an error has one of its own.
    pub fn run(&self, app: &App) -> anyhow::Result<ExitCode> {
        match self {
            Self::Annotate(options) => annotate::run(app, options)?,
            Self::Apply(options) => apply::run(app, options)?,
            Self::Create(options) => create::run(app, options)?,
            Self::Inspect(options) => inspect::run(app, options)?,
            Self::Ls(options) => ls::run(app, options)?,
            Self::Push(options) => push::run(app, options)?,
            Self::Remove(options) => remove::run(app, options)?,
            Self::Rm(options) => rm::run(app, options)?,
            Self::Spec(options) => spec::run(app, options)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
