//! `mfst copy`

use super::args::{PushArgs, RegistryArgs};
use super::usage::{conflict, expect_args};
use super::values::{like_pflag, parse_platforms};
use crate::commands::Command;
use crate::commands::copy::Options;
use crate::error::UsageError;
use crate::manifest::PlatformSelector;
use clap::{ArgAction, Args};

const EXAMPLES: &str = "
mfst copy example.com/app:1.0 mirror.example.com/app:1.0 other.example.com/app:1.0
mfst copy --platform linux/amd64,linux/arm64 example.com/app:1.0 oci-archive:app.tar
mfst copy --all-tags --referrers example.com/app mirror.example.com/app";

/// Copy an image or a list between registries and OCI layouts, bytes and digests unchanged
///
/// SRC and DST are references, oci:DIR[:TAG|@DIGEST] or oci-archive:FILE[:TAG]; an archive is written anew. Blobs that
/// a target has are skipped, within a registry they are mounted, others are read once.
#[derive(Debug, Args)]
#[command(override_usage = "mfst copy [OPTIONS] SRC DST [DST...]", after_help = EXAMPLES, mut_args = like_pflag)]
pub(super) struct CopyArgs {
    #[arg(hide = true)]
    args: Vec<String>,
    /// Keep only the images for these platforms, OS/ARCH[/VARIANT], with their attestations (repeatable, or separated
    /// by commas)
    #[arg(long, value_name = "PLATFORM", action = ArgAction::Append, value_parser = parse_platforms)]
    platform: Vec<Vec<PlatformSelector>>,
    /// Copy every tag; SRC and DST are repositories or layouts
    #[arg(short, long)]
    all_tags: bool,
    /// Leave tags that exist as they are
    #[arg(short, long)]
    no_clobber: bool,
    /// Copy what refers to the images too: signatures, SBOMs, attestations
    #[arg(long)]
    referrers: bool,
    #[command(flatten)]
    push_args: PushArgs,
    #[command(flatten)]
    registry: RegistryArgs,
}

impl CopyArgs {
    pub(super) fn into_command(self) -> Result<Command, UsageError> {
        let Self { args, platform, all_tags, no_clobber, referrers, push_args, registry } = self;
        let mut args = expect_args("copy", args, 2..)?.into_iter();
        let (source, targets) = (args.next().unwrap_or_default(), args.collect());
        if let Some(flag) = push_args.flag_for_one_name().filter(|_| all_tags) {
            return Err(conflict("copy", &format!("--all-tags cannot be combined with {flag}")));
        }
        let (platforms, insecure, push) = (platform.concat(), registry.insecure, push_args.into());
        Ok(Command::Copy(Options { source, targets, all_tags, no_clobber, referrers, platforms, insecure, push }))
    }
}
