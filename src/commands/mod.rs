//! The commands, one file each.

pub mod annotate;
pub mod apply;
mod assemble;
pub mod complete;
pub mod copy;
pub mod create;
pub mod diff;
pub mod digest;
mod entries;
mod entry;
pub mod exists;
pub mod inspect;
pub mod list_options;
pub mod login;
pub mod logout;
pub mod ls;
pub mod push;
pub mod remove;
pub mod rm;
mod several;
pub mod show;
mod sources;
pub mod spec;
pub mod tags;
pub mod verify;

use crate::app::App;
use crate::error;
use std::process::ExitCode;

/// A command with its options.
#[derive(Debug)]
pub enum Command {
    /// `mfst annotate`
    Annotate(annotate::Options),
    /// `mfst apply`
    Apply(apply::Options),
    /// `mfst __complete`
    Complete(complete::Options),
    /// `mfst copy`
    Copy(copy::Options),
    /// `mfst create`
    Create(create::Options),
    /// `mfst diff`
    Diff(diff::Options),
    /// `mfst digest`
    Digest(digest::Options),
    /// `mfst exists`
    Exists(exists::Options),
    /// `mfst inspect`
    Inspect(inspect::Options),
    /// `mfst login`
    Login(login::Options),
    /// `mfst logout`
    Logout(logout::Options),
    /// `mfst ls`
    Ls(ls::Options),
    /// `mfst push`
    Push(push::Options),
    /// `mfst remove`
    Remove(remove::Options),
    /// `mfst rm`
    Rm(rm::Options),
    /// `mfst show`
    Show(show::Options),
    /// `mfst spec`
    Spec(spec::Options),
    /// `mfst tags`
    Tags(tags::Options),
    /// `mfst verify`
    Verify(verify::Options),
}

/// How the answer of a command is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportFormat {
    /// Lines for people.
    Text,
    /// One object or array for programs.
    Json,
}

/// The lines, each with a line break.
fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.flat_map(|line| [line, "\n".to_owned()]).collect()
}

impl Command {
    /// The exit code of errors.
    #[must_use]
    pub fn failure_code(&self) -> u8 {
        match self {
            Self::Diff(_) | Self::Exists(_) | Self::Verify(_) => error::COULD_NOT_TELL,
            _ => error::FAILURE,
        }
    }

    /// Runs the command and picks its exit code; an error has one of its own.
    pub fn run(&self, app: &App) -> anyhow::Result<ExitCode> {
        match self {
            Self::Annotate(options) => annotate::run(app, options)?,
            Self::Apply(options) => apply::run(app, options)?,
            Self::Complete(options) => complete::run(app, options)?,
            Self::Copy(options) => copy::run(app, options)?,
            Self::Create(options) => create::run(app, options)?,
            Self::Diff(options) => return diff::run(app, options),
            Self::Digest(options) => digest::run(app, options)?,
            Self::Exists(options) => return exists::run(app, options),
            Self::Inspect(options) => inspect::run(app, options)?,
            Self::Login(options) => login::run(app, options)?,
            Self::Logout(options) => logout::run(app, options)?,
            Self::Ls(options) => ls::run(app, options)?,
            Self::Push(options) => push::run(app, options)?,
            Self::Remove(options) => remove::run(app, options)?,
            Self::Rm(options) => rm::run(app, options)?,
            Self::Show(options) => show::run(app, options)?,
            Self::Spec(options) => spec::run(app, options)?,
            Self::Tags(options) => tags::run(app, options)?,
            Self::Verify(options) => return verify::run(app, options),
        }
        Ok(ExitCode::SUCCESS)
    }
}
