//! `mfst remove`

use super::usage::expect_args;
use super::values::like_pflag;
use crate::commands::Command;
use crate::commands::remove::Options;
use crate::error::UsageError;
use clap::Args;

const EXAMPLES: &str = "
mfst remove example.com/app:1.0 linux/arm/v7
mfst remove example.com/app:1.0 example.com/app:1.0-amd64 example.com/app:1.0-arm64";

/// Remove images from a local manifest list, by reference, digest or platform
#[derive(Debug, Args)]
#[command(
    override_usage = "mfst remove [OPTIONS] MANIFEST_LIST ENTRY [ENTRY...]",
    after_help = EXAMPLES,
    mut_args = like_pflag
)]
pub(super) struct RemoveArgs {
    #[arg(hide = true)]
    args: Vec<String>,
}

impl RemoveArgs {
    pub(super) fn into_command(self) -> Result<Command, UsageError> {
        let mut args = expect_args("remove", self.args, 2..)?.into_iter();
        let (list, entries) = (args.next().unwrap_or_default(), args.collect());
        Ok(Command::Remove(Options { list, entries }))
    }
}
