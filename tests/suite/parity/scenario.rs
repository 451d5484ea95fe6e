//! Parses scenario files; `scenarios/README.md` describes the format.

use std::path::Path;

/// A file that exists before the first step. Paths are relative to the docker configuration directory.
#[derive(Clone, Debug, PartialEq)]
pub enum InitialFile {
    /// Path and text.
    File(String, String),
    /// Path.
    Directory(String),
    /// A list entry as docker 28.2.2 writes it: list, reference of the entry, name of the image.
    Entry(String, String, String),
}

/// Which program runs a step when the scenario runs with mfst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    Mfst,
    /// docker runs this step in both runs.
    Docker,
}

/// How stderr is compared.
#[derive(Clone, Debug, PartialEq)]
pub enum Stderr {
    /// It is docker's; only hints and warnings may follow.
    Lines,
    /// The first line is docker's; usage text follows.
    FirstLine,
    /// docker prints an error of Go's; mfst's must contain these texts.
    Contains(Vec<String>),
}

/// How the store is compared at a deliberate difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreRule {
    /// It is as docker leaves it.
    Docker,
    /// It is as it was before this step.
    Unchanged,
    /// Not compared from here on.
    Any,
}

/// A deliberate difference from docker.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Its row in the README's table.
    pub id: String,
    /// The exit code.
    pub exit: i32,
    /// Texts that stdout must contain.
    pub stdout: Vec<String>,
    /// Texts that stderr must contain.
    pub stderr: Vec<String>,
    pub store: StoreRule,
}

/// One command.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub tool: Tool,
    /// Global flags, which come before docker's `manifest`.
    pub global: Vec<String>,
    pub args: Vec<String>,
    pub stderr: Stderr,
    /// Whether it prints help, of which only the stream is compared.
    pub help: bool,
    pub difference: Option<Difference>,
    /// Lines that must be printed in this order, apart from digests and sizes.
    pub shape: Vec<String>,
}

/// A test image: its name and options.
#[derive(Clone, Debug, PartialEq)]
pub struct Fixture {
    pub name: String,
    pub options: Vec<String>,
    pub index: bool,
    /// Whether it is pushed, or only used for its bytes and digest.
    pub pushed: bool,
}

/// One scenario.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scenario {
    pub name: String,
    pub fixtures: Vec<Fixture>,
    /// Images that are deleted after all have been pushed.
    pub deleted: Vec<String>,
    pub files: Vec<InitialFile>,
    pub env: Vec<(String, String)>,
    pub steps: Vec<Step>,
    /// Whether the registry requires a login.
    pub login: bool,
    /// Whether the embedded registry cannot run it.
    pub needs_docker_registry: bool,
}

impl Scenario {
    /// Whether every step can be run by docker and by mfst with equal results.
    pub fn can_alternate(&self) -> bool {
        let plain = |step: &Step| {
            step.tool == Tool::Mfst && step.stderr == Stderr::Lines && !step.help && step.difference.is_none()
        };
        self.steps.len() > 1 && self.steps.iter().all(plain)
    }

