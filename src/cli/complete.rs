//! `mfst __complete WORD…`: reads an unfinished command line to find out what its last word may become.
//!
//! The engine of `clap_complete` is not used: it takes the word behind a switch for its value, does not see the words before
//! the one that it completes (the entries offered depend on the list), and its bash script breaks words at colons.

use super::Invocation;
use super::completion::SCRIPTS;
use super::help::shown_args;
use crate::app::Network;
use crate::commands::Command as Run;
use crate::commands::complete::{Candidate, Choice, Options};
use crate::transport::{DEFAULT_JOBS, RetryPolicy};
use clap::{Arg, Command};
use std::ffi::OsString;
use std::path::PathBuf;

/// The name of the command, which cobra has too.
const NAME: &str = "__complete";

/// The platforms that most images are for.
const PLATFORMS: [&str; 9] = [
    "linux/amd64",
    "linux/arm64",
    "linux/arm/v7",
    "linux/arm/v6",
    "linux/386",
    "linux/ppc64le",
    "linux/riscv64",
    "linux/s390x",
    "windows/amd64",
];
const ARCHITECTURES: [&str; 8] = ["386", "amd64", "arm", "arm64", "loong64", "ppc64le", "riscv64", "s390x"];
const CLEARABLE: [&str; 6] = ["annotations", "artifact-type", "os-features", "os-version", "subject", "variant"];
const LOG_LEVELS: [&str; 5] = ["debug", "info", "warn", "error", "fatal"];

/// The words behind `mfst __complete`, if that is what is called.
pub(super) fn words(arguments: &[OsString]) -> Option<&[OsString]> {
    arguments.get(1).filter(|name| *name == NAME).and_then(|_| arguments.get(2..))
}

/// What is to be done to complete the last of these words.
pub(super) fn invocation(mut root: Command, words: &[OsString]) -> Invocation {
    root.build();
    let words: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let (word, before) = words.split_last().map_or(("", [].as_slice()), |(word, before)| (word.as_str(), before));
    let line = Line::read(&root, before);
    Invocation {
        config: line.config.clone(),
        debug: false,
        network: Network { retry_policy: RetryPolicy::default(), jobs: DEFAULT_JOBS },
        command: Run::Complete(line.options(word)),
    }
}

/// The finished words of a command line.
struct Line<'a> {
    root: &'a Command,
    command: Option<&'a Command>,
    /// The flag whose value is the next word.
    open: Option<&'a Arg>,
    /// The words that are neither the command nor flags.
    arguments: Vec<&'a str>,
    /// The value of `--config`.
    config: Option<PathBuf>,
    /// Whether there is a `--`.
    flags_have_ended: bool,
}

impl<'a> Line<'a> {
    fn read(root: &'a Command, words: &'a [String]) -> Self {
        let (arguments, config) = (Vec::new(), None);
        let mut line = Self { root, command: None, open: None, arguments, config, flags_have_ended: false };
        for word in words {
            line.push(word);
        }
        line
    }

    fn push(&mut self, word: &'a str) {
        if let Some(flag) = self.open.take() {
            return self.set(flag, word);
        }
        match word.strip_prefix("--") {
            Some("") if !self.flags_have_ended => self.flags_have_ended = true,
            Some(flag) if !self.flags_have_ended => match flag.split_once('=') {
                Some((name, value)) => self.flag(name).into_iter().for_each(|flag| self.set(flag, value)),
                None => self.open = self.flag(flag).filter(|flag| takes_next_word(flag)),
            },
            _ if !self.flags_have_ended && word.len() > 1 && word.starts_with('-') => {
                self.open = self.last_of(&word[1..]);
            }
            _ if self.command.is_none() => self.command = self.root.find_subcommand(word),
            _ => self.arguments.push(word),
        }
    }

    fn set(&mut self, flag: &Arg, value: &str) {
        if flag.get_id() == "config" {
            self.config = Some(PathBuf::from(value));
        }
    }

