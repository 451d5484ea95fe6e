//! The words that clap knows, and what they mean.

use super::usage::UsageError;
use super::{Invocation, Parsed, flags};
use crate::app::Network;
use crate::commands::{Command, annotate, create, inspect, push, rm};
use crate::transport::{DEFAULT_JOBS, Patience};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// The log levels that docker knows.
const LOG_LEVELS: [&str; 8] = ["panic", "fatal", "error", "warn", "warning", "info", "debug", "trace"];

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
struct Words {
    /// Location of client config files and local manifest lists [default: `$DOCKER_CONFIG`, else `~/.docker`]
    #[arg(long, value_name = "DIR", global = true, allow_hyphen_values = true)]
    config: Option<PathBuf>,
    /// Say on stderr what is being done
    #[arg(short = 'D', long, global = true, num_args = 0..=1, require_equals = true, value_name = "BOOL", default_value = "false", default_missing_value = "true", hide_default_value = true, value_parser = flags::boolean)]
    debug: bool,
    /// Set the logging level (debug, info, warn, error, fatal); debug is the same as --debug
    #[arg(short = 'l', long, value_name = "LEVEL", global = true, allow_hyphen_values = true)]
    log_level: Option<String>,
    /// Print help
    #[arg(short, long, global = true, num_args = 0..=1, require_equals = true, value_name = "BOOL", default_value = "false", default_missing_value = "true", hide_default_value = true, value_parser = flags::boolean)]
    help: bool,
    /// Send a registry at most this many requests at a time [default: `$MFST_JOBS`, else 100]
    #[arg(long, value_name = "N", global = true)]
    jobs: Option<usize>,
    /// Retry a request that failed for a passing reason at most this often
    #[arg(long, value_name = "N", global = true, default_value_t = Patience::default().retries)]
    retries: u32,
    /// Give up retrying a request after this time (90, 90s, 5m)
    #[arg(long, value_name = "TIME", global = true, default_value = "5m", value_parser = flags::duration)]
    timeout: Duration,
    /// Print version information and quit
    #[arg(short = 'v', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
    #[command(subcommand)]
    command: Option<Verb>,
}

#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
enum Verb {
    /// Add platform information to an image in a local manifest list
    #[command(
        args_override_self = true,
        override_usage = "mfst annotate [OPTIONS] MANIFEST_LIST MANIFEST",
        after_help = "Example:\n  mfst annotate --os linux --arch arm --variant v7 example.com/app:1.0 example.com/app:1.0-armhf"
    )]
    Annotate(AnnotateWords),
    /// Create a local manifest list for annotating and pushing to a registry
    #[command(
        args_override_self = true,
        override_usage = "mfst create [OPTIONS] MANIFEST_LIST MANIFEST [MANIFEST...]",
        after_help = "Example:\n  mfst create example.com/app:1.0 example.com/app:1.0-amd64 example.com/app:1.0-arm64"
    )]
    Create(CreateWords),
    /// Display an image manifest, or manifest list
    #[command(
        args_override_self = true,
        override_usage = "mfst inspect [OPTIONS] [MANIFEST_LIST] MANIFEST",
        after_help = "Example:\n  mfst inspect example.com/app:1.0\n  mfst inspect --verbose example.com/app:1.0 example.com/app:1.0-arm64"
    )]
    Inspect(InspectWords),
    /// Push a manifest list to a repository
    #[command(
        args_override_self = true,
        override_usage = "mfst push [OPTIONS] MANIFEST_LIST",
        after_help = "Example:\n  mfst push --purge example.com/app:1.0"
    )]
    Push(PushWords),
    /// Delete one or more manifest lists from local storage
    #[command(
        args_override_self = true,
        override_usage = "mfst rm [OPTIONS] MANIFEST_LIST [MANIFEST_LIST...]",
        after_help = "Example:\n  mfst rm example.com/app:1.0"
    )]
    Rm(RmWords),
}

