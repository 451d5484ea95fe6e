//! The command line: docker's arguments and flags, read as docker reads them.
//!
//! Each command has a file: its arguments, and how they become a [`Command`]. clap is not used outside this module.

mod annotate;
mod apply;
mod args;
mod complete;
mod completion;
mod copy;
mod create;
mod diff;
mod digest;
mod exists;
mod help;
mod inspect;
mod login;
mod logout;
mod ls;
mod parse;
mod push;
mod remove;
mod rm;
mod show;
mod spec;
mod tags;
mod usage;
mod values;
mod verify;
mod version;

use crate::app::Network;
use crate::commands::Command;
use crate::error::UsageError;
use clap::{CommandFactory as _, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;

/// A command and the global flags.
#[derive(Debug)]
pub struct Invocation {
    /// `--config`, if given.
    pub config: Option<PathBuf>,
    /// Whether to print debug lines.
    pub debug: bool,
    /// Network settings.
    pub network: Network,
    /// The command.
    pub command: Command,
}

/// What a command line asks for.
#[derive(Debug)]
pub enum Parsed {
    /// A command to run.
    Run(Box<Invocation>),
    /// A text for stdout: help or the version.
    Text(String),
    /// No command: the help, for stderr. This is not an error.
    NoCommand(String),
}

/// Reads the command line; the first argument is the name of the program.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Parsed, UsageError> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    parse::parse(&arguments)
}

/// The version of mfst.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// mfst and its commands as their help shows them, each with the name of its manual page. The examples are in `after_help`,
/// one in a line.
#[must_use]
pub fn manual() -> Vec<(String, clap::Command)> {
    help::manual(args::Cli::command())
}

/// The commands that run, and those about the program itself.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum CliCommand {
    #[command(flatten)]
    Run(Box<CommandArgs>),
    Completion(completion::CompletionArgs),
    Help(help::HelpArgs),
    Version(version::VersionArgs),
}

/// The commands that run. `defer`: clap sets up only the arguments of the command that is used.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum CommandArgs {
    Annotate(annotate::AnnotateArgs),
    Apply(apply::ApplyArgs),
    Copy(copy::CopyArgs),
    Create(create::CreateArgs),
    Diff(diff::DiffArgs),
    Digest(digest::DigestArgs),
    Exists(exists::ExistsArgs),
    Inspect(inspect::InspectArgs),
    Login(login::LoginArgs),
    Logout(logout::LogoutArgs),
    Ls(ls::LsArgs),
    Push(push::PushCommandArgs),
    Remove(remove::RemoveArgs),
    Rm(rm::RmArgs),
    Show(show::ShowArgs),
    Spec(spec::SpecArgs),
    Tags(tags::TagsArgs),
    Verify(verify::VerifyArgs),
}

impl CommandArgs {
    fn into_command(self) -> Result<Command, UsageError> {
        match self {
            Self::Annotate(args) => args.into_command(),
            Self::Apply(args) => args.into_command(),
            Self::Copy(args) => args.into_command(),
            Self::Create(args) => args.into_command(),
            Self::Diff(args) => args.into_command(),
            Self::Digest(args) => args.into_command(),
            Self::Exists(args) => args.into_command(),
            Self::Inspect(args) => args.into_command(),
            Self::Login(args) => args.into_command(),
            Self::Logout(args) => args.into_command(),
            Self::Ls(args) => args.into_command(),
            Self::Push(args) => args.into_command(),
            Self::Remove(args) => args.into_command(),
            Self::Rm(args) => args.into_command(),
            Self::Show(args) => args.into_command(),
            Self::Spec(args) => args.into_command(),
            Self::Tags(args) => args.into_command(),
            Self::Verify(args) => args.into_command(),
        }
    }
}

/// The commands as `mfst --help` lists them, under headings.
const GROUPS: [(&str, &[&str]); 6] = [
    ("Commands of docker manifest", &["create", "annotate", "inspect", "push", "rm"]),
    ("Local manifest lists", &["ls", "remove"]),
    ("Images and lists in registries", &["copy", "show", "digest", "exists", "tags", "verify", "diff"]),
    ("Lists in files", &["apply", "spec"]),
    ("Logins", &["login", "logout"]),
    ("Other commands", &["completion", "help", "version"]),
];
