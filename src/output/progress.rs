//! Progress bars on stderr.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::io::IsTerminal as _;
use std::time::Duration;

/// How often a bar is redrawn while nothing happens.
const TICK: Duration = Duration::from_millis(200);

/// Makes progress bars, or hidden ones where nobody would see them.
#[derive(Debug, Clone)]
pub struct Progress {
    bars: Option<MultiProgress>,
}

impl Progress {
    /// Bars among `bars`, if they are requested and stderr is a terminal.
    pub(super) fn new(is_requested: bool, bars: &MultiProgress) -> Self {
        let is_shown = is_requested && std::io::stderr().is_terminal();
        Self { bars: is_shown.then(|| bars.clone()) }
    }

    /// A bar that counts `total` items.
    #[must_use]
    pub fn items(&self, what: &'static str, total: usize) -> Bar {
        self.bar(what, total as u64, "{spinner} {msg} {pos} of {len}")
    }

    /// A bar that counts bytes; the total grows with [`Bar::raise_total`].
    #[must_use]
    pub fn bytes(&self, what: &'static str) -> Bar {
        self.bar(what, 0, "{spinner} {msg} {bytes} of {total_bytes}, {bytes_per_sec}")
    }

    fn bar(&self, what: &'static str, total: u64, template: &str) -> Bar {
        let Some(bars) = &self.bars else { return Bar(ProgressBar::hidden()) };
        let bar = bars.add(ProgressBar::new(total).with_message(what));
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        Bar(bar)
    }
}

/// A progress bar. It disappears when it is dropped.
#[derive(Debug)]
pub struct Bar(ProgressBar);

impl Bar {
    /// Advances the bar.
    pub fn advance(&self, by: u64) {
        self.0.inc(by);
    }

    /// Raises the total.
    pub fn raise_total(&self, more: u64) {
        self.0.inc_length(more);
    }

    /// A function that advances the bar from elsewhere.
    pub fn counter(&self) -> impl Fn(u64) + Clone + Send + use<> {
        let bar = self.0.clone();
        move |by| bar.inc(by)
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
