//! Draws lines on a terminal.

use super::activity::{Activity, Line};
use crate::output::terminal_width;
use crate::output::units::bytes;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Instant;

const BAR: &str = "{prefix} [{wide_bar}] {msg}";
const TEXT: &str = "{wide_msg}";

/// What a terminal shows: a bar for each line.
#[derive(Debug, Default)]
pub(super) struct Screen {
    slots: Vec<Slot>,
}

/// A line of the screen.
#[derive(Debug)]
struct Slot {
    bar: ProgressBar,
    /// The blob that it is for; none for text.
    blob: Option<String>,
}

impl Screen {
    /// Shows what the command is doing in place of what was shown before.
    pub(super) fn show(&mut self, bars: &MultiProgress, activity: &Activity, now: Instant) {
        let lines = activity.lines(now, terminal_width());
        for slot in self.slots.drain(lines.len().min(self.slots.len())..) {
            slot.remove(bars);
        }
        for (position, line) in lines.iter().enumerate() {
            match self.slots.get_mut(position) {
                Some(slot) if slot.blob.as_deref() == line.blob() => slot.update(line),
                Some(slot) => std::mem::replace(slot, Slot::new(bars, position, line)).remove(bars),
                None => self.slots.push(Slot::new(bars, position, line)),
            }
        }
    }
}

impl Slot {
    /// A line that is complete before it is first drawn.
    fn new(bars: &MultiProgress, position: usize, line: &Line) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let blob = line.blob().map(str::to_owned);
        if let Ok(style) = ProgressStyle::with_template(if blob.is_some() { BAR } else { TEXT }) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(blob.clone().unwrap_or_default());
        let slot = Self { bar, blob };
        slot.update(line);
        bars.insert(position, slot.bar.clone());
        slot.bar.tick();
        slot
    }

    fn update(&self, line: &Line) {
        match line {
            Line::Bar { done, size, .. } => {
                self.bar.update(|state| {
                    state.set_len(*size);
                    state.set_pos(*done);
                });
                self.bar.set_message(format!("{}/{}", bytes(*done), bytes(*size)));
            }
            Line::Text(text) => self.bar.set_message(text.clone()),
        }
    }

    fn remove(self, bars: &MultiProgress) {
        self.bar.finish_and_clear();
        bars.remove(&self.bar);
    }
}
