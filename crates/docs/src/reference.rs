//! The reference of all commands and flags.

use clap::{Arg, Command};
use std::fmt::Write as _;

/// The heading of the flags that every command has.
const GLOBAL: &str = "Global options";

/// The reference as Markdown, from the names and definitions of the commands; the first one is mfst itself.
pub(crate) fn markdown(pages: &[(String, Command)]) -> String {
    let mut text = String::from(
        "# Commands and flags\n\n\
         Made from the definitions of the command line by `cargo run -p mfst-docs`. A manual page for each command and\n\
         `mfst COMMAND --help` say the same.\n\n",
    );
    let Some(((_, root), commands)) = pages.split_first() else { return text };
    text.push_str("| command | |\n|---|---|\n");
    for (name, command) in commands {
        writeln!(text, "| [`{}`](#{name}) | {} |", spaced(name), cell(&about(command))).expect("a string");
    }
    for (name, command) in commands {
        section(&mut text, name, command);
    }
    text.push_str("\n## Global options\n\nBefore or after the command.\n");
    table(&mut text, root.get_arguments());
    text
}

fn section(text: &mut String, name: &str, command: &Command) {
    let description = command.get_long_about().map_or_else(|| about(command), ToString::to_string);
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim();
    write!(text, "\n## {}\n\n{description}\n\n    {usage}\n", spaced(name)).expect("a string");
    let mut headings: Vec<Option<&str>> = Vec::new();
    for arg in own_flags(command) {
        if !headings.contains(&arg.get_help_heading()) {
            headings.push(arg.get_help_heading());
        }
    }
    for heading in headings {
        if let Some(heading) = heading {
            write!(text, "\n{heading}:\n").expect("a string");
        }
        table(text, own_flags(command).filter(|arg| arg.get_help_heading() == heading));
    }
    let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    text.push_str("\nExamples:\n\n");
    for example in examples.lines().filter(|line| !line.is_empty()) {
        writeln!(text, "    {example}").expect("a string");
    }
}

/// The flags that are not those of every command.
fn own_flags(command: &Command) -> impl Iterator<Item = &Arg> {
    let flags = command.get_arguments().filter(|arg| !arg.is_positional() && !arg.is_hide_set());
    flags.filter(|arg| arg.get_help_heading() != Some(GLOBAL))
}

fn table<'a>(text: &mut String, flags: impl Iterator<Item = &'a Arg>) {
    text.push_str("\n| flag | meaning |\n|---|---|\n");
    for flag in flags {
        writeln!(text, "| {} | {} |", names(flag), cell(&meaning(flag))).expect("a string");
    }
}

/// Its names, and the name of its value.
fn names(flag: &Arg) -> String {
    let mut names: Vec<String> = flag.get_short().map(|short| format!("`-{short}`")).into_iter().collect();
    if let Some(long) = flag.get_long() {
        let value = if flag.get_action().takes_values() { flag.get_value_names() } else { None };
        let value = value.and_then(|names| names.first()).map(|name| format!(" {name}"));
        names.push(format!("`--{long}{}`", value.unwrap_or_default()));
    }
    names.join(", ")
}

/// Its description and its default.
fn meaning(flag: &Arg) -> String {
    let mut meaning = flag.get_help().map(ToString::to_string).unwrap_or_default();
    let defaults = flag.get_default_values();
    if flag.get_action().takes_values() && !flag.is_hide_default_value_set() {
        for default in defaults {
            write!(meaning, " [default: {}]", default.to_string_lossy()).expect("a string");
        }
    }
    meaning
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

/// `mfst create` for `mfst-create`.
fn spaced(name: &str) -> String {
    name.replacen('-', " ", 1)
}

/// A text for a cell of a table: in one line, and without the character that would end it.
fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|").replace('<', "&lt;")
}
