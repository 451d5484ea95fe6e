//! The terminal: how wide it is, and whether it shows colours.

use anstyle::{AnsiColor, Style};
use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal as _};

/// The width where there is no terminal.
const DEFAULT_WIDTH: usize = 80;

/// `COLUMNS`, else the width of the terminal, else 80.
#[must_use]
pub fn terminal_width() -> usize {
    let columns = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).filter(|columns| *columns > 0);
    let terminal = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    columns.or_else(terminal).unwrap_or(DEFAULT_WIDTH)
}

fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// How text on stdout is marked.
#[derive(Debug, Clone, Copy)]
pub struct Palette {
    has_colours: bool,
}

/// What a text is, which decides its look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// As it is.
    Plain,
    /// A heading or a label.
    Heading,
    /// What is looked up rather than read: digests.
    Detail,
    /// Something new.
    Added,
    /// Something gone, or wrong.
    Removed,
    /// Something else than before.
    Changed,
}

impl Palette {
    /// No colours at all.
    #[must_use]
    pub fn plain() -> Self {
        Self { has_colours: false }
    }

    /// Colours if stdout is a terminal that has them and `NO_COLOR` is not set (<https://no-color.org>).
    #[must_use]
    pub fn of_stdout() -> Self {
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self { has_colours: is_terminal() && !is_dumb && !is_set("NO_COLOR") }
    }

    /// A text in its look.
    #[must_use]
    pub fn paint(self, role: Role, text: impl Display) -> String {
        let style = style(role);
        if !self.has_colours || style == Style::new() {
            return text.to_string();
        }
        format!("{style}{text}{style:#}")
    }
}

fn style(role: Role) -> Style {
    match role {
        Role::Plain => Style::new(),
        Role::Heading => Style::new().bold(),
        Role::Detail => Style::new().dimmed(),
        Role::Added => AnsiColor::Green.on_default(),
        Role::Removed => AnsiColor::Red.on_default(),
        Role::Changed => AnsiColor::Yellow.on_default(),
    }
}
