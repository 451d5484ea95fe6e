//! Errors about the command line, in docker's words.

use super::args::Cli;
use crate::error::{COULD_NOT_TELL, UsageError};
use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;
use std::fmt::Display;
use std::ops::{Bound, RangeBounds};

/// An error whose message is followed by the usage of the command.
fn usage_error(message: &str, command: &str, exit_code: u8) -> UsageError {
    let name = full_name(command);
    let usage = usage_line(command);
    let message = format!("{message}\n\nUsage:  {usage}\n\nRun '{name} --help' for more information");
    UsageError { message, exit_code, hint: None }
}

/// The arguments, if their number is right. docker counts them after it has read the flags, so that a wrong flag is
/// reported before a missing argument.
pub(super) fn expect_args(
    command: &str,
    args: Vec<String>,
    count: impl RangeBounds<usize>,
) -> Result<Vec<String>, UsageError> {
    if count.contains(&args.len()) {
        return Ok(args);
    }
    let expected = count_in_words(count);
    Err(usage_error(&format!("mfst: '{}' {expected}", full_name(command)), command, 1))
}

/// The wording of docker (`cli/required.go`).
fn count_in_words(count: impl RangeBounds<usize>) -> String {
    let min = if let Bound::Included(min) = count.start_bound() { *min } else { 0 };
    let max = if let Bound::Included(max) = count.end_bound() { Some(*max) } else { None };
    let arguments = |number: usize| if number == 1 { "1 argument".to_owned() } else { format!("{number} arguments") };
    match (min, max) {
        (_, Some(0)) => "accepts no arguments".to_owned(),
        (min, None) => format!("requires at least {}", arguments(min)),
        (0, Some(max)) => format!("requires at most {}", arguments(max)),
        (min, Some(max)) if min == max => format!("requires {}", arguments(max)),
        (min, Some(max)) => format!("requires at least {min} and at most {}", arguments(max)),
    }
}

/// Flags that cannot be combined.
pub(super) fn conflict(command: &str, message: &str) -> UsageError {
    usage_error(message, command, 1)
}

/// An error of a command whose exit code 1 is an answer.
pub(super) fn question(error: UsageError) -> UsageError {
    UsageError { exit_code: COULD_NOT_TELL, ..error }
}

/// A flag that means nothing to the command.
pub(super) fn unknown_flag(command: &str, flag: &str) -> UsageError {
    usage_error(&format!("unknown flag: {flag}"), command, 125)
}

/// An unknown log level.
pub(super) fn log_level(level: &str) -> UsageError {
    UsageError { message: format!("Unable to parse logging level: {level}"), exit_code: 1, hint: None }
}

/// An environment variable with a bad value.
pub(super) fn invalid_variable(name: &str, value: &str, reason: impl Display) -> UsageError {
    let message = format!("invalid value \"{}\" of {name}: {reason}", escape(value));
    UsageError { message, exit_code: 1, hint: None }
}

fn invalid_value(command: &str, flag: &str, value: &str, reason: &str) -> UsageError {
    usage_error(&format!("invalid argument \"{}\" for \"{flag}\" flag: {reason}", escape(value)), command, 125)
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"")
}

/// Rewords an error of clap's as docker's.
pub(super) fn from_clap(error: &clap::Error, root: &clap::Command, arguments: &[OsString]) -> UsageError {
    let command = &command_of(root, arguments);
    let text = |kind| error.get(kind).map(ToString::to_string).unwrap_or_default();
    let flag = text(ContextKind::InvalidArg);
    let reworded = match error.kind() {
        ErrorKind::UnknownArgument => usage_error(&describe_unknown_flag(&flag, arguments), command, 125),
        ErrorKind::InvalidValue => {
            let flag = flag.split([' ', '=', '[']).next().unwrap_or_default();
            usage_error(&format!("flag needs an argument: {flag}"), command, 125)
        }
        // pflag takes `-v=` for the flags `v` and `=`.
        ErrorKind::ValueValidation if arguments.iter().any(is_empty_shorthand) => {
            usage_error("unknown shorthand flag: '=' in -=", command, 125)
        }
        ErrorKind::ValueValidation => {
            let reason = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            let flag = with_shorthand(root, command, &flag);
            invalid_value(command, &flag, &text(ContextKind::InvalidValue), &reason)
        }
        ErrorKind::InvalidSubcommand => {
            let name = text(ContextKind::InvalidSubcommand);
            usage_error(&format!("mfst: unknown command: mfst {name}"), command, 1)
        }
        _ => UsageError { message: error.to_string().trim_end().to_owned(), exit_code: 1, hint: None },
    };
    let name = suggestion(error).or_else(|| long_flag_with_one_dash(error, root, command, arguments));
    let hint = name.map(|name| format!("did you mean '{name}'?"));
    UsageError { hint, ..reworded }
}

