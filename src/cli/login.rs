//! `mfst login`

use super::args::RegistryArgs;
use super::usage::{conflict, expect_args};
use super::values::like_pflag;
use crate::commands::Command;
use crate::commands::login::{Options, PasswordSource};
use crate::error::UsageError;
use crate::secret::Secret;
use clap::Args;

const EXAMPLES: &str = "
mfst login registry.example.com
mfst login --username alice --password-stdin registry.example.com <token.txt";

/// Log in to a registry: store a user name and a password that it accepts
#[derive(Debug, Args)]
#[command(override_usage = "mfst login [OPTIONS] [SERVER]", after_help = EXAMPLES, mut_args = like_pflag)]
pub(super) struct LoginArgs {
    #[arg(hide = true)]
    args: Vec<String>,
    /// Username
    #[arg(short, long, value_name = "NAME")]
    username: Option<String>,
    /// Password or token; other users of this machine can see it
    #[arg(short, long, value_name = "PASSWORD")]
    password: Option<String>,
    /// Take the password or token from stdin
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    registry: RegistryArgs,
}

impl LoginArgs {
    pub(super) fn into_command(self) -> Result<Command, UsageError> {
        let Self { args, username, password, password_stdin, registry } = self;
        let server = expect_args("login", args, 0..=1)?.pop();
        let username = username.filter(|username| !username.is_empty());
        let password = match (password.filter(|password| !password.is_empty()), password_stdin) {
            (Some(_), true) => {
                return Err(conflict(
                    "login",
                    "conflicting options: cannot specify both --password and --password-stdin",
                ));
            }
            (None, true) if username.is_none() => {
                return Err(conflict("login", "the --password-stdin option requires --username to be set"));
            }
            (None, true) => PasswordSource::Stdin,
            (Some(password), false) => PasswordSource::Argument(Secret::new(password)),
            (None, false) => PasswordSource::Prompt,
        };
        Ok(Command::Login(Options { server, username, password, insecure: registry.insecure }))
    }
}