    /// The command whose flags may be given.
    fn scope(&self) -> &'a Command {
        self.command.unwrap_or(self.root)
    }

    fn flag(&self, name: &str) -> Option<&'a Arg> {
        self.scope().get_arguments().find(|flag| flag.get_long() == Some(name))
    }

    /// The flag of a cluster of short ones whose value is the next word.
    fn last_of(&self, cluster: &str) -> Option<&'a Arg> {
        let named = |letter| self.scope().get_arguments().find(move |flag| flag.get_short() == Some(letter));
        let mut letters = cluster.chars();
        let flag = letters.by_ref().filter_map(named).find(|flag| takes_next_word(flag))?;
        letters.next().is_none().then_some(flag)
    }

    fn options(&self, word: &str) -> Options {
        let value = |prefix: &str, flag: &Arg, word: &str| {
            let choice = flag_value(flag).unwrap_or(Choice::Anything);
            // Only the last item of a list of platforms is completed.
            let items = if word.is_empty() { 0 } else { word.rfind(',').map_or(0, |comma| comma + 1) };
            Options { prefix: format!("{prefix}{}", &word[..items]), word: word[items..].to_owned(), choice }
        };
        if let Some(flag) = self.open {
            return value("", flag, word);
        }
        let choice = match word.strip_prefix("--").and_then(|flag| flag.split_once('=')) {
            _ if self.flags_have_ended || !word.starts_with('-') => self.argument(),
            Some((name, typed)) => match self.flag(name) {
                Some(flag) => return value(&format!("--{name}="), flag, typed),
                None => Choice::Anything,
            },
            None => Choice::Words(self.flags()),
        };
        Options { prefix: String::new(), word: word.to_owned(), choice }
    }

    fn flags(&self) -> Vec<Candidate> {
        let flag = |flag: &Arg| Some(Candidate::new(format!("--{}", flag.get_long()?), help(flag)));
        match self.command {
            Some(command) => shown_args(command).filter_map(flag).collect(),
            None => self.root.get_arguments().filter_map(flag).collect(),
        }
    }

    fn argument(&self) -> Choice {
        let Some(command) = self.command else { return Choice::Words(commands(self.root)) };
        let list = || self.arguments.first().copied().unwrap_or_default().to_owned();
        match (command.get_name(), self.arguments.len()) {
            ("rm", _) => Choice::Lists(self.arguments.iter().map(ToString::to_string).collect()),
            ("create" | "annotate" | "inspect" | "push" | "remove" | "ls", 0) => Choice::Lists(Vec::new()),
            ("create", _) => Choice::Entries(list()),
            ("annotate" | "inspect", 1) | ("remove", _) => Choice::EntriesAndPlatforms(list()),
            ("apply", _) => Choice::File,
            ("help", 0) => Choice::Words(commands(self.root)),
            ("completion", 0) => words_of(&SCRIPTS.map(|(shell, _)| shell)),
            ("login" | "logout", 0) => Choice::Servers,
            _ => Choice::Anything,
        }
    }
}

fn takes_next_word(flag: &Arg) -> bool {
    flag.get_action().takes_values() && !flag.is_require_equals_set()
}

fn help(flag: &Arg) -> String {
    flag.get_help().map(ToString::to_string).unwrap_or_default()
}

fn commands(root: &Command) -> Vec<Candidate> {
    let about = |command: &Command| command.get_about().map(ToString::to_string).unwrap_or_default();
    root.get_subcommands().map(|command| Candidate::new(command.get_name(), about(command))).collect()
}

fn words_of(words: &[&str]) -> Choice {
    Choice::Words(words.iter().map(|word| Candidate::new(*word, "")).collect())
}