/// The known name that is most like the unknown one, if any is like it.
fn suggestion(error: &clap::Error) -> Option<String> {
    match (error.get(ContextKind::SuggestedArg), error.get(ContextKind::SuggestedSubcommand)) {
        (Some(ContextValue::String(flag)), _) => Some(flag.clone()),
        // The best one is the last.
        (_, Some(ContextValue::Strings(commands))) => Some(format!("mfst {}", commands.last()?)),
        _ => None,
    }
}

/// `--purge` for `-purge`, which pflag takes for a cluster of short flags.
fn long_flag_with_one_dash(
    error: &clap::Error,
    root: &clap::Command,
    command: &str,
    arguments: &[OsString],
) -> Option<String> {
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let command = root.find_subcommand(command).unwrap_or(root);
    let is_long = |name: &&str| command.get_arguments().any(|arg| arg.get_long() == Some(name));
    let name = |word: &OsString| Some(word.to_str()?.strip_prefix('-')?.split('=').next()?.to_owned());
    let name = arguments.iter().filter_map(name).find(|name| is_long(&name.as_str()))?;
    Some(format!("--{name}"))
}

/// How a command is used, in one line.
pub(super) fn usage_line(command: &str) -> String {
    let mut root = Cli::command();
    let usage = root.find_subcommand_mut(command).map(clap::Command::render_usage);
    let usage = usage.unwrap_or_else(|| root.render_usage()).to_string();
    usage.trim_start_matches("Usage:").trim().to_owned()
}

fn is_empty_shorthand(word: &OsString) -> bool {
    let word = word.to_string_lossy();
    word.len() == 3 && !word.starts_with("--") && word.starts_with('-') && word.ends_with('=')
}

fn full_name(command: &str) -> String {
    if command.is_empty() { "mfst".to_owned() } else { format!("mfst {command}") }
}

/// The first word that is a command.
fn command_of(root: &clap::Command, words: &[OsString]) -> String {
    let known = |word: &&OsString| root.get_subcommands().any(|command| command.get_name() == word.to_string_lossy());
    words.iter().skip(1).find(known).map(|word| word.to_string_lossy().into_owned()).unwrap_or_default()
}

/// pflag names the rest of the cluster in which it met an unknown letter.
fn describe_unknown_flag(flag: &str, words: &[OsString]) -> String {
    if flag.starts_with("--") {
        let word = words.iter().map(|word| word.to_string_lossy()).find(|word| word.starts_with(flag));
        return match word {
            Some(word) if word.starts_with("---") || word.starts_with("--=") => format!("bad flag syntax: {word}"),
            _ => format!("unknown flag: {}", flag.split('=').next().unwrap_or_default()),
        };
    }
    let letter = flag.chars().nth(1).unwrap_or_default();
    let clusters = words.iter().map(|word| word.to_string_lossy().into_owned());
    let cluster = clusters.filter(|word| word.starts_with('-') && !word.starts_with("--")).find_map(|word| {
        let at = word[1..].find(letter)?;
        Some(word[1 + at..].to_owned())
    });
    let cluster = cluster.unwrap_or_else(|| letter.to_string());
    // pflag shows the first byte as if it were a character.
    let shown = cluster.bytes().next().map_or(letter, char::from);
    format!("unknown shorthand flag: '{shown}' in -{cluster}")
}

/// `-p, --purge` for a flag that has a short form.
fn with_shorthand(root: &clap::Command, command: &str, flag: &str) -> String {
    let long = flag.trim_start_matches('-').split([' ', '=', '[', ',']).next().unwrap_or_default();
    let command = root.find_subcommand(command).unwrap_or(root);
    let found = command.get_arguments().find(|argument| {
        argument.get_long() == Some(long) || argument.get_short().is_some_and(|short| long == short.to_string())
    });
    match found.and_then(|argument| Some((argument.get_short(), argument.get_long()?))) {
        // docker deprecates -h, and pflag leaves out what is deprecated.
        Some((Some(short), long)) if long != "help" => format!("-{short}, --{long}"),
        Some((_, long)) => format!("--{long}"),
        None => flag.to_owned(),
    }
}
