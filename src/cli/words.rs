//! The words that clap knows.

use super::flags::{self, Attestations};
use super::verb::Verb;
use crate::commands::annotate::Field;
use crate::commands::ls::Format;
use crate::manifest::PlatformSelector;
use crate::transport::Patience;
use clap::{ArgAction, Args, Command, CommandFactory as _, Parser};
use std::path::PathBuf;
use std::time::Duration;

/// The name of a flag's value that is one of Go's words for true and false. The value may be left out.
const BOOL: &str = "BOOL";

/// Put images for several platforms under one name in a registry
///
/// A drop-in replacement for `docker manifest`: the same commands, the same local drafts, the same bytes in the
/// registry.
#[derive(Debug, Parser)]
#[command(
    name = "mfst",
    version,
    disable_version_flag = true,
    disable_help_flag = true,
    args_override_self = true,
    override_usage = "mfst [OPTIONS] COMMAND",
    after_help = "Example:\n  mfst create example.com/app:1.0 example.com/app:1.0-amd64 example.com/app:1.0-arm64\n  \
                  mfst push example.com/app:1.0\n\nRun 'mfst COMMAND --help' for more information on a command."
)]
pub(super) struct Words {
    /// Location of client config files and local manifest lists [default: `$DOCKER_CONFIG`, else `~/.docker`]
    #[arg(long, value_name = "DIR", global = true, allow_hyphen_values = true)]
    pub(super) config: Option<PathBuf>,
    /// Say on stderr what is being done
    #[arg(short = 'D', long, global = true, value_name = BOOL, value_parser = flags::boolean)]
    pub(super) debug: bool,
    /// Set the logging level (debug, info, warn, error, fatal); debug is the same as --debug
    #[arg(short = 'l', long, value_name = "LEVEL", global = true, allow_hyphen_values = true)]
    pub(super) log_level: Option<String>,
    /// Print help
    #[arg(short, long, global = true, value_name = BOOL, value_parser = flags::boolean)]
    pub(super) help: bool,
    /// Send a registry at most this many requests at a time [default: `$MFST_JOBS`, else 100]
    #[arg(long, value_name = "N", global = true)]
    pub(super) jobs: Option<usize>,
    /// Retry a request that failed for a passing reason at most this often
    #[arg(long, value_name = "N", global = true, default_value_t = Patience::default().retries)]
    pub(super) retries: u32,
    /// Give up retrying a request after this time (90, 90s, 5m)
    #[arg(long, value_name = "TIME", global = true, default_value = "5m", value_parser = flags::duration)]
    pub(super) timeout: Duration,
    /// Print version information and quit
    #[arg(short = 'v', long, action = ArgAction::Version)]
    pub(super) version: Option<bool>,
    #[command(subcommand)]
    pub(super) command: Option<Verb>,
}

