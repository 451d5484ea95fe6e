//! mfst, a drop-in replacement for `docker manifest`.
//!
//! The modules from top to bottom. A module may use those below it, and none above it:
//!
//! | module | what is in it |
//! |---|---|
//! | [`standin`] | what the program does when it is called as `docker` or as a plugin of docker |
//! | [`cli`] | the command line: arguments, flags, usage, help |
//! | [`commands`] | the commands, one file each |
//! | [`view`] | manifests and drafts as text |
//! | [`show`] | what an image or list is made of |
//! | [`verify`] | checks that an image or list can be pulled |
//! | [`diff`] | compares two images or lists |
//! | [`spec`] | lists as YAML: what `apply` reads and `spec` writes |
//! | [`publish`] | puts manifests and what they refer to into registries and layouts: the plan, its execution, the metadata file |
//! | [`resolve`] | fetches what references name: images, and the images in lists |
//! | [`content`] | reads manifests and configs from registries and layouts |
//! | [`app`] | what all commands work with: configuration, store, console, registry client |
//! | [`interrupt`] | Ctrl-C while a command uses the network |
//! | [`warning`] | likely mistakes that are errors only with `--strict` |
//! | [`error`] | prints errors with their hints and picks the exit code |
//! | [`store`] | the local manifest lists |
//! | [`layout`] | OCI layouts in directories and archives |
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
pub mod diff;
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
pub mod show;
pub mod spec;
pub mod standin;
pub mod store;
pub mod transport;
pub mod verify;
pub mod view;
pub mod warning;

use app::App;
use cli::{Invocation, Parsed};
use output::Console;
use standin::Role;
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the program with these arguments, the first of which is its name.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match standin::role(arguments.into_iter().collect()) {
        Role::Mfst(arguments) => run_mfst(arguments),
        Role::Plugin(arguments) => {
            standin::end_with_docker();
            run_mfst(arguments)
        }
        Role::DescribePlugin => match app::print(&Console::default(), standin::plugin_metadata()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => error::report(&error, error::FAILURE),
        },
        Role::PassOn(arguments) => {
            let Err(error) = standin::become_docker(&arguments);
            error::report(&error.into(), error::FAILURE)
        }
    }
}

fn run_mfst(arguments: Vec<OsString>) -> ExitCode {
    let (outcome, failure_code) = match cli::parse(arguments) {
        Ok(Parsed::Run(invocation)) => (execute(&invocation), invocation.command.failure_code()),
        Ok(Parsed::Text(text)) => (app::print(&Console::default(), text).map(|()| ExitCode::SUCCESS), error::FAILURE),
        Ok(Parsed::NoCommand(usage)) => {
            Console::default().usage(&usage);
            return ExitCode::SUCCESS;
        }
        Err(usage) => (Err(usage.into()), error::FAILURE),
    };
    outcome.unwrap_or_else(|error| error::report(&error, failure_code))
}

fn execute(invocation: &Invocation) -> anyhow::Result<ExitCode> {
    let app = App::new(invocation.config.clone(), invocation.network, invocation.debug)?;
    invocation.command.run(&app)
}
