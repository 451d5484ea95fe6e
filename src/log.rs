//! Lines on stderr that are not errors.

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

    /// Says something in docker's own words, which scripts may look for.
    pub fn as_docker(self, message: impl Display) {
        Self::write("", message);
    }

    /// A closed stderr is no reason to stop.
    fn write(prefix: &str, message: impl Display) {
        let _ = writeln!(std::io::stderr().lock(), "{prefix}{message}");
    }
}
