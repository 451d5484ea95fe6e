//! Limits on the files of one run: aliases and variables can make a small file large.

use std::fmt;

/// The most bytes that all files may have together.
const MAX_FILES: u64 = 4 * 1024 * 1024;
/// The most bytes of text that all files may have together, with aliases and variables expanded.
const MAX_TEXT: usize = 4 * 1024 * 1024;
/// What a text takes in memory, in bytes, beside itself.
const TEXT_COST: usize = 32;

/// What is left of the limits.
#[derive(Debug)]
pub(super) struct Budget {
    files: u64,
    text: Option<usize>,
}

/// More text than one run may have.
pub(super) struct TooMuchText;

impl Default for Budget {
    fn default() -> Self {
        Self { files: MAX_FILES, text: Some(MAX_TEXT) }
    }
}

impl fmt::Display for TooMuchText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "with its aliases and variables expanded, the text is longer than {} MiB", MAX_TEXT >> 20)
    }
}

impl Budget {
    /// How many bytes the next file may have.
    pub(super) fn file_room(&self) -> u64 {
        self.files
    }

    /// Counts a file of this many bytes.
    pub(super) fn take_file(&mut self, bytes: usize) {
        self.files = self.files.saturating_sub(bytes as u64);
    }

    /// The message for a file that has no room.
    pub(super) fn file_message() -> String {
        format!("the files are larger than {} MiB", MAX_FILES >> 20)
    }

    /// How many bytes the next text may have.
    pub(super) fn text_room(&self) -> usize {
        self.text.unwrap_or_default()
    }

    /// Counts a text of this many bytes; after the first that has no room, nothing has.
    pub(super) fn take_text(&mut self, bytes: usize) -> Result<(), TooMuchText> {
        self.text = self.text.and_then(|left| left.checked_sub(bytes.saturating_add(TEXT_COST)));
        self.text.map(drop).ok_or(TooMuchText)
    }

    /// Whether there was more text than there may be.
    pub(super) fn is_exceeded(&self) -> bool {
        self.text.is_none()
    }
}
