//! The commands, one file each.

pub mod annotate;
pub mod create;
pub mod inspect;
pub mod push;
pub mod rm;

use crate::app::App;

/// A command and what was asked of it.
#[derive(Debug)]
pub enum Command {
    /// `mfst annotate`
    Annotate(annotate::Options),
    /// `mfst create`
    Create(create::Options),
    /// `mfst inspect`
    Inspect(inspect::Options),
    /// `mfst push`
    Push(push::Options),
    /// `mfst rm`
    Rm(rm::Options),
}

impl Command {
    /// Carries the command out.
    pub fn run(&self, app: &App) -> anyhow::Result<()> {
        match self {
            Self::Annotate(options) => annotate::run(app, options),
            Self::Create(options) => create::run(app, options),
            Self::Inspect(options) => inspect::run(app, options),
            Self::Push(options) => push::run(app, options),
            Self::Rm(options) => rm::run(app, options),
        }
    }
}
