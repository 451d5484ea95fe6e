//! `mfst ls`

use super::args::RegistryArgs;
use super::usage::{conflict, expect_args};
use super::values::{InvalidValue, like_pflag};
use crate::commands::Command;
use crate::commands::ls::{Format, Options};
use crate::error::UsageError;
use clap::Args;

const EXAMPLES: &str = "
mfst ls
mfst ls --check example.com/app:1.0
mfst ls --format json";

/// List the local manifest lists, or the entries of one
#[derive(Debug, Args)]
#[command(override_usage = "mfst ls [OPTIONS] [MANIFEST_LIST]", after_help = EXAMPLES, mut_args = like_pflag)]
pub(super) struct LsArgs {
    #[arg(hide = true)]
    args: Vec<String>,
    /// Print only the names
    #[arg(short, long)]
    quiet: bool,
    /// Ask the registries whether the sources of the list's entries have moved
    #[arg(long)]
    check: bool,
    /// Output format: table or json
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = parse_format)]
    format: Format,
    #[command(flatten)]
    registry: RegistryArgs,
}

impl LsArgs {
    pub(super) fn into_command(self) -> Result<Command, UsageError> {
        let Self { args, quiet, check, format, registry } = self;
        let list = expect_args("ls", args, 0..=1)?.pop();
        match list {
            None if check => Err(conflict("ls", "--check needs a MANIFEST_LIST")),
            _ if check && quiet => Err(conflict("ls", "--check cannot be combined with --quiet")),
            list => Ok(Command::Ls(Options { list, quiet, check, format, insecure: registry.insecure })),
        }
    }
}

fn parse_format(text: &str) -> Result<Format, InvalidValue> {
    match text {
        "table" => Ok(Format::Table),
        "json" => Ok(Format::Json),
        _ => Err(InvalidValue("table or json")),
    }
}
