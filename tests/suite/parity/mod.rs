//! Parity with docker 28.2.2: the same commands, run with docker and with mfst against two equal registries, must
//! give the same exit code, stdout, stderr, store files, and documents in the registry.
//!
//! - `MFST_RECORD=1` records docker's results anew instead of comparing.
//! - `MFST_REQUIRE_REAL=1` makes a missing docker or docker-registry a failure.
//! - `MFST_ONLY=text` runs only the scenarios whose name contains the text.
//! - `MFST_BIN=path` tests another binary than the one just built.
//! - `MFST_REGISTRY=embedded` uses the embedded registry even where docker-registry is present.
//! - `MFST_SEED=n`, `MFST_SEQUENCES=n` choose the random sequences.
mod compare;
mod lane;
mod record;
mod references;
mod run;
mod scenario;
mod seeds;
mod sequences;
mod stand_in;

use self::run::{file, file_in_turns};

#[test]
fn create() {
    file("create");
}

#[test]
fn images() {
    file_in_turns("images");
}

#[test]
fn annotate() {
    file_in_turns("annotate");
}

#[test]
fn inspect() {
    file("inspect");
}

#[test]
fn push() {
    file_in_turns("push");
}

#[test]
fn rm() {
    file("rm");
}

#[test]
fn store() {
    file("store");
}

#[test]
fn flags() {
    file("flags");
}

#[test]
fn interchange() {
    file("interchange");
}

#[test]
fn login() {
    file("login");
}

#[test]
fn documents() {
    file("documents");
}
