//! `mfst digest`

use super::args::RegistryArgs;
use super::usage::expect_args;
use super::values::like_pflag;
use crate::commands::Command;
use crate::commands::digest::Options;
use crate::error::UsageError;
use clap::Args;

const EXAMPLES: &str = "
mfst digest example.com/app:1.0
mfst digest oci:./layout:1.0";

/// Print the digest of an image or list in a registry
#[derive(Debug, Args)]
#[command(override_usage = "mfst digest [OPTIONS] REF [REF...]", after_help = EXAMPLES, mut_args = like_pflag)]
pub(super) struct DigestArgs {
    #[arg(hide = true)]
    args: Vec<String>,
    #[command(flatten)]
    registry: RegistryArgs,
}

impl DigestArgs {
    pub(super) fn into_command(self) -> Result<Command, UsageError> {
        let references = expect_args("digest", self.args, 1..)?;
        Ok(Command::Digest(Options { references, insecure: self.registry.insecure }))
    }
}
