//! `mfst show`

use super::args::RegistryArgs;
use super::usage::expect_args;
use super::values::{InvalidValue, like_pflag, parse_platform};
use crate::commands::Command;
use crate::commands::show::{Format, Options};
use crate::error::UsageError;
use crate::manifest::PlatformSelector;
use clap::Args;

const EXAMPLES: &str = "
mfst show example.com/app:1.0
mfst show --platform linux/arm64 example.com/app:1.0
mfst show --format json example.com/app:1.0";

/// Show what an image or list in a registry is made of
#[derive(Debug, Args)]
#[command(override_usage = "mfst show [OPTIONS] REF [REF...]", after_help = EXAMPLES, mut_args = like_pflag)]
pub(super) struct ShowArgs {
    #[arg(hide = true)]
    args: Vec<String>,
    /// Show the image for this platform in the list, OS/ARCH[/VARIANT]
    #[arg(long, value_name = "PLATFORM", value_parser = parse_platform)]
    platform: Option<PlatformSelector>,
    /// List referrers: signatures, SBOMs and other artifacts
    #[arg(long)]
    referrers: bool,
    /// Output format: table, json or a Go template
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = parse_format)]
    format: Format,
    #[command(flatten)]
    registry: RegistryArgs,
}

impl ShowArgs {
    pub(super) fn into_command(self) -> Result<Command, UsageError> {
        let Self { args, platform, referrers, format, registry } = self;
        let references = expect_args("show", args, 1..)?;
        Ok(Command::Show(Options { references, platform, referrers, format, insecure: registry.insecure }))
    }
}

fn parse_format(text: &str) -> Result<Format, InvalidValue> {
    match text {
        "table" => Ok(Format::Table),
        "json" => Ok(Format::Json),
        template if template.contains("{{") => Ok(Format::Template(template.to_owned())),
        _ => Err(InvalidValue("table, json or a Go template such as {{.Digest}}")),
    }
}
