//! `mfst ls`

use super::usage::expect_args;
use super::values::{InvalidValue, like_pflag};
use crate::commands::Command;
use crate::commands::ls::{Format, Options};
use crate::error::UsageError;
use clap::Args;

const EXAMPLES: &str = "
mfst ls
mfst ls --quiet
mfst ls --format json";

/// List the local manifest lists
#[derive(Debug, Args)]
#[command(override_usage = "mfst ls [OPTIONS]", after_help = EXAMPLES, mut_args = like_pflag)]
pub(super) struct LsArgs {
    #[arg(hide = true)]
    args: Vec<String>,
    /// Print only the names
    #[arg(short, long)]
    quiet: bool,
    /// Output format: table or json
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = parse_format)]
    format: Format,
}

impl LsArgs {
    pub(super) fn into_command(self) -> Result<Command, UsageError> {
        expect_args("ls", self.args, 0..=0)?;
        Ok(Command::Ls(Options { quiet: self.quiet, format: self.format }))
    }
}

fn parse_format(text: &str) -> Result<Format, InvalidValue> {
    match text {
        "table" => Ok(Format::Table),
        "json" => Ok(Format::Json),
        _ => Err(InvalidValue("table or json")),
    }
}
