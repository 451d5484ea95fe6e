//! `mfst rm`

use super::usage::expect_args;
use super::values::like_pflag;
use crate::commands::Command;
use crate::commands::rm::Options;
use crate::error::UsageError;
use clap::Args;

const EXAMPLES: &str = "
mfst rm example.com/app:1.0
mfst rm example.com/app:1.0 example.com/app:1.1";

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
}

impl RmArgs {
    pub(super) fn into_command(self) -> Result<Command, UsageError> {
        Ok(Command::Rm(Options { lists: expect_args("rm", self.args, 1..)? }))
    }
}