#[derive(Debug, Args)]
pub(super) struct AnnotateWords {
    /// The list and the image
    #[arg(value_name = "MANIFEST_LIST MANIFEST", hide = true)]
    pub(super) names: Vec<String>,
    /// Set architecture
    #[arg(long, default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    pub(super) arch: String,
    /// Set operating system
    #[arg(long, default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    pub(super) os: String,
    /// Set operating system feature (repeatable, or separated by commas)
    #[arg(long, value_name = "FEATURES", allow_hyphen_values = true, action = ArgAction::Append, value_parser = flags::comma_separated)]
    pub(super) os_features: Vec<Vec<String>>,
    /// Set operating system version
    #[arg(long, value_name = "VERSION", default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    pub(super) os_version: String,
    /// Set architecture variant
    #[arg(long, default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    pub(super) variant: String,
    /// Set an annotation of the entry, which makes the list an OCI index (repeatable)
    #[arg(long, value_name = "KEY=VALUE", allow_hyphen_values = true, action = ArgAction::Append, value_parser = flags::pair)]
    pub(super) annotation: Vec<(String, String)>,
    /// Clear variant, os-version, os-features, annotations, or annotation.KEY, before anything is set (repeatable)
    #[arg(long, value_name = "FIELD", action = ArgAction::Append, value_parser = flags::field)]
    pub(super) clear: Vec<Field>,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
#[derive(Debug, Args)]
pub(super) struct CreateWords {
    /// The list and its images
    #[arg(hide = true)]
    pub(super) names: Vec<String>,
    /// Amend an existing manifest list
    #[arg(short, long, value_name = BOOL, value_parser = flags::boolean)]
    pub(super) amend: bool,
    /// Start over: the list holds these images and no others
    #[arg(long, value_name = BOOL, value_parser = flags::boolean)]
    pub(super) replace: bool,
    /// Keep only the images for these platforms (os/arch[/variant]; repeatable, or separated by commas)
    #[arg(long, value_name = "PLATFORM", action = ArgAction::Append, value_parser = flags::platforms)]
    pub(super) platform: Vec<Vec<PlatformSelector>>,
    /// What to do with attestations of images in lists: keep or drop
    #[arg(long, value_name = "WHAT", default_value = "keep", value_parser = flags::attestations)]
    pub(super) attestations: Attestations,
    /// Allow communication with an insecure registry (unverified TLS, or plain HTTP)
    #[arg(long, value_name = BOOL, value_parser = flags::boolean)]
    pub(super) insecure: bool,
    /// Put the list right into its registry, and leave the local store alone
    #[arg(long, value_name = BOOL, value_parser = flags::boolean)]
    pub(super) push: bool,
    #[command(flatten)]
    pub(super) delivery: DeliveryWords,
}

#[derive(Debug, Args)]
pub(super) struct InspectWords {
    /// The list, if any, and the image
    #[arg(hide = true)]
    pub(super) names: Vec<String>,
    /// Allow communication with an insecure registry (unverified TLS, or plain HTTP)
    #[arg(long, value_name = BOOL, value_parser = flags::boolean)]
    pub(super) insecure: bool,
    /// Output additional info including layers and platform
    #[arg(short, long, value_name = BOOL, value_parser = flags::boolean)]
    pub(super) verbose: bool,
    /// Show the exact bytes: the registry's, or those that push would send
    #[arg(long, value_name = BOOL, value_parser = flags::boolean)]
    pub(super) raw: bool,
    /// Show the image for this platform in the list (os/arch[/variant])
    #[arg(long, value_name = "PLATFORM", value_parser = flags::platform)]
    pub(super) platform: Option<PlatformSelector>,
}

#[derive(Debug, Args)]
pub(super) struct LsWords {
    #[arg(hide = true)]
    pub(super) names: Vec<String>,
    /// Print names only
    #[arg(short, long, value_name = BOOL, value_parser = flags::boolean)]
    pub(super) quiet: bool,
    /// How to print: table or json
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = flags::format)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(super) struct PushWords {
    /// The list
    #[arg(hide = true)]
    pub(super) names: Vec<String>,
    /// Allow communication with an insecure registry (unverified TLS, or plain HTTP)
    #[arg(long, value_name = BOOL, value_parser = flags::boolean)]
    pub(super) insecure: bool,
    /// Remove the local manifest list after push
    #[arg(short, long, value_name = BOOL, value_parser = flags::boolean)]
    pub(super) purge: bool,
    /// Make sure before anything is sent that no tag the list was made from has moved
    #[arg(long, value_name = BOOL, value_parser = flags::boolean)]
    pub(super) verify: bool,
    #[command(flatten)]
    pub(super) delivery: DeliveryWords,
}

/// How a list is pushed.
#[derive(Debug, Args)]
pub(super) struct DeliveryWords {
    /// Print the digest only; create without --push prints nothing
    #[arg(short, long, value_name = BOOL, value_parser = flags::boolean)]
    pub(super) quiet: bool,
    /// Make what would be a warning an error
    #[arg(long, value_name = BOOL, value_parser = flags::boolean)]
    pub(super) strict: bool,
    /// Push under this tag too, or under this full reference (repeatable)
    #[arg(long, value_name = "TAG", action = ArgAction::Append)]
    pub(super) tag: Vec<String>,
    /// Write the digest of what has been pushed to this file
    #[arg(long, value_name = "FILE", allow_hyphen_values = true)]
    pub(super) digestfile: Option<PathBuf>,
    /// Write what has been pushed, and how, to this file, as JSON
    #[arg(long, value_name = "FILE", allow_hyphen_values = true)]
    pub(super) metadata_file: Option<PathBuf>,
    /// Push nothing: print the list, and on stderr its digest and the requests
    #[arg(long, value_name = BOOL, value_parser = flags::boolean)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct RemoveWords {
    /// The list and the entries
    #[arg(hide = true)]
    pub(super) names: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct RmWords {
    /// The lists
    #[arg(hide = true)]
    pub(super) names: Vec<String>,
}

/// The words, as clap knows them.
pub(super) fn definition() -> Command {
    with_optional_values(Words::command())
}

/// Lets the value of a flag be left out whose value is one of Go's words for true and false.
pub(super) fn with_optional_values(command: Command) -> Command {
    command.mut_args(|argument| {
        let names = argument.get_value_names().unwrap_or_default();
        if names.iter().all(|name| name != BOOL) {
            return argument;
        }
        let argument = argument.action(ArgAction::Set).num_args(0..=1).require_equals(true);
        argument.default_value("false").default_missing_value("true").hide_default_value(true)
    })
}
