//! The `mfst` program; see the library for where things live.

use std::process::ExitCode;

fn main() -> ExitCode {
    mfst::run(std::env::args_os())
}
