//! stdout and stderr.

use super::progress::Progress;
use super::text::sanitize;
use indicatif::MultiProgress;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where a command prints. Clones share one terminal, so that lines never break a progress bar.
#[derive(Debug, Clone, Default)]
pub struct Console(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// Whether `--debug` was given.
    debug: bool,
    has_warned: AtomicBool,
    bars: MultiProgress,
}

impl Console {
    /// A console that prints debug lines only if asked to.
    #[must_use]
    pub fn new(debug: bool) -> Self {
        Self(Arc::new(State { debug, ..State::default() }))
    }

    /// Prints to stdout, exactly these bytes. A reader that has closed the pipe is not an error.
    pub fn print(&self, text: impl AsRef<[u8]>) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match self.0.bars.suspend(|| out.write_all(text.as_ref()).and_then(|()| out.flush())) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            done => done,
        }
    }

    /// Prints a line to stderr if `--debug` was given.
    pub fn debug(&self, message: impl Display) {
        if self.0.debug {
            self.write("debug: ", message);
        }
    }

    /// Prints a warning to stderr.
    pub fn warn(&self, message: impl Display) {
        self.0.has_warned.store(true, Ordering::Relaxed);
        self.write("warning: ", message);
    }

    /// Whether any warning has been printed.
    #[must_use]
    pub fn has_warned(&self) -> bool {
        self.0.has_warned.load(Ordering::Relaxed)
    }

    /// Prints a hint to stderr.
    pub fn hint(&self, message: impl Display) {
        self.write("hint: ", message);
    }

    /// Prints a line to stderr without a prefix: docker's own messages, which scripts may look for.
    pub fn plain(&self, message: impl Display) {
        self.write("", message);
    }

    /// Progress bars on stderr, unless `quiet` or `--debug` was given or stderr is not a terminal.
    #[must_use]
    pub fn progress(&self, quiet: bool) -> Progress {
        Progress::new(!quiet && !self.0.debug, &self.0.bars)
    }

    /// A closed stderr is not an error.
    fn write(&self, prefix: &str, message: impl Display) {
        let text = sanitize(&format!("{prefix}{message}\n"));
        let _ = self.0.bars.suspend(|| io::stderr().lock().write_all(text.as_bytes()));
    }
}
