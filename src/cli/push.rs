//! `mfst push`

use super::args::{PushArgs, RegistryArgs};
use super::usage::expect_args;
use super::values::like_pflag;
use crate::commands::Command;
use crate::commands::push::Options;
use crate::error::UsageError;
use clap::Args;

const EXAMPLES: &str = "
mfst push --purge example.com/app:1.0
mfst push --tag latest --digestfile digest.txt example.com/app:1.0
mfst push --dry-run example.com/app:1.0";

/// Push a manifest list to a repository
#[derive(Debug, Args)]
#[command(override_usage = "mfst push [OPTIONS] MANIFEST_LIST", after_help = EXAMPLES, mut_args = like_pflag)]
pub(super) struct PushCommandArgs {
    #[arg(hide = true)]
    args: Vec<String>,
    /// Remove the local manifest list after push
    #[arg(short, long)]
    purge: bool,
    /// Fail before anything is sent if a source tag has moved since the list was made
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    push_args: PushArgs,
    #[command(flatten)]
    registry: RegistryArgs,
}

impl PushCommandArgs {
    pub(super) fn into_command(self) -> Result<Command, UsageError> {
        let Self { args, purge, verify, push_args, registry } = self;
        let list = expect_args("push", args, 1..=1)?.pop().unwrap_or_default();
        let (insecure, push_options) = (registry.insecure, push_args.into());
        Ok(Command::Push(Options { list, purge, insecure, verify, push: push_options }))
    }
}
