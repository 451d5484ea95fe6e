//! The commands that clap knows.

use super::words::{
    AnnotateWords, CreateWords, InspectWords, LsWords, PushWords, RemoveWords, RmWords, with_optional_values,
};
use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command, Error, FromArgMatches, Subcommand};

/// A command and its words.
#[derive(Debug)]
pub(super) enum Verb {
    Annotate(AnnotateWords),
    Create(CreateWords),
    Inspect(InspectWords),
    Ls(LsWords),
    Push(PushWords),
    Remove(RemoveWords),
    Rm(RmWords),
}

/// Name, operands, what it does, an example without its first two words, and what adds the words.
type Entry = (&'static str, &'static str, &'static str, &'static str, fn(Command) -> Command);

const ALL: [Entry; 7] = [
    (
        "annotate",
        "MANIFEST_LIST MANIFEST",
        "Add platform information to an image in a local manifest list",
        "--os linux --arch arm --variant v7 example.com/app:1.0 example.com/app:1.0-armhf",
        words::<AnnotateWords>,
    ),
    (
        "create",
        "MANIFEST_LIST MANIFEST [MANIFEST...]",
        "Create a local manifest list for annotating and pushing to a registry",
        "example.com/app:1.0 example.com/app:1.0-amd64 example.com/app:1.0-arm64",
        words::<CreateWords>,
    ),
    (
        "inspect",
        "[MANIFEST_LIST] MANIFEST",
        "Display an image manifest, or manifest list",
        "--verbose example.com/app:1.0 example.com/app:1.0-arm64",
        words::<InspectWords>,
    ),
    ("ls", "", "List local manifest lists", "--format json", words::<LsWords>),
    (
        "push",
        "MANIFEST_LIST",
        "Push a manifest list to a repository",
        "--purge example.com/app:1.0",
        words::<PushWords>,
    ),
    (
        "remove",
        "MANIFEST_LIST ENTRY [ENTRY...]",
        "Remove images from a local manifest list, by reference, digest or platform",
        "example.com/app:1.0 linux/arm/v7",
        words::<RemoveWords>,
    ),
    (
        "rm",
        "MANIFEST_LIST [MANIFEST_LIST...]",
        "Delete one or more manifest lists from local storage",
        "example.com/app:1.0",
        words::<RmWords>,
    ),
];

fn words<W: Args>(command: Command) -> Command {
    with_optional_values(W::augment_args(command))
}

/// By hand rather than derived, so that only the words of the command that is used are set up: a local command has little
/// else to do.
impl Subcommand for Verb {
    fn augment_subcommands(root: Command) -> Command {
        let commands = ALL.into_iter().map(|(name, operands, about, example, words)| {
            let usage = format!("mfst {name} [OPTIONS] {operands}");
            Command::new(name)
                .about(about)
                .override_usage(usage.trim_end().to_owned())
                .after_help(format!("Example:\n  mfst {name} {example}"))
                .args_override_self(true)
                .defer(words)
        });
        root.disable_help_subcommand(true).subcommands(commands)
    }

    fn augment_subcommands_for_update(root: Command) -> Command {
        Self::augment_subcommands(root)
    }

    fn has_subcommand(name: &str) -> bool {
        ALL.iter().any(|(known, ..)| *known == name)
    }
}

impl FromArgMatches for Verb {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        match matches.subcommand() {
            Some(("annotate", words)) => AnnotateWords::from_arg_matches(words).map(Self::Annotate),
            Some(("create", words)) => CreateWords::from_arg_matches(words).map(Self::Create),
            Some(("inspect", words)) => InspectWords::from_arg_matches(words).map(Self::Inspect),
            Some(("ls", words)) => LsWords::from_arg_matches(words).map(Self::Ls),
            Some(("push", words)) => PushWords::from_arg_matches(words).map(Self::Push),
            Some(("remove", words)) => RemoveWords::from_arg_matches(words).map(Self::Remove),
            Some(("rm", words)) => RmWords::from_arg_matches(words).map(Self::Rm),
            _ => Err(Error::new(ErrorKind::MissingSubcommand)),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
