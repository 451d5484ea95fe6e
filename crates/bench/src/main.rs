//! The program that the benchmarks run: mfst, built with the release profile.

use std::process::ExitCode;

fn main() -> ExitCode {
    mfst::run(std::env::args_os())
}