    /// The commands, one per line.
    pub fn text(&self) -> String {
        let lines = self.steps.iter().map(|step| {
            let words = step
                .global
                .iter()
                .chain(&step.args)
                .map(|word| if word.is_empty() || word.contains(' ') { format!("'{word}'") } else { word.clone() });
            format!("  {:?} {}", step.tool, words.collect::<Vec<_>>().join(" "))
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Parses the scenarios of a file.
pub fn read(path: &Path) -> Vec<Scenario> {
    let text = std::fs::read_to_string(path).expect("read a scenario file");
    let mut reader = Reader { path, lines: text.lines().enumerate(), number: 0 };
    let mut common = Scenario::default();
    let mut found: Vec<Scenario> = Vec::new();
    while let Some(line) = reader.next() {
        if let Some(name) = line.strip_prefix("== ") {
            assert!(found.iter().all(|other| other.name != name), "{}: two scenarios {name}", path.display());
            found.push(Scenario { name: name.to_owned(), ..common.clone() });
        } else {
            let scenario = found.last_mut().unwrap_or(&mut common);
            reader.directive(line, scenario);
        }
    }
    found
}

struct Reader<'a> {
    path: &'a Path,
    lines: std::iter::Enumerate<std::str::Lines<'a>>,
    number: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<&'a str> {
        loop {
            let (number, line) = self.lines.next()?;
            self.number = number + 1;
            if !line.trim().is_empty() && !line.starts_with('#') {
                return Some(line);
            }
        }
    }

    fn fail(&self, message: &str) -> ! {
        panic!("{}:{}: {message}", self.path.display(), self.number)
    }

    fn directive(&mut self, line: &str, scenario: &mut Scenario) {
        let (word, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        match word {
            "image" | "index" | "define" => {
                let mut options = split(rest);
                let name = options.remove(0);
                scenario.fixtures.push(Fixture { name, options, index: word == "index", pushed: word != "define" });
            }
            "login" => scenario.login = true,
            "docker-registry" => scenario.needs_docker_registry = true,
            "delete" => scenario.deleted.push(rest.to_owned()),
            "file" => {
                let (path, content) = rest.split_once(' ').unwrap_or((rest, ""));
                let content = self.content(content);
                scenario.files.push(InitialFile::File(path.to_owned(), content));
            }
            "dir" => scenario.files.push(InitialFile::Directory(rest.to_owned())),
            "entry" => match split(rest).as_slice() {
                [list, image, from] => {
                    scenario.files.push(InitialFile::Entry(list.clone(), image.clone(), from.clone()));
                }
                _ => self.fail("entry LIST IMAGE NAME"),
            },
            "env" => {
                let (name, value) = rest.split_once('=').unwrap_or_else(|| self.fail("env NAME=VALUE"));
                scenario.env.push((name.to_owned(), value.to_owned()));
            }
            "run" => scenario.steps.push(step(Tool::Mfst, split(rest))),
            "docker" => scenario.steps.push(step(Tool::Docker, split(rest))),
            _ => self.step_option(word, rest, scenario),
        }
    }

    fn step_option(&mut self, word: &str, rest: &str, scenario: &mut Scenario) {
        let shape = (word == "shape").then(|| self.content(rest));
        let Some(step) = scenario.steps.last_mut() else { self.fail("this directive belongs after a step") };
        match word {
            "first-line" => step.stderr = Stderr::FirstLine,
            "help" => step.help = true,
            "shape" => step.shape = shape.unwrap_or_default().lines().map(str::to_owned).collect(),
            "says" => match &mut step.stderr {
                Stderr::Contains(needles) => needles.push(rest.to_owned()),
                other => *other = Stderr::Contains(vec![rest.to_owned()]),
            },
            "differs" => step.difference = Some(difference(rest).unwrap_or_else(|| self.fail("differs ID exit=N"))),
            "stdout" | "stderr" => match (&mut step.difference, word) {
                (Some(difference), "stdout") => difference.stdout.push(rest.to_owned()),
                (Some(difference), _) => difference.stderr.push(rest.to_owned()),
                (None, _) => self.fail("this directive belongs after `differs`"),
            },
            other => self.fail(&format!("unknown directive {other}")),
        }
    }

    /// The rest of the line, or after `<<END` all lines up to `END`.
    fn content(&mut self, rest: &str) -> String {
        let Some(end) = rest.strip_prefix("<<") else { return rest.to_owned() };
        let mut content = String::new();
        for (_, line) in self.lines.by_ref() {
            if line == end {
                return content;
            }
            content.push_str(line);
            content.push('\n');
        }
        self.fail("the text has no end")
    }
}

/// A step of these words; the words before `|` are global flags.
pub fn step(tool: Tool, words: Vec<String>) -> Step {
    let (global, args) = match words.iter().position(|word| word == "|") {
        Some(bar) => (words[..bar].to_vec(), words[bar + 1..].to_vec()),
        None => (Vec::new(), words),
    };
    Step { tool, global, args, stderr: Stderr::Lines, help: false, difference: None, shape: Vec::new() }
}

fn difference(rest: &str) -> Option<Difference> {
    let mut words = rest.split_whitespace();
    let id = words.next()?.to_owned();
    let exit = words.next()?.strip_prefix("exit=")?.parse().ok()?;
    let store = match words.next() {
        None | Some("store=docker") => StoreRule::Docker,
        Some("store=unchanged") => StoreRule::Unchanged,
        Some("store=any") => StoreRule::Any,
        Some(_) => return None,
    };
    Some(Difference { id, exit, stdout: Vec::new(), stderr: Vec::new(), store })
}

/// Splits at spaces outside of single quotes; `''` is an empty word.
pub fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    assert!(!quoted, "a quote is not closed: {text}");
    words.extend(word);
    words
}
