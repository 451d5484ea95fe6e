//! `mfst tags`

use super::args::RegistryArgs;
use super::usage::expect_args;
use super::values::{like_pflag, parse_report_format};
use crate::commands::Command;
use crate::commands::ReportFormat;
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
    /// Output format: text or json
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = parse_report_format)]
    format: ReportFormat,
    #[command(flatten)]
    registry: RegistryArgs,
}

impl TagsArgs {
    pub(super) fn into_command(self) -> Result<Command, UsageError> {
        let Self { args, format, registry } = self;
        let repository = expect_args("tags", args, 1..=1)?.pop().unwrap_or_default();
        Ok(Command::Tags(Options { repository, format, insecure: registry.insecure }))
    }
}
