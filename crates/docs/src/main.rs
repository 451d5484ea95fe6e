//! Makes the parts of the documentation that come from the program itself: `cargo run -p mfst-docs`.
//!
//! | file | made from |
//! |---|---|
//! | `docs/reference.md` | the definitions of the command line |
//! | `docs/pictures/terminal.svg` | a run of mfst against the registry of the test kit |
//! | `docs/pictures/speed-*.svg`, the tables in `docs/speed.md` | `docs/speed.json`, which the network bench has written |
//!
//! `--check` changes nothing and fails if a file is not up to date.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is a program for the shell")]
#![allow(clippy::expect_used, reason = "a program for developers may stop anywhere")]

mod chart;
mod reference;
mod speed;
mod terminal;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, iter};

fn main() -> ExitCode {
    let mut args = env::args_os().skip(1).peekable();
    // The terminal's picture runs this program as mfst.
    if args.next_if(|arg| arg == terminal::AS_MFST).is_some() {
        return mfst::run(iter::once(OsString::from("mfst")).chain(args));
    }
    let is_check = args.next_if(|arg| arg == "--check").is_some();
    if args.next().is_some() {
        eprintln!("usage: mfst-docs [--check]");
        return ExitCode::FAILURE;
    }
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let mut stale = false;
    for (name, text) in files(&docs) {
        let path = docs.join(&name);
        if fs::read_to_string(&path).is_ok_and(|found| found == text) {
            continue;
        }
        stale = true;
        if is_check {
            eprintln!("docs/{name} is not up to date; make it with: cargo run -p mfst-docs");
        } else {
            fs::write(&path, text).expect("a file in docs");
            println!("docs/{name}");
        }
    }
    if is_check && stale { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The files below `docs` as they should be: name and text.
fn files(docs: &Path) -> Vec<(String, String)> {
    let read = |name: &str| fs::read_to_string(docs.join(name)).expect("a file in docs");
    let rows = speed::rows(&read("speed.json"));
    let mut files = vec![
        ("reference.md".to_owned(), reference::markdown(&mfst::cli::manual())),
        ("speed.md".to_owned(), speed::with_tables(&read("speed.md"), &rows)),
    ];
    for theme in [chart::LIGHT, chart::DARK] {
        files.push((format!("pictures/speed-{}.svg", theme.name), chart::draw(&speed::makers(&rows), &theme)));
    }
    files.push(("pictures/terminal.svg".to_owned(), terminal::picture()));
    files
}
