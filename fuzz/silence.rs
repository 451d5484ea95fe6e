//! Stands in for mfst's `log` where what is said would drown everything else. It is made all the same, as it would be for a
//! terminal.

use std::fmt::Display;

/// Says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Log;

#[allow(dead_code, reason = "not every target warns")]
impl Log {
    pub fn debug(self, message: impl Display) {
        drop(message.to_string());
    }

    pub fn warn(self, message: impl Display) {
        drop(message.to_string());
    }

    pub fn as_docker(self, message: impl Display) {
        drop(message.to_string());
    }
}
