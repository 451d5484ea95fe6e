//! stdout and stderr, progress bars, result files.

mod console;
mod progress;
mod prompt;
mod result_file;
mod terminal;
mod text;
mod units;

pub use console::Console;
pub use progress::{Blob, Phase, Progress, ProgressMode, Wait};
pub use prompt::{ask, ask_secret, can_ask, read_stdin};
pub use result_file::{ResultFile, ResultFileError};
pub use terminal::{Palette, Role, terminal_width};
pub use text::{cell, is_terminal_control, one_line};
pub use units::{bytes, seconds};
