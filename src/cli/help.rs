//! Help: `--help`, `mfst help`, and `mfst` alone.

use super::args::{GLOBAL_OPTIONS, NetworkArgs, RegistryArgs};
use super::usage::{self, expect_args, usage_line};
use super::values::like_pflag;
use super::{CommandArgs, GROUPS};
use crate::error::UsageError;
use clap::{Arg, ArgAction, Args, Command, Id, Subcommand as _};
use std::ffi::OsString;

/// The width of help without a terminal.
const DEFAULT_WIDTH: usize = 80;

/// Show the help of mfst or of a command
#[derive(Debug, Args)]
#[command(override_usage = "mfst help [COMMAND]", after_help = "mfst help\nmfst help create", mut_args = like_pflag)]
pub(super) struct HelpArgs {
    #[arg(hide = true)]
    args: Vec<String>,
}

impl HelpArgs {
    pub(super) fn into_text(self, mut root: Command) -> Result<String, UsageError> {
        let Some(name) = expect_args("help", self.args, 0..=1)?.pop() else { return Ok(render(root, None)) };
        let arguments = ["mfst", &name].map(OsString::from);
        match root.try_get_matches_from_mut(&arguments) {
            Ok(_) => Ok(render(root, Some(&name))),
            Err(error) => Err(usage::from_clap(&error, &root, &arguments)),
        }
    }
}

/// The help of a command, or of mfst, as wide as the terminal.
pub(super) fn render(mut root: Command, command: Option<&str>) -> String {
    root.build();
    match command.and_then(|name| root.find_subcommand(name)) {
        Some(command) => command_help(command, width()),
        None => root_help(root, width()),
    }
}

/// `COLUMNS`, else the width of the terminal.
fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).filter(|columns| *columns > 0);
    let terminal = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    columns.or_else(terminal).unwrap_or(DEFAULT_WIDTH)
}

fn command_help(command: &Command, width: usize) -> String {
    let template = format!(
        "{{about-with-newline}}\n{usage}\n\n{{all-args}}\n\n{examples}",
        usage = usage(command.get_name(), width),
        examples = examples(command, width),
    );
    let about = command.get_about().cloned().unwrap_or_default();
    finish(Command::new("mfst").about(about).args(shown_args(command)), template, width)
}

/// The arguments that a command uses: its own, then the global ones.
fn shown_args(command: &Command) -> impl Iterator<Item = &Arg> {
    let (runs, uses_network) = (CommandArgs::has_subcommand(command.get_name()), has_args_of::<RegistryArgs>(command));
    let network = args_of::<NetworkArgs>();
    let is_used = move |arg: &&Arg| {
        (runs || arg.get_id() == "help") && (uses_network || !network.iter().any(|id| arg.get_id() == id))
    };
    let own = command.get_arguments().filter(|arg| !arg.is_global_set());
    own.chain(command.get_arguments().filter(|arg| arg.is_global_set()).filter(is_used))
}

fn root_help(root: Command, width: usize) -> String {
    let about = root.get_long_about().cloned().unwrap_or_default();
    let template = format!(
        "{{about-with-newline}}\n{usage}\n\n{groups}{GLOBAL_OPTIONS}:\n{{options}}\n\n{examples}\n\n{more}",
        usage = usage("", width),
        groups = groups(&root, width),
        examples = examples(&root, width),
        more = wrap("", "Run 'mfst COMMAND --help' for more information on a command.", 0, "", width),
    );
    finish(root.about(about), template, width)
}

fn finish(command: Command, template: String, width: usize) -> String {
    let command = command.disable_help_flag(true).disable_version_flag(true).mut_args(without_value);
    command.help_template(template).term_width(width).render_help().to_string()
}

/// Shows a switch without the value that it may have: undoes `values::like_pflag`.
fn without_value(arg: Arg) -> Arg {
    if arg.get_default_values() != ["false"] {
        return arg;
    }
    arg.action(ArgAction::SetTrue).num_args(0).require_equals(false).hide_default_value(false)
}

