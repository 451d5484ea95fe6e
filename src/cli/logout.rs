//! `mfst logout`

use super::usage::expect_args;
use super::values::like_pflag;
use crate::commands::Command;
use crate::commands::logout::Options;
use crate::error::UsageError;
use clap::Args;

const EXAMPLES: &str = "
mfst logout registry.example.com
mfst logout";

/// Log out from a registry: remove the stored user name and password
#[derive(Debug, Args)]
#[command(override_usage = "mfst logout [SERVER]", after_help = EXAMPLES, mut_args = like_pflag)]
pub(super) struct LogoutArgs {
    #[arg(hide = true)]
    args: Vec<String>,
}

impl LogoutArgs {
    pub(super) fn into_command(self) -> Result<Command, UsageError> {
        Ok(Command::Logout(Options { server: expect_args("logout", self.args, 0..=1)?.pop() }))
    }
}