#[derive(Debug, Args)]
struct AnnotateWords {
    /// The list and the image
    #[arg(value_name = "MANIFEST_LIST MANIFEST", hide = true)]
    names: Vec<String>,
    /// Set architecture
    #[arg(long, default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    arch: String,
    /// Set operating system
    #[arg(long, default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    os: String,
    /// Set operating system feature (repeatable, or separated by commas)
    #[arg(long, value_name = "FEATURES", allow_hyphen_values = true, action = clap::ArgAction::Append, value_parser = flags::comma_separated)]
    os_features: Vec<Vec<String>>,
    /// Set operating system version
    #[arg(long, value_name = "VERSION", default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    os_version: String,
    /// Set architecture variant
    #[arg(long, default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    variant: String,
}

#[derive(Debug, Args)]
struct CreateWords {
    /// The list and its images
    #[arg(hide = true)]
    names: Vec<String>,
    /// Amend an existing manifest list
    #[arg(short, long, num_args = 0..=1, require_equals = true, value_name = "BOOL", default_value = "false", default_missing_value = "true", hide_default_value = true, value_parser = flags::boolean)]
    amend: bool,
    /// Allow communication with an insecure registry (unverified TLS, or plain HTTP)
    #[arg(long, num_args = 0..=1, require_equals = true, value_name = "BOOL", default_value = "false", default_missing_value = "true", hide_default_value = true, value_parser = flags::boolean)]
    insecure: bool,
}

#[derive(Debug, Args)]
struct InspectWords {
    /// The list, if any, and the image
    #[arg(hide = true)]
    names: Vec<String>,
    /// Allow communication with an insecure registry (unverified TLS, or plain HTTP)
    #[arg(long, num_args = 0..=1, require_equals = true, value_name = "BOOL", default_value = "false", default_missing_value = "true", hide_default_value = true, value_parser = flags::boolean)]
    insecure: bool,
    /// Output additional info including layers and platform
    #[arg(short, long, num_args = 0..=1, require_equals = true, value_name = "BOOL", default_value = "false", default_missing_value = "true", hide_default_value = true, value_parser = flags::boolean)]
    verbose: bool,
}

#[derive(Debug, Args)]
struct PushWords {
    /// The list
    #[arg(hide = true)]
    names: Vec<String>,
    /// Allow communication with an insecure registry (unverified TLS, or plain HTTP)
    #[arg(long, num_args = 0..=1, require_equals = true, value_name = "BOOL", default_value = "false", default_missing_value = "true", hide_default_value = true, value_parser = flags::boolean)]
    insecure: bool,
    /// Remove the local manifest list after push
    #[arg(short, long, num_args = 0..=1, require_equals = true, value_name = "BOOL", default_value = "false", default_missing_value = "true", hide_default_value = true, value_parser = flags::boolean)]
    purge: bool,
}

#[derive(Debug, Args)]
struct RmWords {
    /// The lists
    #[arg(hide = true)]
    names: Vec<String>,
}

pub(super) fn parse(words: &[OsString]) -> Result<Parsed, UsageError> {
    let mut root = Words::command();
    let matches = match root.try_get_matches_from_mut(words) {
        Ok(matches) => matches,
        Err(error) if error.kind() == ErrorKind::DisplayVersion => {
            return Ok(Parsed::Text(error.render().to_string()));
        }
        // docker looks at the flags behind an unknown command before it looks at the command.
        Err(error)
            if error.kind() == ErrorKind::InvalidSubcommand
                && words.iter().any(|word| word == "--help" || word == "-h") =>
        {
            return Ok(Parsed::Text(root.render_long_help().to_string()));
        }
        Err(error) => return Err(UsageError::from_clap(&error, &root, words)),
    };
    let words = Words::from_arg_matches(&matches).map_err(|error| UsageError::from_clap(&error, &root, words))?;
    if words.help {
        let help = match matches.subcommand_name().and_then(|name| root.find_subcommand_mut(name)) {
            Some(command) => command.render_help(),
            None => root.render_long_help(),
        };
        return Ok(Parsed::Text(help.to_string()));
    }
    let level = words.log_level.unwrap_or_else(|| "info".to_owned());
    if !LOG_LEVELS.contains(&level.to_lowercase().as_str()) {
        return Err(UsageError::log_level(&level));
    }
    let debug = words.debug || matches!(level.to_lowercase().as_str(), "debug" | "trace");
    match words.command {
        None => Ok(Parsed::NoCommand(root.render_help().to_string())),
        Some(verb) => {
            let patience = Patience { retries: words.retries, limit: words.timeout };
            let network = Network { patience, jobs: words.jobs.or_else(jobs_variable).unwrap_or(DEFAULT_JOBS) };
            let (config, command) = (words.config, verb.meaning()?);
            Ok(Parsed::Run(Box::new(Invocation { config, debug, network, command })))
        }
    }
}

