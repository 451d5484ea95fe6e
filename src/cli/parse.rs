//! Reads a command line.

use super::args::Cli;
use super::{CliCommand, Invocation, Parsed, complete, help, usage};
use crate::error::UsageError;
use clap::error::ErrorKind;
use clap::{Arg, Command, CommandFactory as _, FromArgMatches as _};
use std::ffi::OsString;

/// The log levels that docker knows.
const LOG_LEVELS: [&str; 8] = ["panic", "fatal", "error", "warn", "warning", "info", "debug", "trace"];

pub(super) fn parse(arguments: &[OsString]) -> Result<Parsed, UsageError> {
    if let Some(words) = complete::words(arguments) {
        return Ok(Parsed::Run(Box::new(complete::invocation(Cli::command(), words))));
    }
    let mut root = Cli::command();
    let matches = match root.try_get_matches_from_mut(arguments) {
        Ok(matches) => matches,
        Err(error) if error.kind() == ErrorKind::DisplayVersion => return Ok(Parsed::Text(root.render_version())),
        Err(error) if error.kind() == ErrorKind::InvalidSubcommand => return unknown_command(&error, root, arguments),
        Err(error) => return Err(usage::from_clap(&error, &root, arguments)),
    };
    let cli = Cli::from_arg_matches(&matches).map_err(|error| usage::from_clap(&error, &root, arguments))?;
    if cli.help {
        return Ok(Parsed::Text(help::render(root, matches.subcommand_name())));
    }
    let debug = is_debug(cli.debug, cli.log_level.as_deref())?;
    let command = match cli.command {
        None => return Ok(Parsed::NoCommand(help::render(root, None))),
        Some(CliCommand::Completion(args)) => return args.into_text().map(Parsed::Text),
        Some(CliCommand::Help(args)) => return args.into_text(root).map(Parsed::Text),
        Some(CliCommand::Version(args)) => return args.into_text(&root).map(Parsed::Text),
        Some(CliCommand::Run(args)) => args.into_command()?,
    };
    let (config, network) = (cli.config, cli.network.into_network()?);
    Ok(Parsed::Run(Box::new(Invocation { config, debug, network, command })))
}

/// docker reads all flags before it looks at an unknown command: a wrong flag is reported first, `--help` is obeyed.
fn unknown_command(error: &clap::Error, root: Command, arguments: &[OsString]) -> Result<Parsed, UsageError> {
    let flags = root.get_arguments().filter(|arg| arg.is_global_set()).cloned();
    let names = Arg::new("names").num_args(0..);
    let flags_only = Command::new("mfst").disable_help_flag(true).args_override_self(true).args(flags).arg(names);
    let unknown = usage::from_clap(error, &root, arguments);
    match flags_only.try_get_matches_from(arguments) {
        Ok(matches) if matches.get_one("help") == Some(&true) => Ok(Parsed::Text(help::render(root, None))),
        Ok(_) => Err(unknown),
        Err(error) => Err(UsageError { hint: unknown.hint, ..usage::from_clap(&error, &root, arguments) }),
    }
}

fn is_debug(debug: bool, log_level: Option<&str>) -> Result<bool, UsageError> {
    let level = log_level.unwrap_or("info").to_lowercase();
    if !LOG_LEVELS.contains(&level.as_str()) {
        return Err(usage::log_level(log_level.unwrap_or_default()));
    }
    Ok(debug || matches!(level.as_str(), "debug" | "trace"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::create::{Destination, IfExists};
    use crate::commands::{self, annotate, create, push, rm};

    fn parsed(line: &str) -> Result<Parsed, UsageError> {
        parse(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    fn command(line: &str) -> commands::Command {
        match parsed(line) {
            Ok(Parsed::Run(invocation)) => invocation.command,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
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
                    commands::Command::Create(create::Options { destination: Destination::Store(IfExists::Amend), .. })
                ),
                "{words}"
            );
        }
        assert!(matches!(
            command("mfst push -p --purge=F L"),
            commands::Command::Push(push::Options { purge: false, .. })
        ));
        assert!(matches!(command("mfst push -p=false L"), commands::Command::Push(push::Options { purge: false, .. })));
        let commands::Command::Rm(rm) = command("mfst rm -- -a --b") else { panic!() };
        assert_eq!(rm.lists, rm::Lists::Named(vec!["-a".to_owned(), "--b".to_owned()]));
    }

    #[test]
    fn help_is_a_flag_like_the_others() {
        for words in
            ["mfst -h", "mfst push --help a b", "mfst --help=t push", "mfst bogus --help", "mfst push --help=0 -h"]
        {
            assert!(matches!(parsed(words), Ok(Parsed::Text(_))), "{words}");
        }
        assert!(matches!(command("mfst push --help=false a"), commands::Command::Push(_)));
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
        let commands::Command::Annotate(options) =
            command("mfst annotate --os --arch L A --os-features a,b --os-features c")
        else {
            panic!()
        };
        let annotate::Subject::Entry(_, options) = options.subject else { panic!() };
        assert_eq!((options.os.as_str(), options.os_features.len()), ("--arch", 3));
    }

    #[test]
    fn errors_have_the_messages_of_docker() {
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
            ("mfst bogus -xy --flag", "unknown shorthand flag: 'x' in -xy", 125),
            ("mfst bogus -v", "unknown shorthand flag: 'v' in -v", 125),
            ("mfst push -é", "unknown shorthand flag: 'Ã' in -é", 125),
            ("mfst bogus -- --flag", "mfst: unknown command: mfst bogus", 1),
            (
                "mfst bogus -h=x",
                "invalid argument \"x\" for \"--help\" flag: strconv.ParseBool: parsing \"x\": invalid syntax",
                125,
            ),
            ("mfst bogus --help --flag", "unknown flag: --flag", 125),
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
