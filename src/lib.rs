//! mfst, a drop-in replacement for `docker manifest`.
//!
//! The modules from top to bottom. A module may use those below it, and none above it:
//!
//! | module | what is in it |
//! |---|---|
//! | [`cli`] | the command line: arguments, flags, usage, help |
//! | [`commands`] | the commands, one file each |
//! | [`view`] | manifests and drafts as text |
//! | [`publish`] | sends a list to a registry: the plan, its execution, the metadata file |
//! | [`resolve`] | fetches what references name: images, and the images in lists |
//! | [`content`] | reads manifests and configs from registries and layouts |
//! | [`app`] | what all commands work with: configuration, store, console, registry client |
//! | [`interrupt`] | Ctrl-C while a command uses the network |
//! | [`warning`] | likely mistakes that are errors only with `--strict` |
//! | [`error`] | prints errors with their hints and picks the exit code |
//! | [`store`] | the local manifest lists |
//! | [`layout`] | OCI layouts: directories of blobs |
//! | [`registry`] | the registry client |
//! | [`transport`] | HTTP, TLS, proxies, retries |
//! | [`config`] | `config.json` and certificate directories |
//! | [`auth`] | stored logins and credential helpers |
//! | [`draft`] | a manifest list that is being put together |
//! | [`location`] | where content is: registry or layout |
//! | [`manifest`] | manifests, indexes, descriptors, platforms |
//! | [`reference`] | names of images |
//! | [`digest`] | content digests |
//! | [`json`] | JSON as Go's `encoding/json` reads and writes it |
//! | [`output`] | stdout and stderr, progress bars, result files |
//! | [`file`] | reads regular files, within a limit |
//! | [`secret`] | passwords and tokens |
//!
//! `tests/suite/architecture.rs` holds the modules to this table.

pub mod app;
pub mod auth;
pub mod cli;
pub mod commands;
pub mod config;
pub mod content;
pub mod digest;
pub mod draft;
pub mod error;
pub mod file;
pub mod interrupt;
pub mod json;
pub mod layout;
pub mod location;
pub mod manifest;
pub mod output;
pub mod publish;
pub mod reference;
pub mod registry;
pub mod resolve;
pub mod secret;
pub mod store;
pub mod transport;
pub mod view;
pub mod warning;

use cli::Parsed;
use output::Console;
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the program with these arguments, the first of which is its name.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    execute(arguments).unwrap_or_else(|error| error::report(&error))
}

fn execute(arguments: impl IntoIterator<Item = OsString>) -> anyhow::Result<ExitCode> {
    match cli::parse(arguments)? {
        Parsed::Run(invocation) => {
            let app = app::App::new(invocation.config, invocation.network, invocation.debug)?;
            return invocation.command.run(&app);
        }
        Parsed::Text(text) => app::print(&Console::default(), text)?,
        Parsed::NoCommand(usage) => Console::default().usage(&usage),
    }
    Ok(ExitCode::SUCCESS)
}
