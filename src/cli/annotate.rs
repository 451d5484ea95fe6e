//! `mfst annotate`

use super::usage::expect_args;
use super::values::{InvalidValue, like_pflag, parse_csv, parse_key_value};
use crate::commands::Command;
use crate::commands::annotate::{Field, Options};
use crate::error::UsageError;
use clap::{ArgAction, Args};

const EXAMPLES: &str = "
mfst annotate --arch arm64 --variant v8 example.com/app:1.0 example.com/app:1.0-arm64
mfst annotate --annotation org.opencontainers.image.title=app example.com/app:1.0 example.com/app:1.0-amd64
mfst annotate --clear os-features --os-version 10.0.17763.1817 example.com/app:1.0 example.com/app:1.0-windows";

/// Add platform information to an image in a local manifest list
#[derive(Debug, Args)]
#[command(
    override_usage = "mfst annotate [OPTIONS] MANIFEST_LIST MANIFEST",
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
    /// Set an annotation of the entry, which makes the list an OCI index (repeatable)
    #[arg(long, value_name = "KEY=VALUE", action = ArgAction::Append, value_parser = parse_key_value)]
    annotation: Vec<(String, String)>,
    /// Clear variant, os-version, os-features, annotations, or annotation.KEY, before anything is set (repeatable)
    #[arg(long, value_name = "FIELD", action = ArgAction::Append, value_parser = parse_field)]
    clear: Vec<Field>,
}

impl AnnotateArgs {
    pub(super) fn into_command(self) -> Result<Command, UsageError> {
        let Self { args, arch, os, os_features, os_version, variant, annotation, clear } = self;
        let mut args = expect_args("annotate", args, 2..=2)?;
        let (image, list) = (args.pop().unwrap_or_default(), args.pop().unwrap_or_default());
        let (os_features, annotations) = (os_features.concat(), annotation);
        let options = Options { list, image, arch, os, os_features, os_version, variant, annotations, clear };
        Ok(Command::Annotate(options))
    }
}

/// A field that `--clear` can clear.
fn parse_field(text: &str) -> Result<Field, InvalidValue> {
    match (text, text.strip_prefix("annotation.")) {
        ("variant", _) => Ok(Field::Variant),
        ("os-version", _) => Ok(Field::OsVersion),
        ("os-features", _) => Ok(Field::OsFeatures),
        ("annotations", _) => Ok(Field::Annotations),
        (_, Some(key)) if !key.is_empty() => Ok(Field::Annotation(key.to_owned())),
        _ => Err(InvalidValue("variant, os-version, os-features, annotations or annotation.KEY")),
    }
}