/// A value that is no number is no reason to stop: it may be meant for something else of that name.
fn jobs_variable() -> Option<usize> {
    std::env::var("MFST_JOBS").ok()?.parse().ok()
}

impl Verb {
    fn meaning(self) -> Result<Command, UsageError> {
        Ok(match self {
            Self::Annotate(AnnotateWords { names, arch, os, os_features, os_version, variant }) => {
                let mut names = counted("annotate", "2 arguments", names, 2..=2)?;
                let (image, list) = (names.pop().unwrap_or_default(), names.pop().unwrap_or_default());
                let os_features = os_features.concat();
                Command::Annotate(annotate::Options { list, image, arch, os, os_features, os_version, variant })
            }
            Self::Create(words) => {
                let mut names = counted("create", "at least 2 arguments", words.names, 2..)?.into_iter();
                let (list, images) = (names.next().unwrap_or_default(), names.collect());
                Command::Create(create::Options { list, images, amend: words.amend, insecure: words.insecure })
            }
            Self::Inspect(words) => {
                let mut names = counted("inspect", "at least 1 and at most 2 arguments", words.names, 1..=2)?;
                let name = names.pop().unwrap_or_default();
                let (verbose, insecure) = (words.verbose, words.insecure);
                // docker takes an empty name of the list for none.
                let list = names.pop().filter(|list| !list.is_empty());
                Command::Inspect(inspect::Options { list, name, verbose, insecure })
            }
            Self::Push(words) => {
                let list = counted("push", "1 argument", words.names, 1..=1)?.pop().unwrap_or_default();
                Command::Push(push::Options { list, purge: words.purge, insecure: words.insecure })
            }
            Self::Rm(words) => {
                Command::Rm(rm::Options { lists: counted("rm", "at least 1 argument", words.names, 1..)? })
            }
        })
    }
}

/// docker counts the arguments after it has read the flags, so a wrong flag is reported before a missing argument.
fn counted(
    command: &str,
    wanted: &str,
    names: Vec<String>,
    count: impl std::ops::RangeBounds<usize>,
) -> Result<Vec<String>, UsageError> {
    if count.contains(&names.len()) { Ok(names) } else { Err(UsageError::arguments(command, wanted)) }
}

