//! mfst and the other tools that can make lists of images in other repositories of a registry, or read them.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use crate::bed::Bed;
use mfst_testkit::sandbox::Sandbox;

/// Round trips that two commands cannot do without: connection 1, TLS 1, challenge 1, token server's connection 1, its
/// TLS 1, token 1, manifests 1, configs 1; and then again up to the token, mounts 1, manifests 1, list 1.
const TWO_COMMANDS: u16 = 8 + 9;
/// The same in one command, which needs one token.
const ONE_COMMAND: u16 = 8 + 3;
/// What is saved by each command that knows where the token server is: it gets the token while it connects to the
/// registry.
const SAVED: u16 = 3;

/// The images of each list of a release.
pub const IMAGES_OF_RELEASE: usize = 4;

/// Whether a tool has met the registry before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contact {
    /// Its home is empty but for a login.
    First,
    /// An earlier command has met it.
    Again,
}

/// What a tool is to make of what.
pub struct Names {
    /// The list, in a repository where nothing is yet.
    pub list: String,
    /// The images, each in a repository of its own.
    pub images: Vec<String>,
}

impl Names {
    /// Lists of [`IMAGES_OF_RELEASE`] of the images each, in repositories named after that of the list.
    pub fn lists(&self) -> Vec<Self> {
        let (repository, tag) = self.list.rsplit_once(':').expect("a tag");
        let list = |(number, images): (usize, &[String])| Self {
            list: format!("{repository}-{number}:{tag}"),
            images: images.to_vec(),
        };
        self.images.chunks(IMAGES_OF_RELEASE).enumerate().map(list).collect()
    }
}

/// A way to make a list.
pub struct Tool {
    /// Program and version.
    pub name: String,
    /// Whether it has met the registry before.
    pub contact: Contact,
    /// How many round trips it could not do without.
    pub floor: u16,
    /// What has to be run.
    pub commands: Commands,
}

/// The commands that do a task.
type Commands = fn(&Sandbox, &Names) -> Vec<Command>;

/// A tool that meets the registry for the first time.
fn other(name: &str, version: &str, floor: u16, commands: Commands) -> Tool {
    Tool { name: format!("{name} {version}"), contact: Contact::First, floor, commands }
}

/// mfst at first contact, and with a registry that it has met before.
fn mfst_twice(name: &str, floor: u16, commands: Commands) -> [Tool; 2] {
    let tool = |contact, floor| Tool { name: name.to_owned(), contact, floor, commands };
    [tool(Contact::First, floor), tool(Contact::Again, floor - SAVED)]
}

/// mfst in one command and in two.
pub fn mfst() -> Vec<Tool> {
    let in_one = mfst_twice("mfst create --push", ONE_COMMAND, |home, names| {
        vec![home.command(&words(&["create", "--push", &names.list], &names.images))]
    });
    // The second command has always met the registry before.
    let in_two = mfst_twice("mfst create, push", TWO_COMMANDS - SAVED, |home, names| {
        vec![home.command(&words(&["create", &names.list], &names.images)), home.command(&["push", &names.list])]
    });
    in_one.into_iter().chain(in_two).collect()
}

/// Ways to make the lists of a release, which are [`Names::lists`] of what they are given: one `apply`, and other tools that
/// make one list at a time.
pub fn releases(bed: &Bed) -> Vec<(Tool, bool)> {
    let apply = mfst_twice("mfst apply", ONE_COMMAND, |home, names| {
        vec![home.command(&["apply", &write_spec(home, "release", &names.lists())])]
    });
    let is_one_at_a_time = |tool: &Tool| {
        let names = ["mfst create --push", "crane", "regctl", "manifest-tool"];
        tool.contact == Contact::First && names.iter().any(|name| tool.name.starts_with(name))
    };
    let others = makers(bed).into_iter().filter(is_one_at_a_time);
    apply.into_iter().map(|tool| (tool, true)).chain(others.map(|tool| (tool, false))).collect()
}

/// Writes lists into a file for apply and manifest-tool, and returns its path.
fn write_spec(home: &Sandbox, name: &str, lists: &[Names]) -> String {
    let mut spec = String::new();
    for Names { list, images } in lists {
        write!(spec, "---\nimage: {list}\nmanifests:\n").expect("a string");
        for image in images {
            writeln!(spec, "  - image: {image}").expect("a string");
        }
    }
    let path = home.home().join(format!("{name}.yaml"));
    fs::write(&path, spec).expect("a file");
    path.to_str().expect("a path that is text").to_owned()
}

/// All installed tools that can make a list. skopeo is not among them: it copies lists and cannot make one.
pub fn makers(bed: &Bed) -> Vec<Tool> {
    let home = bed.home();
    let mut tools = mfst();
    let mut add = |name: &str, version: &[&str], floor, commands| match version_of(&home, version) {
        Some(version) => tools.push(other(name, &version, floor, commands)),
        None => eprintln!("{name} is not installed"),
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
        let file = names.list.replace(['/', ':'], "-");
        let path = write_spec(home, &file, std::slice::from_ref(names));
        vec![home.program("manifest-tool", &["push", "--type", "oci", "from-spec", &path])]
    });
    add("buildx imagetools create", &["buildx", "version"], ONE_COMMAND, |home, names| {
        vec![home.program("buildx", &words(&["imagetools", "create", "-t", &names.list], &names.images))]
    });
    tools
}

