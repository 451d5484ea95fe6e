//! Lines on stderr that are not errors.

use crate::progress::undisturbed;
use std::fmt::Display;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the user has been warned of anything in this run.
static WARNED: AtomicBool = AtomicBool::new(false);

/// How long a line may be, in characters: longer than any path or reference.
const LONGEST_LINE: usize = 6000;

/// Where warnings go, and what `--debug` asks for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Log {
    /// Whether to say what is being done.
    pub debug: bool,
}

impl Log {
    /// Says something that only `--debug` wants to know.
    pub fn debug(self, message: impl Display) {
        if self.debug {
            Self::write("debug: ", message);
        }
    }

    /// Says something that the user should know though the command goes on.
    pub fn warn(self, message: impl Display) {
        WARNED.store(true, Ordering::Relaxed);
        Self::write("warning: ", message);
    }

    /// Whether anything of that kind has been said.
    #[must_use]
    pub fn has_warned(self) -> bool {
        WARNED.load(Ordering::Relaxed)
    }

    /// Says something that helps to understand what has been done.
    pub fn hint(self, message: impl Display) {
        Self::write("hint: ", message);
    }

    /// Says something in docker's own words, which scripts may look for.
    pub fn as_docker(self, message: impl Display) {
        Self::write("", message);
    }

    /// A closed stderr is no reason to stop.
    fn write(prefix: &str, message: impl Display) {
        let text = printable(&format!("{prefix}{message}\n"));
        let _ = undisturbed(|| std::io::stderr().lock().write_all(text.as_bytes()));
    }
}

/// Whether a terminal would obey a character instead of showing it: end a line, move, change colours, turn the text round.
#[must_use]
pub fn is_order(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text without what a terminal would obey, and with no line longer than anyone reads: it may quote registries and
/// files, which may hold anything.
fn printable(text: &str) -> String {
    let clean = |c: char| if is_order(c) && c != '\n' && c != '\t' { ' ' } else { c };
    let mut shown = String::with_capacity(text.len().min(LONGEST_LINE));
    for line in text.split_inclusive('\n') {
        shown.extend(line.chars().take(LONGEST_LINE).map(clean));
        if line.chars().nth(LONGEST_LINE).is_some() {
            shown.push('…');
            shown.extend(line.ends_with('\n').then_some('\n'));
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_given_no_orders() {
        assert_eq!(printable("a\u{1b}[31mb\u{9b}c\rd\u{202e}\te\n"), "a [31mb c d \te\n");
    }

    #[test]
    fn a_line_without_end_is_cut_and_the_next_one_is_not_lost() {
        let (long, right) = ("x".repeat(1_000_000), "y".repeat(LONGEST_LINE - 1));
        let shown = printable(&format!("{long}\n{right}\nhint: z\n"));
        assert_eq!(shown, format!("{}…\n{right}\nhint: z\n", "x".repeat(LONGEST_LINE)));
    }
}
