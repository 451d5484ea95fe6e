//! mfst, a drop-in replacement for `docker manifest`.
//!
//! | module | what lives there | may use |
//! |---|---|---|
//! | [`cli`] | the command line: words, flags, usage | `commands` (their options) |
//! | [`commands`] | one file for each command | everything below, through [`app`] |
//! | [`app`] | configuration, store, output, a registry client on demand | `config`, `store`, `registry` |
//! | [`failure`] | tells errors, picks the exit code | error types, `log` |
//! | [`resolve`] | references to images | `registry`, `manifest`, `progress` |
//! | [`registry`] | the registry client | `transport`, `config` (logins), `manifest` |
//! | [`transport`] | HTTP and TLS | `config` (certificate files) |
//! | [`store`] | local manifest lists | `manifest`, `reference` |
//! | [`config`] | `config.json`, logins, certificate files | `json`, `reference` |
//! | [`manifest`] | manifests, descriptors, list bytes | `json`, `digest`, `reference` |
//! | [`progress`] | what is under way, on a terminal | nothing of ours |
//! | [`result_file`] | files that a user wants results in | nothing of ours |
//! | [`reference`], [`digest`], [`json`], [`secret`], [`log`] | the words the others speak in | hardly anything |
//!
//! `tests/architecture.rs` holds the modules to this table.

pub mod app;
pub mod cli;
pub mod commands;
pub mod config;
pub mod digest;
pub mod failure;
pub mod json;
pub mod log;
pub mod manifest;
pub mod progress;
pub mod reference;
pub mod registry;
pub mod resolve;
pub mod result_file;
pub mod secret;
pub mod store;
pub mod transport;

use cli::Parsed;
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the program with these words, the first of which is its name.
#[must_use]
pub fn run(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    match execute(words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}

fn execute(words: impl IntoIterator<Item = OsString>) -> anyhow::Result<()> {
    match cli::parse(words)? {
        Parsed::Run(invocation) => {
            let app = app::App::new(invocation.config, invocation.network, invocation.debug)?;
            invocation.command.run(&app)
        }
        Parsed::Text(text) => app::print(&text),
        Parsed::NoCommand(usage) => {
            log::Log::default().as_docker(usage);
            Ok(())
        }
    }
}
