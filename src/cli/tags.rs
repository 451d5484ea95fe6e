//! `mfst tags`

use super::args::ReportArgs;
use super::usage::expect_args;
use super::values::like_pflag;
use crate::commands::Command;
use crate::commands::tags::Options;
use crate::error::UsageError;
use clap::Args;

const EXAMPLES: &str = "
mfst tags example.com/app
mfst tags --format json oci:./layout";

/// List the tags of a repository
#[derive(Debug, Args)]
#[command(override_usage = "mfst tags [OPTIONS] REPOSITORY", after_help = EXAMPLES, mut_args = like_pflag)]
pub(super) struct TagsArgs {
    #[arg(hide = true)]
    args: Vec<String>,
    #[command(flatten)]
    report: ReportArgs,
}

impl TagsArgs {
    pub(super) fn into_command(self) -> Result<Command, UsageError> {
        let Self { args, report: ReportArgs { format, registry } } = self;
        let repository = expect_args("tags", args, 1..=1)?.pop().unwrap_or_default();
        Ok(Command::Tags(Options { repository, format, insecure: registry.insecure }))
    }
}
