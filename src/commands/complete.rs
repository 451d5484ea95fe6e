//! `mfst __complete`: what the last word of a command line may become.
//!
//! The output is that of cobra's command of the same name, which docker's own completion reads from plugins: a line for
//! each candidate, its description behind a tab, and then a colon and a sum of what the shell should do
//! (spf13/cobra `completions.go`).

use crate::app::App;
use crate::manifest::ListEntry;
use crate::output::one_line;
use crate::reference::Reference;

/// Let the shell complete the names of files.
const FILES: u8 = 0;
/// Offer nothing but the candidates.
const NO_FILES: u8 = 4;
/// Let the shell complete the names of directories.
const DIRECTORIES: u8 = 16;
/// The longest description, in characters.
const MAX_DESCRIPTION: usize = 100;

/// The arguments of `__complete`.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    /// What stands before the part that is completed, such as `--format=`.
    pub prefix: String,
    /// The part that is completed.
    pub word: String,
    /// What it may become.
    pub choice: Choice,
}

/// What a word may become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// One of these words.
    Words(Vec<Candidate>),
    /// A local list that is not one of these.
    Lists(Vec<String>),
    /// The reference of an entry of this list.
    Entries(String),
    /// The reference or the platform of an entry of this list.
    EntriesAndPlatforms(String),
    /// A registry that there is a login for.
    Servers,
    /// A file.
    File,
    /// A directory.
    Directory,
    /// Something that only the user knows.
    Anything,
}

/// A word with its description, which may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The word.
    pub word: String,
    /// What it means.
    pub description: String,
}

impl Candidate {
    /// A word and what it means.
    pub fn new(word: impl Into<String>, description: impl Into<String>) -> Self {
        Self { word: word.into(), description: description.into() }
    }
}

/// Prints the candidates. What cannot be read has none: an error would be printed into the user's command line.
pub fn run(app: &App, options: &Options) -> anyhow::Result<()> {
    let candidates = match &options.choice {
        Choice::Words(words) => words.clone(),
        Choice::Lists(except) => lists(app, except),
        Choice::Entries(list) => entries(app, list).iter().map(reference).collect(),
        Choice::EntriesAndPlatforms(list) => {
            let entries = entries(app, list);
            entries.iter().map(reference).chain(entries.iter().filter_map(platform)).collect()
        }
        Choice::Servers => {
            app.config.servers_with_login().into_iter().map(|server| Candidate::new(server, "")).collect()
        }
        Choice::File | Choice::Directory | Choice::Anything => Vec::new(),
    };
    app.print(text(options, &candidates))
}

fn text(options: &Options, candidates: &[Candidate]) -> String {
    let matching = candidates.iter().filter(|candidate| candidate.word.starts_with(&options.word));
    let directive = match options.choice {
        Choice::File => FILES,
        Choice::Directory => DIRECTORIES,
        _ => NO_FILES,
    };
    let line = |Candidate { word, description }: &Candidate| {
        let description = one_line(description, MAX_DESCRIPTION);
        let separator = if description.is_empty() { "" } else { "\t" };
        format!("{}{word}{separator}{description}\n", options.prefix)
    };
    matching.map(line).chain([format!(":{directive}\n")]).collect()
}

/// The lists whose names are references: a shell may run what else is in a name.
fn lists(app: &App, except: &[String]) -> Vec<Candidate> {
    let parsed = |name: &String| Reference::parse(name).ok();
    let except: Vec<Reference> = except.iter().filter_map(parsed).collect();
    let lists = app.store.lists().unwrap_or_default();
    let offered = lists.into_iter().filter(|list| parsed(&list.name).is_some_and(|name| !except.contains(&name)));
    let describe = |images: &[ListEntry]| {
        let platforms = images.iter().filter_map(|image| image.descriptor.platform.as_ref().map(ToString::to_string));
        platforms.collect::<Vec<_>>().join(" ")
    };
    offered.map(|list| Candidate::new(list.name, describe(list.images.as_deref().unwrap_or_default()))).collect()
}

fn entries(app: &App, list: &str) -> Vec<ListEntry> {
    let draft = Reference::parse(list).ok().and_then(|list| app.store.load(&list).ok());
    draft.map(|draft| draft.entries).unwrap_or_default()
}

fn reference(entry: &ListEntry) -> Candidate {
    let platform = entry.descriptor.platform.as_ref().map(ToString::to_string);
    Candidate::new(entry.reference.to_string(), platform.unwrap_or_default())
}

fn platform(entry: &ListEntry) -> Option<Candidate> {
    let platform = entry.descriptor.platform.as_ref().filter(|platform| platform.is_specified())?.to_string();
    let is_word = platform.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
    is_word.then(|| Candidate::new(platform, entry.reference.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_printed_as_cobra_prints_them() {
        let words = ["--format", "--force"].map(|word| Candidate::new(word, "Print\nit"));
        let options = |prefix: &str, word: &str, choice| Options { prefix: prefix.into(), word: word.into(), choice };
        let of = |word: &str| text(&options("", word, Choice::Words(Vec::new())), &words);
        assert_eq!(of("--form"), "--format\tPrint it\n:4\n");
        assert_eq!(of("--forc"), "--force\tPrint it\n:4\n");
        assert_eq!(of("x"), ":4\n");
        let values = [Candidate::new("json", "")];
        assert_eq!(text(&options("--format=", "j", Choice::Anything), &values), "--format=json\n:4\n");
        assert_eq!(text(&options("", "", Choice::File), &[]), ":0\n");
        assert_eq!(text(&options("", "", Choice::Directory), &[]), ":16\n");
    }
}
