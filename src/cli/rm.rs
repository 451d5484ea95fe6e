//! `mfst rm`

use super::usage::{conflict, expect_args};
use super::values::like_pflag;
use crate::commands::Command;
use crate::commands::rm::{Lists, Options};
use crate::error::UsageError;
use clap::Args;

const EXAMPLES: &str = "
mfst rm example.com/app:1.0
mfst rm example.com/app:1.0 example.com/app:1.1
mfst rm --all";

/// Delete one or more manifest lists from local storage
#[derive(Debug, Args)]
#[command(
    override_usage = "mfst rm [OPTIONS] MANIFEST_LIST [MANIFEST_LIST...]",
    after_help = EXAMPLES,
    mut_args = like_pflag
)]
pub(super) struct RmArgs {
    #[arg(hide = true)]
    args: Vec<String>,
    /// Delete all local manifest lists
    #[arg(long)]
    all: bool,
}

impl RmArgs {
    pub(super) fn into_command(self) -> Result<Command, UsageError> {
        let Self { args, all } = self;
        let lists = match (all, args.is_empty()) {
            (true, false) => return Err(conflict("rm", "--all cannot be combined with a MANIFEST_LIST")),
            (true, true) => Lists::All,
            (false, _) => Lists::Named(expect_args("rm", args, 1..)?),
        };
        Ok(Command::Rm(Options { lists }))
    }
}
