//! mfst and the other tools that can make a list of images in other
//! repositories of a registry.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use crate::bed::Bed;
use mfst_testkit::sandbox::{Ran, Sandbox};

/// Round trips that two commands cannot do without: connection 1, TLS 1,
/// challenge 1, token server's connection 1, its TLS 1, token 1, manifests 1,
/// configs 1; and then again up to the token, mounts 1, manifests 1, list 1.
const TWO_COMMANDS: u8 = 8 + 9;
/// The same in one command, which needs one token.
const ONE_COMMAND: u8 = 8 + 3;

/// What a tool is to make of what.
pub struct Names {
    /// The list, in a repository where nothing is yet.
    pub list: String,
    /// The images, each in a repository of its own.
    pub images: Vec<String>,
}

/// A way to make a list.
pub struct Tool {
    /// Program and version.
    pub name: String,
    /// How many round trips it could not do without.
    pub floor: u8,
    /// What has to be run.
    pub commands: fn(&Sandbox, &Names) -> Vec<Command>,
}

/// mfst in two commands and, where it knows how, in one.
pub fn mfst(bed: &Bed) -> Vec<Tool> {
    let help = Ran::of(&mut bed.home().command(&["create", "--help"])).stdout;
    let mut tools = Vec::new();
    if help.contains("--push") {
        tools.push(Tool {
            name: "mfst create --push".to_owned(),
            floor: ONE_COMMAND,
            commands: |home, names| vec![home.command(&words(&["create", "--push", &names.list], &names.images))],
        });
    }
    tools.push(Tool {
        name: "mfst create, push".to_owned(),
        floor: TWO_COMMANDS,
        commands: |home, names| {
            vec![home.command(&words(&["create", &names.list], &names.images)), home.command(&["push", &names.list])]
        },
    });
    tools
}

/// All tools that are here. skopeo is not among them: it copies lists and cannot make one.
pub fn found(bed: &Bed) -> Vec<Tool> {
    let home = bed.home();
    let mut tools = mfst(bed);
    let mut add = |name: &str, version: &[&str], floor, commands| match version_of(&home, version) {
        Some(version) => tools.push(Tool { name: format!("{name} {version}"), floor, commands }),
        None => eprintln!("{name} is not here"),
    };
    add("docker manifest", &["docker", "--version"], TWO_COMMANDS, |home, names| {
        vec![
            home.program("docker", &words(&["manifest", "create", &names.list], &names.images)),
            home.program("docker", &["manifest", "push", &names.list]),
        ]
    });
    add("crane index append", &["crane", "version"], ONE_COMMAND, |home, names| {
        let images = flagged("-m", &names.images);
        vec![home.program("crane", &words(&["index", "append", "-t", &names.list], &images))]
    });
    add("regctl index create", &["regctl", "version", "--format", "{{.VCSTag}}"], ONE_COMMAND, |home, names| {
        let images = flagged("--ref", &names.images);
        vec![home.program("regctl", &words(&["index", "create", &names.list], &images))]
    });
    add("manifest-tool push", &["manifest-tool", "--version"], ONE_COMMAND, |home, names| {
        let mut spec = format!("image: {}\nmanifests:\n", names.list);
        for image in &names.images {
            writeln!(spec, "  - image: {image}").expect("a string");
        }
        let path = home.home().join("spec.yaml");
        fs::write(&path, spec).expect("a file");
        let path = path.to_str().expect("a path that is text").to_owned();
        vec![home.program("manifest-tool", &["push", "--type", "oci", "from-spec", &path])]
    });
    add("buildx imagetools create", &["buildx", "version"], ONE_COMMAND, |home, names| {
        vec![home.program("buildx", &words(&["imagetools", "create", "-t", &names.list], &names.images))]
    });
    tools
}

/// The last word but for commas of what a tool says about its version that looks
/// like a number; nothing if it is not here.
fn version_of(home: &Sandbox, command: &[&str]) -> Option<String> {
    let output = home.program(command[0], &command[1..]).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = |word: &&str| word.contains('.') && word.chars().any(|c| c.is_ascii_digit()) && !word.contains('/');
    let word = text.split_whitespace().map(|word| word.trim_matches(',')).find(number).unwrap_or_default();
    Some(word.to_owned())
}

fn words<'a>(first: &[&'a str], more: &'a [String]) -> Vec<&'a str> {
    first.iter().copied().chain(more.iter().map(String::as_str)).collect()
}

fn flagged(flag: &str, values: &[String]) -> Vec<String> {
    values.iter().flat_map(|value| [flag.to_owned(), value.clone()]).collect()
}
