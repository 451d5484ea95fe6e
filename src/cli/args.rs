//! The global flags, and the flags that several commands share.

use super::CliCommand;
use super::usage;
use super::values::{
    like_pflag, parse_annotation, parse_duration, parse_expect, parse_jobs, parse_media_type, parse_platforms,
    parse_progress, parse_report_format, parse_retries,
};
use crate::app::Network;
use crate::commands::ReportFormat;
use crate::commands::list_options::{Annotation, ListOptions};
use crate::error::UsageError;
use crate::manifest::{IndexFormat, PlatformSelector};
use crate::output::ProgressMode;
use crate::publish::PushOptions;
use crate::registry::Precondition;
use crate::resolve::Absent;
use crate::transport::{DEFAULT_JOBS, RetryPolicy};
use clap::{ArgAction, Args, Parser};
use std::path::PathBuf;
use std::time::Duration;

/// The heading of the flags that every command accepts.
pub(super) const GLOBAL_OPTIONS: &str = "Global options";

/// Put images for several platforms under one name in a registry
///
/// A drop-in replacement for docker manifest: the same commands, the same local manifest lists, the same bytes in the
/// registry.
#[derive(Debug, Parser)]
#[command(
    name = "mfst",
    version,
    disable_version_flag = true,
    disable_help_flag = true,
    disable_help_subcommand = true,
    args_override_self = true,
    next_help_heading = GLOBAL_OPTIONS,
    override_usage = "mfst [OPTIONS] COMMAND",
    after_help = "mfst create example.com/app:1.0 example.com/app:1.0-amd64 example.com/app:1.0-arm64\n\
                  mfst push --tag latest example.com/app:1.0",
    mut_args = like_pflag
)]
pub(super) struct Cli {
    #[arg(
        long,
        help = "Directory of config.json and of the local manifest lists [default: $DOCKER_CONFIG or ~/.docker]",
        value_name = "DIR",
        global = true
    )]
    pub(super) config: Option<PathBuf>,
    /// Print every request and decision on stderr
    #[arg(short = 'D', long, global = true)]
    pub(super) debug: bool,
    /// Logging level: debug, info, warn, error or fatal; debug is the same as --debug
    #[arg(short = 'l', long, value_name = "LEVEL", global = true)]
    pub(super) log_level: Option<String>,
    #[command(flatten)]
    pub(super) network: NetworkArgs,
    /// Print help
    #[arg(short, long, global = true)]
    pub(super) help: bool,
    /// Print the version
    #[arg(short = 'v', long, action = ArgAction::Version)]
    pub(super) version: Option<bool>,
    #[command(subcommand)]
    pub(super) command: Option<CliCommand>,
}

// A doc comment on a flattened struct would become the description of the command.

// Accepted by all commands; shown in the help of those with `RegistryArgs`.
#[derive(Debug, Args)]
pub(super) struct NetworkArgs {
    #[arg(long, help = "Send a registry at most N requests at a time, N up to 1000 [default: $MFST_JOBS or 100]", value_name = "N", global = true, value_parser = parse_jobs)]
    jobs: Option<usize>,
    /// Retry a temporary failure at most N times
    #[arg(long, value_name = "N", global = true, default_value_t = RetryPolicy::default().retries, value_parser = parse_retries)]
    retries: u32,
    /// Stop retrying a request after this time: 90, 90s, 5m, 1h30m
    #[arg(long, value_name = "TIME", global = true, default_value = "5m", value_parser = parse_duration)]
    timeout: Duration,
}

impl NetworkArgs {
    /// The network settings; `MFST_JOBS` counts where there is no `--jobs`.
    pub(super) fn into_network(self) -> Result<Network, UsageError> {
        let jobs = match self.jobs {
            Some(jobs) => Some(jobs),
            None => jobs_variable()?,
        };
        let retry_policy = RetryPolicy { retries: self.retries, limit: self.timeout };
        Ok(Network { retry_policy, jobs: jobs.unwrap_or(DEFAULT_JOBS) })
    }
}

/// `MFST_JOBS`, if it is set and not empty.
fn jobs_variable() -> Result<Option<usize>, UsageError> {
    let Some(value) = std::env::var_os("MFST_JOBS").filter(|value| !value.is_empty()) else { return Ok(None) };
    let value = value.to_string_lossy();
    parse_jobs(&value).map(Some).map_err(|error| usage::invalid_variable("MFST_JOBS", &value, &error))
}

// For commands that talk to registries.
#[derive(Debug, Args)]
pub(super) struct RegistryArgs {
    /// Allow communication with an insecure registry (unverified TLS, or plain HTTP)
    #[arg(long)]
    pub(super) insecure: bool,
}

// For commands that report what they have found in a registry.
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// Output format: text or json
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = parse_report_format)]
    pub(super) format: ReportFormat,
    #[command(flatten)]
    pub(super) registry: RegistryArgs,
}