/// How a command is used, in one line.
pub(super) fn usage_line(command: &str) -> String {
    let mut root = Words::command();
    let usage = root.find_subcommand_mut(command).map(clap::Command::render_usage);
    let usage = usage.unwrap_or_else(|| root.render_usage()).to_string();
    usage.trim_start_matches("Usage:").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &str) -> Result<Parsed, UsageError> {
        parse(&words.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    fn command(words: &str) -> Command {
        match parsed(words) {
            Ok(Parsed::Run(invocation)) => invocation.command,
            other => panic!("{words}: {other:?}"),
        }
    }

    #[test]
    fn the_definition_is_consistent() {
        Words::command().debug_assert();
    }

    #[test]
    fn flags_may_be_anywhere_and_the_last_one_counts() {
        for words in [
            "mfst create -a L A",
            "mfst create L --amend A",
            "mfst create L A --amend=false -a",
            "mfst create --amend L --amend A",
        ] {
            assert!(matches!(command(words), Command::Create(create::Options { amend: true, .. })), "{words}");
        }
        assert!(matches!(command("mfst push -p --purge=F L"), Command::Push(push::Options { purge: false, .. })));
        assert!(matches!(command("mfst push -p=false L"), Command::Push(push::Options { purge: false, .. })));
        let Command::Rm(rm) = command("mfst rm -- -a --b") else { panic!() };
        assert_eq!(rm.lists, ["-a", "--b"]);
    }

    #[test]
    fn help_is_a_flag_like_the_others() {
        for words in
            ["mfst -h", "mfst push --help a b", "mfst --help=t push", "mfst bogus --help", "mfst push --help=0 -h"]
        {
            assert!(matches!(parsed(words), Ok(Parsed::Text(_))), "{words}");
        }
        assert!(matches!(command("mfst push --help=false a"), Command::Push(_)));
        assert!(matches!(parsed("mfst --help=false"), Ok(Parsed::NoCommand(_))));
        let Ok(Parsed::Text(help)) = parsed("mfst --help push") else { panic!() };
        assert!(help.contains("mfst push"), "{help}");
        for (words, exit_code) in
            [("mfst push --help --bogus", 125), ("mfst push --help=x", 125), ("mfst bogus --help=0", 1)]
        {
            assert_eq!(parsed(words).unwrap_err().exit_code, exit_code, "{words}");
        }
    }

    #[test]
    fn values_may_look_like_flags() {
        let Command::Annotate(options) = command("mfst annotate --os --arch L A --os-features a,b --os-features c")
        else {
            panic!()
        };
        assert_eq!((options.os.as_str(), options.os_features.len()), ("--arch", 3));
    }

    #[test]
    fn complaints_are_worded_as_dockers() {
        for (words, first_line, exit_code) in [
            ("mfst create --bogus a b", "unknown flag: --bogus", 125),
            ("mfst create --bogus=x a b", "unknown flag: --bogus", 125),
            ("mfst create -axy a b", "unknown shorthand flag: 'x' in -xy", 125),
            ("mfst create ---x a b", "bad flag syntax: ---x", 125),
            ("mfst create --=x a b", "bad flag syntax: --=x", 125),
            ("mfst annotate a b --os", "flag needs an argument: --os", 125),
            (
                "mfst push -p=x a",
                "invalid argument \"x\" for \"-p, --purge\" flag: strconv.ParseBool: parsing \"x\": invalid syntax",
                125,
            ),
            (
                "mfst create --insecure= a b",
                "invalid argument \"\" for \"--insecure\" flag: strconv.ParseBool: parsing \"\": invalid syntax",
                125,
            ),
            (
                "mfst annotate a --os-features a\"b",
                "invalid argument \"a\\\"b\" for \"--os-features\" flag: parse error on line 1, column 2: bare \" in non-quoted-field",
                125,
            ),
            (
                "mfst annotate --os-features=\" a --bogus",
                "invalid argument \"\\\"\" for \"--os-features\" flag: parse error on line 1, column 2: extraneous or missing \" in quoted-field",
                125,
            ),
            ("mfst create a", "mfst: 'mfst create' requires at least 2 arguments", 1),
            ("mfst inspect a b c", "mfst: 'mfst inspect' requires at least 1 and at most 2 arguments", 1),
            ("mfst push", "mfst: 'mfst push' requires 1 argument", 1),
            ("mfst bogus a --flag", "unknown flag: --flag", 125),
            ("mfst inspect -v= a", "unknown shorthand flag: '=' in -=", 125),
            ("mfst bogus", "mfst: unknown command: mfst bogus", 1),
            ("mfst -l bogus rm a", "Unable to parse logging level: bogus", 1),
        ] {
            let error = parsed(words).unwrap_err();
            assert_eq!(error.to_string().lines().next().unwrap(), first_line, "{words}");
            assert_eq!(error.exit_code, exit_code, "{words}");
        }
    }
}
