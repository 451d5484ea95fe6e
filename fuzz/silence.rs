//! Stands in for mfst's `log` where what is said would drown everything else. It is made all the same, as it would be for a
//! terminal.

use std::fmt::Display;

/// Says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Log {
    /// As in mfst's.
    pub debug: bool,
}

#[allow(dead_code, reason = "not every target warns")]
impl Log {
    pub fn debug(self, message: impl Display) {
        self.make(message);
    }

    pub fn warn(self, message: impl Display) {
        self.make(message);
    }

    fn make(self, message: impl Display) {
        assert!(self.debug || !message.to_string().is_empty());
    }

    pub fn as_docker(self, message: impl Display) {
        self.make(message);
    }
}
