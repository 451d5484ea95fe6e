//! The program that the benchmarks run: mfst, built as it is for a release.

use std::process::ExitCode;

fn main() -> ExitCode {
    mfst::run(std::env::args_os())
}
