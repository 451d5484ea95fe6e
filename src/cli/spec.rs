//! `mfst spec`

use super::args::RegistryArgs;
use super::usage::expect_args;
use super::values::like_pflag;
use crate::commands::Command;
use crate::commands::spec::Options;
use crate::error::UsageError;
use clap::Args;

const EXAMPLES: &str = "
mfst spec example.com/app:1.0 > app.yaml
mfst spec --insecure localhost:5000/app:1.0";

/// Print the file for apply that describes a manifest list in a registry
#[derive(Debug, Args)]
#[command(override_usage = "mfst spec [OPTIONS] MANIFEST_LIST", after_help = EXAMPLES, mut_args = like_pflag)]
pub(super) struct SpecArgs {
    #[arg(hide = true)]
    args: Vec<String>,
    #[command(flatten)]
    registry: RegistryArgs,
}

impl SpecArgs {
    pub(super) fn into_command(self) -> Result<Command, UsageError> {
        let list = expect_args("spec", self.args, 1..=1)?.pop().unwrap_or_default();
        Ok(Command::Spec(Options { list, insecure: self.registry.insecure }))
    }
}
