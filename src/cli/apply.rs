//! `mfst apply`

use super::args::{AbsentArgs, PushArgs, RegistryArgs};
use super::usage::expect_args;
use super::values::like_pflag;
use crate::commands::Command;
use crate::commands::apply::Options;
use crate::error::UsageError;
use clap::Args;

const EXAMPLES: &str = "
mfst apply release.yaml
mfst apply --dry-run lists/app.yaml lists/tools.yaml
mfst apply --require-platform linux/amd64,linux/arm64 - < release.yaml";

/// Push the manifest lists that YAML files describe, those of manifest-tool included
#[derive(Debug, Args)]
#[command(override_usage = "mfst apply [OPTIONS] FILE|- [FILE...]", after_help = EXAMPLES, mut_args = like_pflag)]
pub(super) struct ApplyArgs {
    #[arg(hide = true)]
    args: Vec<String>,
    /// Start no further push after a list has failed
    #[arg(long)]
    fail_fast: bool,
    #[command(flatten)]
    absent: AbsentArgs,
    #[command(flatten)]
    push_args: PushArgs,
    #[command(flatten)]
    registry: RegistryArgs,
}

impl ApplyArgs {
    pub(super) fn into_command(self) -> Result<Command, UsageError> {
        let Self { args, fail_fast, absent, push_args, registry } = self;
        let files = expect_args("apply", args, 1..)?;
        let (insecure, push) = (registry.insecure, push_args.into());
        Ok(Command::Apply(Options { files, fail_fast, absent: absent.into(), insecure, push }))
    }
}
