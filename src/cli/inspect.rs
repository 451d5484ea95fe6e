//! `mfst inspect`

use super::args::RegistryArgs;
use super::usage::{conflict, expect_args};
use super::values::{like_pflag, parse_platform};
use crate::commands::Command;
use crate::commands::inspect::{Options, View};
use crate::error::UsageError;
use crate::manifest::PlatformSelector;
use clap::Args;

const EXAMPLES: &str = "
mfst inspect example.com/app:1.0
mfst inspect --platform linux/arm64 example.com/app:1.0
mfst inspect --verbose example.com/app:1.0 example.com/app:1.0-arm64";

/// Display an image manifest, or manifest list
#[derive(Debug, Args)]
#[command(
    override_usage = "mfst inspect [OPTIONS] [MANIFEST_LIST] MANIFEST",
    after_help = EXAMPLES,
    mut_args = like_pflag
)]
pub(super) struct InspectArgs {
    #[arg(hide = true)]
    args: Vec<String>,
    /// Output additional info including layers and platform
    #[arg(short, long)]
    verbose: bool,
    /// Print the exact bytes: those in the registry, or those that push would send
    #[arg(long)]
    raw: bool,
    /// Show the image for this platform in the list, OS/ARCH[/VARIANT]
    #[arg(long, value_name = "PLATFORM", value_parser = parse_platform)]
    platform: Option<PlatformSelector>,
    #[command(flatten)]
    registry: RegistryArgs,
}

impl InspectArgs {
    pub(super) fn into_command(self) -> Result<Command, UsageError> {
        let Self { args, verbose, raw, platform, registry } = self;
        let mut args = expect_args("inspect", args, 1..=2)?;
        let name = args.pop().unwrap_or_default();
        // docker treats an empty list name as none.
        let list = args.pop().filter(|list| !list.is_empty());
        let view = match (raw, verbose) {
            (true, true) => return Err(conflict("inspect", "--raw cannot be combined with --verbose")),
            (true, false) => View::Raw,
            (false, true) => View::Verbose,
            (false, false) => View::Plain,
        };
        Ok(Command::Inspect(Options { list, name, view, platform, insecure: registry.insecure }))
    }
}