/// Round trips that one request cannot do without: up to the token 7, as above, and the request.
const ONE_REQUEST: u16 = 7;
/// The same for a list and the images in it.
const TWO_LEVELS: u16 = ONE_REQUEST + 1;
/// The same for their blobs as well.
const THREE_LEVELS: u16 = TWO_LEVELS + 1;

/// Ways to find out about a list: what it means, what is in it, and whether that is there. Not every tool finds out as
/// much as the others.
pub fn readers(bed: &Bed) -> Vec<Tool> {
    let home = bed.home();
    let mut tools = Vec::new();
    tools.extend(mfst_twice("mfst digest", ONE_REQUEST, |home, names| vec![home.command(&["digest", &names.list])]));
    tools.extend(mfst_twice("mfst show", TWO_LEVELS, |home, names| vec![home.command(&["show", &names.list])]));
    tools.extend(mfst_twice("mfst verify", THREE_LEVELS, |home, names| vec![home.command(&["verify", &names.list])]));
    let mut add = |name: &str, version: &[&str], floor, commands| match version_of(&home, version) {
        Some(version) => tools.push(other(name, &version, floor, commands)),
        None => eprintln!("{name} is not installed"),
    };
    let regctl = ["regctl", "version", "--format", "{{.VCSTag}}"];
    add("crane digest", &["crane", "version"], ONE_REQUEST, |home, names| {
        vec![home.program("crane", &["digest", &names.list])]
    });
    add("regctl image digest", &regctl, ONE_REQUEST, |home, names| {
        vec![home.program("regctl", &["image", "digest", &names.list])]
    });
    add("oras resolve", &["oras", "version"], ONE_REQUEST, |home, names| {
        vec![home.program("oras", &["resolve", &names.list])]
    });
    add("skopeo inspect --raw", &["skopeo", "--version"], ONE_REQUEST, |home, names| {
        vec![home.program("skopeo", &["inspect", "--raw", &format!("docker://{}", names.list)])]
    });
    add("crane index list", &["crane", "version"], ONE_REQUEST, |home, names| {
        vec![home.program("crane", &["index", "list", &names.list])]
    });
    add("regctl manifest get", &regctl, ONE_REQUEST, |home, names| {
        vec![home.program("regctl", &["manifest", "get", &names.list])]
    });
    add("buildx imagetools inspect", &["buildx", "version"], ONE_REQUEST, |home, names| {
        vec![home.program("buildx", &["imagetools", "inspect", &names.list])]
    });
    add("manifest-tool inspect", &["manifest-tool", "--version"], THREE_LEVELS, |home, names| {
        vec![home.program("manifest-tool", &["inspect", &names.list])]
    });
    add("crane validate --remote", &["crane", "version"], THREE_LEVELS, |home, names| {
        vec![home.program("crane", &["validate", "--remote", &names.list])]
    });
    tools
}

/// Round trips of a copy within a registry: up to the token 6, list 1, manifests 1, mounts 1, manifests 1, list 1.
const COPY_WITHIN: u16 = 6 + 5;
/// The same to another registry, where opening and filling uploads takes 2.
const COPY_ACROSS: u16 = COPY_WITHIN + 1;

/// Ways to copy a list: within a registry if `is_other` is false, else to another one.
pub fn copiers(bed: &Bed, is_other: bool) -> Vec<Tool> {
    let home = bed.home();
    let floor = if is_other { COPY_ACROSS } else { COPY_WITHIN };
    let name = if is_other { "mfst copy (stream)" } else { "mfst copy (mount)" };
    let mut tools: Vec<Tool> =
        mfst_twice(name, floor, |home, names| vec![home.command(&["copy", &names.images[0], &names.list])]).into();
    let mut add = |name: &str, version: &[&str], commands| match version_of(&home, version) {
        Some(version) => tools.push(other(name, &version, floor, commands)),
        None => eprintln!("{name} is not installed"),
    };
    add("crane copy", &["crane", "version"], |home, names| {
        vec![home.program("crane", &["copy", &names.images[0], &names.list])]
    });
    add("regctl image copy", &["regctl", "version", "--format", "{{.VCSTag}}"], |home, names| {
        vec![home.program("regctl", &["image", "copy", &names.images[0], &names.list])]
    });
    add("oras cp", &["oras", "version"], |home, names| {
        vec![home.program("oras", &["cp", "--no-tty", &names.images[0], &names.list])]
    });
    add("skopeo copy --all", &["skopeo", "--version"], |home, names| {
        let [from, to] = [&names.images[0], &names.list].map(|name| format!("docker://{name}"));
        vec![home.program("skopeo", &["copy", "--insecure-policy", "--all", &from, &to])]
    });
    tools
}

/// The first word of a tool's version message that looks like a number; none if the tool is not installed.
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
