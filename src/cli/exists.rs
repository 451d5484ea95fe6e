//! `mfst exists`

use super::args::RegistryArgs;
use super::usage::{expect_args, question};
use super::values::like_pflag;
use crate::commands::Command;
use crate::commands::exists::Options;
use crate::error::UsageError;
use clap::Args;

const EXAMPLES: &str = "
mfst exists example.com/app:1.0 || build-and-push
mfst exists example.com/app:1.0-amd64 example.com/app:1.0-arm64";

/// Check whether images or lists exist: exit with 0 if all do, 1 if some do not, 2 if unknown
#[derive(Debug, Args)]
#[command(override_usage = "mfst exists [OPTIONS] REF [REF...]", after_help = EXAMPLES, mut_args = like_pflag)]
pub(super) struct ExistsArgs {
    #[arg(hide = true)]
    args: Vec<String>,
    #[command(flatten)]
    registry: RegistryArgs,
}

impl ExistsArgs {
    pub(super) fn into_command(self) -> Result<Command, UsageError> {
        let references = expect_args("exists", self.args, 1..).map_err(question)?;
        Ok(Command::Exists(Options { references, insecure: self.registry.insecure }))
    }
}