/// What the value of a flag may be; a flag means the same in every command. None for unknown flags.
fn flag_value(flag: &Arg) -> Option<Choice> {
    Some(match flag.get_long()? {
        "arch" => words_of(&ARCHITECTURES),
        "attestations" => words_of(&["keep", "drop"]),
        "clear" => words_of(&CLEARABLE),
        "config" => Choice::Directory,
        "digestfile" | "metadata-file" => Choice::File,
        "format" => {
            let default = flag.get_default_values().first().and_then(|value| value.to_str());
            words_of(&default.into_iter().chain(["json"]).collect::<Vec<_>>())
        }
        "media-type" => words_of(&["auto", "docker", "oci"]),
        "log-level" => words_of(&LOG_LEVELS),
        "os" => words_of(&["linux", "windows"]),
        "platform" | "require-platform" => words_of(&PLATFORMS),
        "progress" => words_of(&["auto", "plain", "none"]),
        "variant" => words_of(&["v6", "v7", "v8"]),
        "annotation" | "artifact-type" | "expect" | "jobs" | "os-features" | "os-version" | "password" | "retries"
        | "subject" | "tag" | "timeout" | "username" | "wait" => Choice::Anything,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::args::Cli;
    use super::*;
    use clap::CommandFactory as _;

    /// The options for a line, whose last word is completed.
    fn options(line: &str) -> Options {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        match invocation(Cli::command(), &words).command {
            Run::Complete(options) => options,
            other => panic!("{other:?}"),
        }
    }

    fn words(line: &str) -> Vec<String> {
        match options(line).choice {
            Choice::Words(words) => words.into_iter().map(|candidate| candidate.word).collect(),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn every_flag_with_a_value_has_a_choice() {
        let mut root = Cli::command();
        root.build();
        for command in root.get_subcommands().chain([&root]) {
            let has_value = |flag: &&Arg| !flag.is_positional() && takes_next_word(flag);
            for flag in command.get_arguments().filter(has_value) {
                assert!(flag_value(flag).is_some(), "flag_value does not know {flag}");
            }
        }
    }

    #[test]
    fn arguments_are_counted_without_flags_and_their_values() {
        let list = || "h/l".to_owned();
        let mut root = Cli::command();
        root.build();
        for (line, expected) in [
            ("push ", Choice::Lists(Vec::new())),
            ("push --insecure ", Choice::Lists(Vec::new())),
            ("push --tag x --insecure=false -q ", Choice::Lists(Vec::new())),
            ("push h/l ", Choice::Anything),
            ("create h/l ", Choice::Entries(list())),
            ("push --tag ", Choice::Anything),
            ("-l debug --config /d push ", Choice::Lists(Vec::new())),
            ("rm a b ", Choice::Lists(vec!["a".into(), "b".into()])),
            ("annotate h/l --arch arm ", Choice::EntriesAndPlatforms(list())),
            ("annotate --os-features=a h/l ", Choice::EntriesAndPlatforms(list())),
            ("remove h/l a ", Choice::EntriesAndPlatforms(list())),
            ("remove -- h/l -", Choice::EntriesAndPlatforms(list())),
            ("push --digestfile ", Choice::File),
            ("--config ", Choice::Directory),
            ("bogus ", Choice::Words(commands(&root))),
        ] {
            assert_eq!(options(line).choice, expected, "{line}");
        }
    }

    #[test]
    fn a_value_may_stand_behind_its_flag() {
        let Options { prefix, word, .. } = options("create --platform=linux/amd64,li");
        assert_eq!((prefix.as_str(), word.as_str()), ("--platform=linux/amd64,", "li"));
        assert_eq!(options("ls --format js").prefix, "");
        assert_eq!(words("ls --format "), ["table", "json"]);
        assert!(words("-ql ").contains(&"debug".to_owned()), "the last flag of a cluster");
    }

    #[test]
    fn flags_are_those_of_the_command() {
        let push = words("push --");
        assert!(push.contains(&"--purge".to_owned()) && push.contains(&"--insecure".to_owned()), "{push:?}");
        assert!(!words("rm --").contains(&"--insecure".to_owned()));
        assert!(words("--").contains(&"--version".to_owned()));
    }

    #[test]
    fn config_counts_wherever_it_stands() {
        for line in ["--config /d push ", "push --config=/d "] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(invocation(Cli::command(), &words).config.as_deref(), Some("/d".as_ref()), "{line}");
        }
    }
}
