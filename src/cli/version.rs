//! `mfst version`

use super::usage::expect_args;
use super::values::like_pflag;
use crate::error::UsageError;
use clap::Args;

/// Print the version
#[derive(Debug, Args)]
#[command(override_usage = "mfst version", after_help = "mfst version\nmfst --version", mut_args = like_pflag)]
pub(super) struct VersionArgs {
    #[arg(hide = true)]
    args: Vec<String>,
}

impl VersionArgs {
    pub(super) fn into_text(self, root: &clap::Command) -> Result<String, UsageError> {
        expect_args("version", self.args, 0..=0)?;
        Ok(root.render_version())
    }
}
