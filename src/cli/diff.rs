//! `mfst diff`

use super::args::ReportArgs;
use super::usage::{expect_args, question};
use super::values::like_pflag;
use crate::commands::Command;
use crate::commands::diff::Options;
use crate::error::UsageError;
use clap::Args;

const EXAMPLES: &str = "
mfst diff example.com/app:1.0 example.com/app:1.1
mfst diff --format json example.com/app:1.0 oci:./layout:1.0";

/// Compare two images or lists by platform
///
/// Exits with 0 if they are the same, 1 if they differ, 2 if that cannot be told.
#[derive(Debug, Args)]
#[command(override_usage = "mfst diff [OPTIONS] REF REF", after_help = EXAMPLES, mut_args = like_pflag)]
pub(super) struct DiffArgs {
    #[arg(hide = true)]
    args: Vec<String>,
    #[command(flatten)]
    report: ReportArgs,
}

impl DiffArgs {
    pub(super) fn into_command(self) -> Result<Command, UsageError> {
        let Self { args, report: ReportArgs { format, registry } } = self;
        let mut args = expect_args("diff", args, 2..=2).map_err(question)?.into_iter();
        let mut next = || args.next().unwrap_or_default();
        let (from, to) = (next(), next());
        Ok(Command::Diff(Options { from, to, format, insecure: registry.insecure }))
    }
}
