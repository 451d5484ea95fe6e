//! stdout and stderr.

use super::progress::{Active, Progress, ProgressMode, Wait, announcement, print_line};
use super::text;
use indicatif::MultiProgress;
use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Waits longer than this are shown even without progress.
pub(super) const LONG_WAIT: Duration = Duration::from_secs(2);

/// Where a command prints. Clones share one terminal, so that lines never break a progress bar.
///
/// A message on stderr is one line whatever is in it, so that no text from a registry can pose as a message of its own.
#[derive(Debug, Clone, Default)]
pub struct Console(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// Whether `--debug` was given.
    debug: bool,
    has_warned: AtomicBool,
    bars: MultiProgress,
    progress: Mutex<Active>,
}

impl Console {
    /// A console that prints debug lines only if asked to.
    #[must_use]
    pub fn new(debug: bool) -> Self {
        Self(Arc::new(State { debug, ..State::default() }))
    }

    /// Prints to stdout: exactly these bytes, or the same with terminal control characters escaped if it is a terminal.
    /// A reader that has closed the pipe is not an error.
    pub fn print(&self, output: impl AsRef<[u8]>) -> io::Result<()> {
        let output = output.as_ref();
        let is_terminal = io::stdout().is_terminal();
        let output = if is_terminal { text::escape(output).into_bytes().into() } else { Cow::Borrowed(output) };
        self.write_stdout(&output)
    }

    /// Prints text with colours to stdout. Text from registries and files must have been cleaned with
    /// [`super::one_line`].
    pub fn print_styled(&self, text: &str) -> io::Result<()> {
        self.write_stdout(text.as_bytes())
    }

    fn write_stdout(&self, output: &[u8]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match self.0.bars.suspend(|| out.write_all(output).and_then(|()| out.flush())) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            done => done,
        }
    }

    /// Prints a debug message if `--debug` was given.
    pub fn debug(&self, message: impl Display) {
        if self.0.debug {
            self.line("debug: ", message);
        }
    }

    /// Prints a warning.
    pub fn warn(&self, message: impl Display) {
        self.0.has_warned.store(true, Ordering::Relaxed);
        self.line("warning: ", message);
    }

    /// Whether any warning has been printed.
    #[must_use]
    pub fn has_warned(&self) -> bool {
        self.0.has_warned.load(Ordering::Relaxed)
    }

    /// Prints a hint.
    pub fn hint(&self, message: impl Display) {
        self.line("hint: ", message);
    }

    /// Prints a message without a prefix: docker's own messages, which scripts may look for.
    pub fn plain(&self, message: impl Display) {
        self.line("", message);
    }

    /// Prints the usage of a command to stderr, the only text there that has line breaks of its own. Nothing from a
    /// registry or a file may be in it.
    pub fn usage(&self, usage: &str) {
        for line in usage.split('\n') {
            self.plain(line);
        }
    }

    /// Shows progress on stderr until the result and its clones are dropped; `--debug` shows every request instead. While
    /// progress is shown, this returns it. `target` is where the command sends to, if it sends anything.
    #[must_use]
    pub fn progress(&self, mode: ProgressMode, target: Option<String>) -> Progress {
        let mut active = self.0.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let mode = if self.0.debug && mode == ProgressMode::Auto { ProgressMode::None } else { mode };
        active.get().unwrap_or_else(|| {
            let progress = Progress::start(mode, target, &self.0.bars);
            *active = progress.active();
            progress
        })
    }

    /// Whether progress is shown of a command that sends something.
    #[must_use]
    pub fn is_sending(&self) -> bool {
        self.active().is_some_and(|progress| progress.has_target())
    }

    /// Shows what is waited for and how long, until the result is dropped. Without progress, only long waits are shown.
    pub fn wait(&self, what: impl Display, wait: Duration) -> Wait {
        if let Some(progress) = self.active() {
            return progress.wait(what.to_string(), wait);
        }
        if wait > LONG_WAIT {
            self.plain(announcement(&what, wait));
        }
        Wait::hidden()
    }

    fn active(&self) -> Option<Progress> {
        self.0.progress.lock().unwrap_or_else(PoisonError::into_inner).get()
    }

    /// Prints one line to stderr.
    fn line(&self, prefix: &str, message: impl Display) {
        print_line(&self.0.bars, &format!("{prefix}{message}"));
    }
}