/// The names of the arguments in a group.
fn args_of<A: Args>() -> Vec<Id> {
    A::augment_args(Command::new("")).get_arguments().map(|arg| arg.get_id().clone()).collect()
}

fn has_args_of<A: Args>(command: &Command) -> bool {
    let args = args_of::<A>();
    command.get_arguments().any(|arg| args.contains(arg.get_id()))
}

fn usage(command: &str, width: usize) -> String {
    wrap("Usage: ", &usage_line(command), 7, "", width)
}

/// The commands under their headings.
fn groups(root: &Command, width: usize) -> String {
    let name_width = root.get_subcommands().map(|command| command.get_name().len()).max().unwrap_or_default();
    let row = |name: &&str| {
        let about = root.find_subcommand(name).and_then(Command::get_about).map(ToString::to_string);
        wrap(&format!("  {name:name_width$}  "), &about.unwrap_or_default(), name_width + 4, "", width)
    };
    let section = |(heading, names): &(&str, &[&str])| {
        let rows: Vec<String> = names.iter().map(row).collect();
        format!("{heading}:\n{}\n\n", rows.join("\n"))
    };
    GROUPS.iter().map(section).collect()
}

/// The examples of a command, which clap keeps as `after_help`, one in a line; they can be copied however they break.
fn examples(command: &Command, width: usize) -> String {
    let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let lines = examples.lines().filter(|line| !line.is_empty()).map(|line| wrap("  ", line, 4, " \\", width));
    format!("Examples:\n{}", lines.collect::<Vec<_>>().join("\n"))
}

/// Breaks a text between words where it would be too wide. `start` is in front of the first line, `indent` spaces are in
/// front of the others, `mark` is at the end of all but the last. A word is never broken.
fn wrap(start: &str, text: &str, indent: usize, mark: &str, width: usize) -> String {
    let mut lines = Vec::new();
    let (mut line, mut is_empty) = (start.to_owned(), true);
    for word in text.split(' ') {
        if !is_empty && line.len() + 1 + word.len() + mark.len() > width {
            lines.push(line + mark);
            (line, is_empty) = (" ".repeat(indent), true);
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    lines.push(line);
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::args::Cli;
    use super::super::{Parsed, parse};
    use super::*;
    use clap::CommandFactory as _;

    fn commands() -> Vec<Command> {
        let mut root = Cli::command();
        root.build();
        root.get_subcommands().cloned().collect()
    }

    #[test]
    fn every_command_is_in_one_group() {
        let mut listed: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let commands = commands();
        let mut known: Vec<&str> = commands.iter().map(Command::get_name).collect();
        listed.sort_unstable();
        known.sort_unstable();
        assert_eq!(listed, known);
    }

    #[test]
    fn every_flag_is_read_as_pflag_reads_it() {
        for command in commands() {
            for arg in command.get_arguments().filter(|arg| !arg.is_positional()) {
                let reads_hyphens = arg.is_allow_hyphen_values_set() || arg.is_require_equals_set();
                assert!(reads_hyphens, "{} {arg}: mut_args = like_pflag is missing", command.get_name());
            }
        }
    }

    #[test]
    fn every_example_can_be_parsed() {
        for command in commands() {
            let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples: Vec<&str> = examples.lines().filter(|line| !line.is_empty()).collect();
            assert!((2..=3).contains(&examples.len()), "{}: {examples:?}", command.get_name());
            for example in examples {
                let parsed = parse(example.split(' ').map(OsString::from));
                assert!(matches!(parsed, Ok(Parsed::Run(_) | Parsed::Text(_))), "{example}: {parsed:?}");
            }
        }
    }

    #[test]
    fn a_text_is_broken_between_words_with_a_hanging_indent() {
        assert_eq!(wrap("  ", "mfst rm a b", 4, " \\", 11), "  mfst rm \\\n    a b");
        assert_eq!(wrap("", "one two", 2, "", 7), "one two");
        assert_eq!(wrap("", "one two", 2, "", 6), "one\n  two");
        assert_eq!(wrap("", "a-long-word b", 2, "", 5), "a-long-word\n  b");
    }
}
