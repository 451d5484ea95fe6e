//! Reads the scenario files. Their language is described in `scenarios/README.md`.

use std::path::Path;

/// A file or directory that is there before the first step, relative to the docker configuration directory.
#[derive(Clone, Debug, PartialEq)]
pub enum Given {
    File(String, String),
    Directory(String),
    /// An entry as docker 28.2.2 writes it: list, image, name of the image it is made from.
    Entry(String, String, String),
}

/// Who executes a step when the scenario runs with mfst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    Mfst,
    /// Docker takes this turn in both runs.
    Docker,
}

/// How much of docker's stderr mfst has to repeat.
#[derive(Clone, Debug, PartialEq)]
pub enum Stderr {
    /// Docker's lines come first; only hints and warnings may follow.
    Lines,
    /// A mistake in the arguments: the first line counts, after it comes usage text.
    FirstLine,
    /// Go's own words: mfst must say these things in its own.
    Says(Vec<String>),
}

/// What happens to the store comparison when mfst differs on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreRule {
    /// As docker leaves it.
    Docker,
    /// As it was before this step.
    Unchanged,
    /// Not looked at, from here on.
    Free,
}

/// What mfst does where it differs from docker on purpose.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The row of the table of deliberate differences.
    pub id: String,
    pub exit: i32,
    pub stdout: Vec<String>,
    pub stderr: Vec<String>,
    pub store: StoreRule,
}

/// One command.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub tool: Tool,
    /// Flags that belong before docker's word `manifest`.
    pub global: Vec<String>,
    pub args: Vec<String>,
    pub stderr: Stderr,
    /// Help text: only whether there is any is compared.
    pub help: bool,
    pub difference: Option<Difference>,
    /// What a document shows: each of its lines must occur in this order, digests and sizes aside.
    pub shape: Vec<String>,
}

/// One image to make: its name, and the words that describe it.
#[derive(Clone, Debug, PartialEq)]
pub struct Seed {
    pub name: String,
    pub words: Vec<String>,
    pub index: bool,
    /// Whether it is in the registry, or only a source of digests and bytes.
    pub pushed: bool,
}

/// One scenario.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scenario {
    pub name: String,
    pub seeds: Vec<Seed>,
    /// Images that are removed again after all have been pushed.
    pub deleted: Vec<String>,
    pub given: Vec<Given>,
    pub env: Vec<(String, String)>,
    pub steps: Vec<Step>,
    /// Whether the registry wants to know who asks.
    pub login: bool,
    /// Whether only docker-registry can do this; the embedded registry refuses it.
    pub debian: bool,
}

impl Scenario {
    /// Whether docker could take any of the steps and be compared with itself.
    pub fn can_take_turns(&self) -> bool {
        let plain = |step: &Step| {
            step.tool == Tool::Mfst && step.stderr == Stderr::Lines && !step.help && step.difference.is_none()
        };
        self.steps.len() > 1 && self.steps.iter().all(plain)
    }

    /// The commands, one a line.
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

/// Reads all scenarios of one file.
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

    fn wrong(&self, what: &str) -> ! {
        panic!("{}:{}: {what}", self.path.display(), self.number)
    }

    fn directive(&mut self, line: &str, scenario: &mut Scenario) {
        let (word, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        match word {
            "image" | "index" | "define" => {
                let mut words = split(rest);
                let name = words.remove(0);
                scenario.seeds.push(Seed { name, words, index: word == "index", pushed: word != "define" });
            }
            "login" => scenario.login = true,
            "docker-registry" => scenario.debian = true,
            "delete" => scenario.deleted.push(rest.to_owned()),
            "file" => {
                let (path, content) = rest.split_once(' ').unwrap_or((rest, ""));
                let content = self.content(content);
                scenario.given.push(Given::File(path.to_owned(), content));
            }
            "dir" => scenario.given.push(Given::Directory(rest.to_owned())),
            "entry" => match split(rest).as_slice() {
                [list, image, from] => {
                    scenario.given.push(Given::Entry(list.clone(), image.clone(), from.clone()));
                }
                _ => self.wrong("entry LIST IMAGE NAME"),
            },
            "env" => {
                let (name, value) = rest.split_once('=').unwrap_or_else(|| self.wrong("env NAME=VALUE"));
                scenario.env.push((name.to_owned(), value.to_owned()));
            }
            "run" => scenario.steps.push(step(Tool::Mfst, split(rest))),
            "docker" => scenario.steps.push(step(Tool::Docker, split(rest))),
            _ => self.about_step(word, rest, scenario),
        }
    }

    fn about_step(&mut self, word: &str, rest: &str, scenario: &mut Scenario) {
        let shape = (word == "shape").then(|| self.content(rest));
        let Some(step) = scenario.steps.last_mut() else { self.wrong("this belongs after a step") };
        match word {
            "first-line" => step.stderr = Stderr::FirstLine,
            "help" => step.help = true,
            "shape" => step.shape = shape.unwrap_or_default().lines().map(str::to_owned).collect(),
            "says" => match &mut step.stderr {
                Stderr::Says(needles) => needles.push(rest.to_owned()),
                other => *other = Stderr::Says(vec![rest.to_owned()]),
            },
            "differs" => step.difference = Some(difference(rest).unwrap_or_else(|| self.wrong("differs ID exit=N"))),
            "stdout" | "stderr" => match (&mut step.difference, word) {
                (Some(difference), "stdout") => difference.stdout.push(rest.to_owned()),
                (Some(difference), _) => difference.stderr.push(rest.to_owned()),
                (None, _) => self.wrong("this belongs after `differs`"),
            },
            other => self.wrong(&format!("unknown word {other}")),
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
        self.wrong("no end of this text")
    }
}

/// A step out of its words; everything before the first command word is a global flag.
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
        Some("store=free") => StoreRule::Free,
        Some(_) => return None,
    };
    Some(Difference { id, exit, stdout: Vec::new(), stderr: Vec::new(), store })
}

/// Splits at blanks; single quotes keep them, and make the empty word possible.
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
    assert!(!quoted, "a quote without an end: {text}");
    words.extend(word);
    words
}