// For commands that take images which may not exist yet.
#[derive(Debug, Args)]
pub(super) struct AbsentArgs {
    /// Wait this long for images that do not exist yet: 90, 90s, 5m, 1h30m
    #[arg(long, value_name = "TIME", default_value = "0", hide_default_value = true, value_parser = parse_duration)]
    wait: Duration,
    /// Leave out images that do not exist, with a warning
    #[arg(long)]
    ignore_missing: bool,
}

impl From<AbsentArgs> for Absent {
    fn from(args: AbsentArgs) -> Self {
        Self { wait: args.wait, ignore: args.ignore_missing }
    }
}

// For commands that say something about the list itself.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Set an annotation, which makes the list an OCI index (repeatable); linux/amd64:KEY=VALUE and DIGEST:KEY=VALUE set
    /// that of entries, index:KEY=VALUE that of the list
    #[arg(long, value_name = "KEY=VALUE", action = ArgAction::Append, value_parser = parse_annotation)]
    pub(super) annotation: Vec<Annotation>,
    /// Set the format of the list: auto, docker or oci
    #[arg(long, value_name = "FORMAT", value_parser = parse_media_type)]
    media_type: Option<IndexFormat>,
    /// Set the subject, the manifest that the list refers to, which makes it an OCI index
    #[arg(long, value_name = "REF")]
    pub(super) subject: Option<String>,
    /// Set the artifact type, which makes the list an OCI index
    #[arg(long, value_name = "TYPE")]
    artifact_type: Option<String>,
}

impl From<ListArgs> for ListOptions {
    fn from(args: ListArgs) -> Self {
        let ListArgs { annotation, media_type, subject, artifact_type } = args;
        Self { annotations: annotation, format: media_type, subject, artifact_type }
    }
}

// For commands that push. The command sets the heading; a flag that works without a push too has none.
#[derive(Debug, Args)]
pub(super) struct PushArgs {
    /// Print only the digest of what was pushed, if anything
    #[arg(short, long, help_heading = None::<&str>)]
    pub(super) quiet: bool,
    /// Show progress on stderr: auto (bars on a terminal, elsewhere lines after 5 seconds), plain (lines) or none
    #[arg(long, value_name = "MODE", help_heading = None::<&str>, value_parser = parse_progress)]
    progress: Option<ProgressMode>,
    /// Treat warnings as errors
    #[arg(long, help_heading = None::<&str>)]
    pub(super) strict: bool,
    /// Push under this tag too, or under this full reference (repeatable)
    #[arg(long, value_name = "TAG", action = ArgAction::Append)]
    pub(super) tag: Vec<String>,
    /// Write the digest of what was pushed to this file
    #[arg(long, value_name = "FILE")]
    pub(super) digestfile: Option<PathBuf>,
    /// Write what was pushed, and how, to this file as JSON
    #[arg(long, value_name = "FILE")]
    pub(super) metadata_file: Option<PathBuf>,
    /// Push nothing: print the list, and on stderr its digest and the requests
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Fail before anything is sent unless the list has images for these platforms (repeatable, or separated by commas)
    #[arg(long, value_name = "PLATFORM", action = ArgAction::Append, value_parser = parse_platforms)]
    pub(super) require_platform: Vec<Vec<PlatformSelector>>,
    /// Move tags only if they mean this digest or, with none, if they do not exist
    #[arg(long, value_name = "DIGEST", value_parser = parse_expect)]
    pub(super) expect: Option<Precondition>,
}

impl PushArgs {
    /// A given flag that has no meaning for several names with several digests.
    pub(super) fn flag_for_one_name(&self) -> Option<&'static str> {
        let given = [
            ("--tag", !self.tag.is_empty()),
            ("--digestfile", self.digestfile.is_some()),
            ("--metadata-file", self.metadata_file.is_some()),
        ];
        given.into_iter().find(|(_, is_given)| *is_given).map(|(flag, _)| flag)
    }

    /// How to show progress; `--quiet` alone means none.
    pub(super) fn progress(&self) -> ProgressMode {
        self.progress.unwrap_or(if self.quiet { ProgressMode::None } else { ProgressMode::Auto })
    }

    /// A given flag that has no meaning without a push.
    pub(super) fn flag_that_needs_push(&self) -> Option<&'static str> {
        let given = [
            ("--tag", !self.tag.is_empty()),
            ("--digestfile", self.digestfile.is_some()),
            ("--metadata-file", self.metadata_file.is_some()),
            ("--dry-run", self.dry_run),
            ("--require-platform", !self.require_platform.is_empty()),
            ("--expect", self.expect.is_some()),
        ];
        given.into_iter().find(|(_, is_given)| *is_given).map(|(flag, _)| flag)
    }
}

impl From<PushArgs> for PushOptions {
    fn from(args: PushArgs) -> Self {
        let progress = args.progress();
        let PushArgs { quiet, progress: _, strict, tag, digestfile, metadata_file, dry_run, require_platform, expect } =
            args;
        Self {
            tags: tag,
            quiet,
            progress,
            digest_file: digestfile,
            metadata_file,
            dry_run,
            strict,
            require_platforms: require_platform.concat(),
            expect,
        }
    }
}
