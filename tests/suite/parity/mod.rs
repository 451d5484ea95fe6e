//! Parity with docker 28.2.2: the same commands, run with docker and with mfst against equal registries, must have the
//! same exit code, stdout, stderr, store files and manifests in the registry. docker's results are recorded in `recorded/`.
//!
//! - `MFST_REQUIRE_REAL=1` runs docker itself as well, compares it with the recording, and fails if docker or
//!   docker-registry is missing.
//! - `MFST_RECORD=1` runs docker and records its results instead of comparing.
//! - `MFST_ONLY=text` runs only the scenarios whose name contains the text.
//! - `MFST_BIN=path` tests another binary than the one just built.
//! - `MFST_REGISTRY=embedded` uses the embedded registry even if docker-registry is installed.
//! - `MFST_SEED=n`, `MFST_SEQUENCES=n` choose the random sequences.

mod compare;
mod fake_registry;
mod fixtures;
mod images;
mod json;
mod record;
mod references;
mod run;
mod runner;
mod scenario;
mod sequences;

use self::run::{file, file_alternating};

#[test]
fn create() {
    file("create");
}

#[test]
fn images() {
    file_alternating("images");
}

#[test]
fn annotate() {
    file_alternating("annotate");
}

#[test]
fn inspect() {
    file("inspect");
}

#[test]
fn push() {
    file_alternating("push");
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
fn user_docs() {
    file("user_docs");
}
