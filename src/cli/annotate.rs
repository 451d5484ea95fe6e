//! `mfst annotate`

use super::args::{ListArgs, RegistryArgs};
use super::usage::{conflict, expect_args, unknown_flag};
use super::values::{InvalidValue, like_pflag, parse_csv, parse_exact_platform};
use crate::commands::Command;
use crate::commands::annotate::{EntryOptions, Field, Options, Subject};
use crate::commands::list_options::ListOptions;
use crate::error::UsageError;
use crate::manifest::Platform;
use clap::{ArgAction, Args};

const EXAMPLES: &str = "
mfst annotate --arch arm64 --variant v8 example.com/app:1.0 example.com/app:1.0-arm64
mfst annotate --platform windows/amd64:10.0.17763.1817 --clear os-features example.com/app:1.0 windows/amd64
mfst annotate --annotation org.opencontainers.image.title=app example.com/app:1.0";

/// Add platform information to an image in a local manifest list, or annotations to the list
#[derive(Debug, Args)]
#[command(
    override_usage = "mfst annotate [OPTIONS] MANIFEST_LIST [MANIFEST]",
    after_help = EXAMPLES,
    mut_args = like_pflag
)]
pub(super) struct AnnotateArgs {
    #[arg(hide = true)]
    args: Vec<String>,
    /// Set architecture
    #[arg(long, default_value = "", hide_default_value = true)]
    arch: String,
    /// Set operating system
    #[arg(long, default_value = "", hide_default_value = true)]
    os: String,
    /// Set operating system feature (repeatable, or separated by commas)
    #[arg(long, value_name = "FEATURES", action = ArgAction::Append, value_parser = parse_csv)]
    os_features: Vec<Vec<String>>,
    /// Set operating system version
    #[arg(long, value_name = "VERSION", default_value = "", hide_default_value = true)]
    os_version: String,
    /// Set architecture variant
    #[arg(long, default_value = "", hide_default_value = true)]
    variant: String,
    /// Set operating system, architecture and variant, OS/ARCH[/VARIANT][:OS.VERSION]
    #[arg(long, value_name = "PLATFORM", value_parser = parse_exact_platform)]
    platform: Option<Platform>,
    /// Clear variant, os-version, os-features, annotations, annotation.KEY, subject or artifact-type, before anything is set (repeatable)
    #[arg(long, value_name = "FIELD", action = ArgAction::Append, value_parser = parse_field)]
    clear: Vec<Field>,
    #[command(flatten)]
    list_args: ListArgs,
    #[command(flatten)]
    registry: RegistryArgs,
}

impl AnnotateArgs {
    pub(super) fn into_command(self) -> Result<Command, UsageError> {
        let Self { args, arch, os, os_features, os_version, variant, platform, clear, list_args, registry } = self;
        if platform.is_some() && !(os.is_empty() && arch.is_empty() && variant.is_empty()) {
            return Err(conflict("annotate", "--platform cannot be combined with --os, --arch or --variant"));
        }
        if registry.insecure && list_args.subject.is_none() {
            // Nothing but a subject is fetched.
            return Err(unknown_flag("annotate", "--insecure"));
        }
        let entry_options = EntryOptions { arch, os, os_features: os_features.concat(), os_version, variant, platform };
        let list_options: ListOptions = list_args.into();
        let is_about_list = entry_options == EntryOptions::default()
            && clear.iter().all(Field::is_of_list)
            && !(clear.is_empty() && list_options.is_empty());
        let is_about_entry = clear.iter().all(Field::is_of_entry) && list_options.is_for_one_entry();
        // Without anything to say about the list, an image is missing, as in docker.
        let count = if is_about_list && args.len() == 1 { 1..=1 } else { 2..=2 };
        let mut args = expect_args("annotate", args, count)?.into_iter();
        let list = args.next().unwrap_or_default();
        let subject = match args.next() {
            None => Subject::List,
            Some(entry) if is_about_entry => Subject::Entry(entry, Box::new(entry_options)),
            Some(_) => {
                let message =
                    "selectors, --media-type, --subject and --artifact-type are about the list, without MANIFEST";
                return Err(conflict("annotate", message));
            }
        };
        Ok(Command::Annotate(Options { list, subject, clear, list_options, insecure: registry.insecure }))
    }
}

/// A field that `--clear` can clear.
fn parse_field(text: &str) -> Result<Field, InvalidValue> {
    match (text, text.strip_prefix("annotation.")) {
        ("variant", _) => Ok(Field::Variant),
        ("os-version", _) => Ok(Field::OsVersion),
        ("os-features", _) => Ok(Field::OsFeatures),
        ("annotations", _) => Ok(Field::Annotations),
        ("subject", _) => Ok(Field::Subject),
        ("artifact-type", _) => Ok(Field::ArtifactType),
        (_, Some(key)) if !key.is_empty() => Ok(Field::Annotation(key.to_owned())),
        _ => {
            Err(InvalidValue("variant, os-version, os-features, annotations, annotation.KEY, subject or artifact-type"))
        }
    }
}
