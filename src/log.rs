//! Lines on stderr that are not errors.

use crate::progress::undisturbed;
use std::fmt::Display;
use std::io::Write as _;

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
        Self::write("warning: ", message);
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

/// A text without what a terminal would obey: it may quote registries and files.
fn printable(text: &str) -> String {
    let obeyed = |c: char| c.is_control() && c != '\n' && c != '\t';
    let turns_round = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if obeyed(c) || turns_round(c) { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_given_no_orders() {
        assert_eq!(printable("a\u{1b}[31mb\u{9b}c\rd\u{202e}\te\n"), "a [31mb c d \te\n");
    }
}
