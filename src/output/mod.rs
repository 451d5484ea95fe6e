//! stdout and stderr, progress bars, result files.

mod console;
mod progress;
mod result_file;
mod text;

pub use console::Console;
pub use progress::{Blob, Phase, Progress, ProgressMode, Wait, seconds, size};
pub use result_file::{ResultFile, ResultFileError};
pub use text::{is_terminal_control, one_line};
