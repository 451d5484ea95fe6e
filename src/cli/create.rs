//! `mfst create`

use super::args::{AbsentArgs, ListArgs, PushArgs, RegistryArgs};
use super::usage::{conflict, expect_args};
use super::values::{InvalidValue, like_pflag, parse_platforms};
use crate::commands::Command;
use crate::commands::create::{Destination, IfExists, Options};
use crate::error::UsageError;
use crate::manifest::PlatformSelector;
use crate::resolve::Selection;
use clap::{ArgAction, Args};

const EXAMPLES: &str = "
mfst create example.com/app:1.0 example.com/app:1.0-amd64 example.com/app:1.0-arm64
mfst create --push --tag latest example.com/app:1.0 example.com/app:1.0-amd64 example.com/app:1.0-arm64
mfst create --wait 10m --annotation org.opencontainers.image.title=app example.com/app:1.0 'example.com/app:1.0-*'";

/// Create a local manifest list for annotating and pushing to a registry
#[derive(Debug, Args)]
#[command(
    override_usage = "mfst create [OPTIONS] MANIFEST_LIST MANIFEST [MANIFEST...]",
    after_help = EXAMPLES,
    mut_args = like_pflag
)]
pub(super) struct CreateArgs {
    #[arg(hide = true)]
    args: Vec<String>,
    /// Amend an existing manifest list
    #[arg(short, long)]
    amend: bool,
    /// Replace an existing manifest list
    #[arg(long)]
    replace: bool,
    /// Push the list at once, without the local store
    #[arg(long)]
    push: bool,
    /// Keep only the images for these platforms, OS/ARCH[/VARIANT] (repeatable, or separated by commas)
    #[arg(long, value_name = "PLATFORM", action = ArgAction::Append, value_parser = parse_platforms)]
    platform: Vec<Vec<PlatformSelector>>,
    /// Attestations of the images in lists: keep or drop
    #[arg(long, value_name = "ACTION", default_value = "keep", value_parser = parse_attestations)]
    attestations: Attestations,
    #[command(flatten)]
    absent: AbsentArgs,
    #[command(flatten)]
    list_args: ListArgs,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten, next_help_heading = "Options that need --push")]
    push_args: PushArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attestations {
    Keep,
    Drop,
}

impl CreateArgs {
    pub(super) fn into_command(self) -> Result<Command, UsageError> {
        let Self { args, amend, replace, push, platform, attestations, absent, .. } = self;
        let (list_options, registry, push_args) = (self.list_args.into(), self.registry, self.push_args);
        let mut args = expect_args("create", args, 2..)?.into_iter();
        let (list, images) = (args.next().unwrap_or_default(), args.collect());
        let without_attestations = attestations == Attestations::Drop;
        let selection = Selection { platforms: platform.concat(), without_attestations };
        let (strict, quiet, insecure) = (push_args.strict, push_args.quiet, registry.insecure);
        let progress = push_args.progress();
        let destination = match (push, amend, replace, push_args.flag_that_needs_push()) {
            (true, false, false, _) => Destination::Registry(push_args.into()),
            (true, _, _, _) => return Err(conflict("create", "--push cannot be combined with --amend or --replace")),
            (false, true, true, _) => return Err(conflict("create", "--amend cannot be combined with --replace")),
            (false, _, _, Some(flag)) => return Err(conflict("create", &format!("{flag} needs --push"))),
            (false, true, false, None) => Destination::Store(IfExists::Amend),
            (false, false, true, None) => Destination::Store(IfExists::Replace),
            (false, false, false, None) => Destination::Store(IfExists::Refuse),
        };
        Ok(Command::Create(Options {
            list,
            images,
            destination,
            selection,
            list_options,
            absent: absent.into(),
            insecure,
            strict,
            quiet,
            progress,
        }))
    }
}

fn parse_attestations(text: &str) -> Result<Attestations, InvalidValue> {
    match text {
        "keep" => Ok(Attestations::Keep),
        "drop" => Ok(Attestations::Drop),
        _ => Err(InvalidValue("keep or drop")),
    }
}
