//! `mfst verify`

use super::args::ReportArgs;
use super::usage::{conflict, expect_args, question};
use super::values::{like_pflag, parse_platforms};
use crate::commands::Command;
use crate::commands::verify::Options;
use crate::error::UsageError;
use crate::manifest::PlatformSelector;
use clap::{ArgAction, Args};

const EXAMPLES: &str = "
mfst verify example.com/app:1.0
mfst verify --exact --require-platform linux/amd64,linux/arm64 example.com/app:1.0";

/// Check that an image or list in a registry is complete and can be pulled
///
/// Prints one line for each finding. Exits with 0 if there are none, 1 if there are any, 2 if that cannot be told.
#[derive(Debug, Args)]
#[command(override_usage = "mfst verify [OPTIONS] REF [REF...]", after_help = EXAMPLES, mut_args = like_pflag)]
pub(super) struct VerifyArgs {
    #[arg(hide = true)]
    args: Vec<String>,
    /// Require images for these platforms, OS/ARCH[/VARIANT] (repeatable, or separated by commas)
    #[arg(long, value_name = "PLATFORM", action = ArgAction::Append, value_parser = parse_platforms)]
    require_platform: Vec<Vec<PlatformSelector>>,
    /// Allow no other platforms than the required ones
    #[arg(long)]
    exact: bool,
    #[command(flatten)]
    report: ReportArgs,
}

impl VerifyArgs {
    pub(super) fn into_command(self) -> Result<Command, UsageError> {
        let Self { args, require_platform, exact, report: ReportArgs { format, registry } } = self;
        let references = expect_args("verify", args, 1..).map_err(question)?;
        let required: Vec<PlatformSelector> = require_platform.into_iter().flatten().collect();
        if exact && required.is_empty() {
            return Err(question(conflict("verify", "--exact needs --require-platform")));
        }
        Ok(Command::Verify(Options { references, required, exact, format, insecure: registry.insecure }))
    }
}
