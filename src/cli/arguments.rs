//! What the words on the command line mean.

use super::flags::Attestations;
use super::usage::UsageError;
use super::verb::Verb;
use super::words::{AnnotateWords, CreateWords, DeliveryWords, InspectWords, LsWords, PushWords, Words, definition};
use super::{Invocation, Parsed};
use crate::app::Network;
use crate::commands::create::{Destination, IfThere};
use crate::commands::{Command, annotate, create, inspect, ls, push, remove, rm};
use crate::resolve::Selection;
use crate::transport::{DEFAULT_JOBS, Patience};
use clap::FromArgMatches as _;
use clap::error::ErrorKind;
use std::ffi::OsString;

/// The log levels that docker knows.
const LOG_LEVELS: [&str; 8] = ["panic", "fatal", "error", "warn", "warning", "info", "debug", "trace"];

pub(super) fn parse(words: &[OsString]) -> Result<Parsed, UsageError> {
    let mut root = definition();
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
            Self::Annotate(words) => annotate(words)?,
            Self::Create(words) => create(words)?,
            Self::Inspect(words) => inspect(words)?,
            Self::Ls(LsWords { names, quiet, format }) => {
                counted("ls", "0 arguments", names, 0..=0)?;
                Command::Ls(ls::Options { quiet, format })
            }
            Self::Push(words) => push(words)?,
            Self::Remove(words) => {
                let mut names = counted("remove", "at least 2 arguments", words.names, 2..)?.into_iter();
                let (list, entries) = (names.next().unwrap_or_default(), names.collect());
                Command::Remove(remove::Options { list, entries })
            }
            Self::Rm(words) => {
                Command::Rm(rm::Options { lists: counted("rm", "at least 1 argument", words.names, 1..)? })
            }
        })
    }
}

fn annotate(words: AnnotateWords) -> Result<Command, UsageError> {
    let AnnotateWords { names, arch, os, os_features, os_version, variant, annotation, clear } = words;
    let mut names = counted("annotate", "2 arguments", names, 2..=2)?;
    let (image, list) = (names.pop().unwrap_or_default(), names.pop().unwrap_or_default());
    let (os_features, annotations) = (os_features.concat(), annotation);
    let options = annotate::Options { list, image, arch, os, os_features, os_version, variant, annotations, clear };
    Ok(Command::Annotate(options))
}

fn create(words: CreateWords) -> Result<Command, UsageError> {
    let CreateWords { names, amend, replace, platform, attestations, insecure, push, delivery } = words;
    let mut names = counted("create", "at least 2 arguments", names, 2..)?.into_iter();
    let (list, images) = (names.next().unwrap_or_default(), names.collect());
    let selection =
        Selection { platforms: platform.concat(), without_attestations: attestations == Attestations::Drop };
    let (strict, quiet) = (delivery.strict, delivery.quiet);
    let conflict = |message: &str| Err(UsageError::conflict("create", message.to_owned()));
    let destination = match (push, amend, replace, delivery.only_for_push()) {
        (true, false, false, _) => Destination::Registry(delivery.meaning()),
        (true, _, _, _) => {
            return conflict("--push leaves the local store alone; it goes with neither --amend nor --replace");
        }
        (false, true, true, _) => return conflict("--amend and --replace exclude each other"),
        (false, _, _, Some(flag)) => return conflict(&format!("{flag} needs --push")),
        (false, true, false, None) => Destination::Store(IfThere::Amend),
        (false, false, true, None) => Destination::Store(IfThere::Replace),
        (false, false, false, None) => Destination::Store(IfThere::Refuse),
    };
    Ok(Command::Create(create::Options { list, images, destination, selection, insecure, strict, quiet }))
}

fn inspect(words: InspectWords) -> Result<Command, UsageError> {
    let InspectWords { names, insecure, verbose, raw, platform } = words;
    let mut names = counted("inspect", "at least 1 and at most 2 arguments", names, 1..=2)?;
    let name = names.pop().unwrap_or_default();
    // docker takes an empty name of the list for none.
    let list = names.pop().filter(|list| !list.is_empty());
    let look = match (raw, verbose) {
        (true, true) => {
            let message = "--raw shows what is there, --verbose what is known about it; choose one";
            return Err(UsageError::conflict("inspect", message.to_owned()));
        }
        (true, false) => inspect::Look::Raw,
        (false, true) => inspect::Look::Verbose,
        (false, false) => inspect::Look::Plain,
    };
    Ok(Command::Inspect(inspect::Options { list, name, look, platform, insecure }))
}

fn push(words: PushWords) -> Result<Command, UsageError> {
    let PushWords { names, insecure, purge, verify, delivery } = words;
    let list = counted("push", "1 argument", names, 1..=1)?.pop().unwrap_or_default();
    Ok(Command::Push(push::Options { list, purge, insecure, verify, delivery: delivery.meaning() }))
}

impl DeliveryWords {
    /// A flag that has been given and says something about a push.
    fn only_for_push(&self) -> Option<&'static str> {
        let given = [
            ("--tag", !self.tag.is_empty()),
            ("--digestfile", self.digestfile.is_some()),
            ("--metadata-file", self.metadata_file.is_some()),
            ("--dry-run", self.dry_run),
        ];
        given.into_iter().find(|(_, is_given)| *is_given).map(|(flag, _)| flag)
    }

    fn meaning(self) -> push::Delivery {
        let Self { quiet, strict, tag, digestfile, metadata_file, dry_run } = self;
        push::Delivery { tags: tag, quiet, digest_file: digestfile, metadata_file, dry_run, strict }
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
    let mut root = definition();
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
        definition().debug_assert();
    }

    #[test]
    fn flags_may_be_anywhere_and_the_last_one_counts() {
        for words in [
            "mfst create -a L A",
            "mfst create L --amend A",
            "mfst create L A --amend=false -a",
            "mfst create --amend L --amend A",
        ] {
            assert!(
                matches!(
                    command(words),
                    Command::Create(create::Options { destination: Destination::Store(IfThere::Amend), .. })
                ),
                "{words}"
            );
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
