//! Complaints about the command line, in docker's words.

use super::arguments::usage_line;
use clap::error::{ContextKind, ErrorKind};
use std::ffi::OsString;
use std::fmt;

/// A command line that cannot be carried out.
#[derive(Debug)]
pub struct UsageError {
    message: String,
    /// The command whose usage is shown, `create`; empty for the program itself.
    command: String,
    /// 125 for flags and 1 for everything else, as docker has it.
    pub exit_code: u8,
}

impl std::error::Error for UsageError {}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.command.is_empty() && self.exit_code == 1 && !self.message.contains("unknown command") {
            return f.write_str(&self.message);
        }
        let name = full_name(&self.command);
        let usage = usage_line(&self.command);
        write!(f, "{}\n\nUsage:  {usage}\n\nRun '{name} --help' for more information", self.message)
    }
}

impl UsageError {
    /// Too few or too many words.
    pub(super) fn arguments(command: &str, wanted: &str) -> Self {
        let message = format!("mfst: '{}' requires {wanted}", full_name(command));
        Self { message, command: command.to_owned(), exit_code: 1 }
    }

    /// Flags that do not go together.
    pub(super) fn conflict(command: &str, message: String) -> Self {
        Self { message, command: command.to_owned(), exit_code: 1 }
    }

    /// A log level that is none.
    pub(super) fn log_level(level: &str) -> Self {
        let message = format!("Unable to parse logging level: {level}");
        Self { message, command: String::new(), exit_code: 1 }
    }

    /// A flag's value that is not of the right form.
    fn flag_value(command: &str, flag: &str, value: &str, reason: &str) -> Self {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        let message = format!("invalid argument \"{value}\" for \"{flag}\" flag: {reason}");
        Self { message, command: command.to_owned(), exit_code: 125 }
    }

    /// What clap has found.
    pub(super) fn from_clap(error: &clap::Error, root: &clap::Command, words: &[OsString]) -> Self {
        let command = command_of(root, words);
        let text = |kind| error.get(kind).map(ToString::to_string).unwrap_or_default();
        let flag = text(ContextKind::InvalidArg);
        match error.kind() {
            ErrorKind::UnknownArgument => Self { message: unknown_flag(&flag, words), command, exit_code: 125 },
            ErrorKind::InvalidValue => {
                let flag = flag.split([' ', '=', '[']).next().unwrap_or_default();
                Self { message: format!("flag needs an argument: {flag}"), command, exit_code: 125 }
            }
            ErrorKind::ValueValidation if words.iter().any(is_empty_shorthand) => {
                // pflag takes `-v=` for the flags `v` and `=`.
                Self { message: "unknown shorthand flag: '=' in -=".to_owned(), command, exit_code: 125 }
            }
            ErrorKind::ValueValidation => {
                let reason = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
                let flag = with_shorthand(root, &command, &flag);
                Self::flag_value(&command, &flag, &text(ContextKind::InvalidValue), &reason)
            }
            ErrorKind::InvalidSubcommand => {
                // docker reads the flags behind an unknown command before it looks at the command.
                if let Some(flag) = words
                    .iter()
                    .map(|word| word.to_string_lossy())
                    .find(|word| word.starts_with("--") && !word.starts_with("--help"))
                {
                    return Self { message: unknown_flag(&flag, words), command, exit_code: 125 };
                }
                let name = text(ContextKind::InvalidSubcommand);
                Self { message: format!("mfst: unknown command: mfst {name}"), command, exit_code: 1 }
            }
            _ => Self { message: error.to_string().trim_end().to_owned(), command: String::new(), exit_code: 1 },
        }
    }
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
fn unknown_flag(flag: &str, words: &[OsString]) -> String {
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
    format!("unknown shorthand flag: '{letter}' in -{}", cluster.unwrap_or_else(|| letter.to_string()))
}

/// `-p, --purge` for a flag that has a short form.
fn with_shorthand(root: &clap::Command, command: &str, flag: &str) -> String {
    let long = flag.trim_start_matches('-').split([' ', '=', '[', ',']).next().unwrap_or_default();
    let command = root.find_subcommand(command).unwrap_or(root);
    let found = command.get_arguments().find(|argument| {
        argument.get_long() == Some(long) || argument.get_short().is_some_and(|short| long == short.to_string())
    });
    match found.and_then(|argument| Some((argument.get_short(), argument.get_long()?))) {
        Some((Some(short), long)) => format!("-{short}, --{long}"),
        Some((None, long)) => format!("--{long}"),
        None => flag.to_owned(),
    }
}
