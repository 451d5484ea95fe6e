//! What is under way, for a person who watches: on stderr, if that is a terminal.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::io::IsTerminal as _;
use std::sync::OnceLock;
use std::time::Duration;

/// How often what is shown is brought up to date when nothing happens.
const TICK: Duration = Duration::from_millis(200);

/// What is on the screen. There is one screen, and whatever else is written to it has to know.
static SCREEN: OnceLock<MultiProgress> = OnceLock::new();

/// Writes something while nothing else is on the screen.
pub fn undisturbed<T>(write: impl FnOnce() -> T) -> T {
    match SCREEN.get() {
        Some(screen) => screen.suspend(write),
        None => write(),
    }
}

/// Shows what is under way, or nothing.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    is_shown: bool,
}

impl Progress {
    /// Shows something if that is wanted and there is anyone to see it.
    #[must_use]
    pub fn new(is_wanted: bool) -> Self {
        Self { is_shown: is_wanted && std::io::stderr().is_terminal() }
    }

    /// Something with so many parts.
    #[must_use]
    pub fn parts(self, what: &'static str, total: usize) -> Step {
        self.step(what, total as u64, "{spinner} {msg} {pos} of {len}")
    }

    /// Bytes on their way; how many there will be is told later.
    #[must_use]
    pub fn bytes(self, what: &'static str) -> Step {
        self.step(what, 0, "{spinner} {msg} {bytes} of {total_bytes}, {bytes_per_sec}")
    }

    fn step(self, what: &'static str, total: u64, template: &str) -> Step {
        if !self.is_shown {
            return Step(ProgressBar::hidden());
        }
        let screen = SCREEN.get_or_init(MultiProgress::new);
        let bar = screen.add(ProgressBar::new(total).with_message(what));
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        Step(bar)
    }
}

/// Something under way. It is off the screen when it is dropped.
#[derive(Debug)]
pub struct Step(ProgressBar);

impl Step {
    /// So much more has been done.
    pub fn advance(&self, by: u64) {
        self.0.inc(by);
    }

    /// There is so much more to do.
    pub fn expect(&self, more: u64) {
        self.0.inc_length(more);
    }

    /// Advances from elsewhere.
    pub fn counter(&self) -> impl Fn(u64) + Clone + Send + use<> {
        let bar = self.0.clone();
        move |by| bar.inc(by)
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
