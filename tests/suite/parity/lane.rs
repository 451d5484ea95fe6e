//! Runs one scenario with one tool and notes everything there is to compare.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::parity::scenario::{Given, Scenario, Step, Tool};
use crate::parity::seeds::{self, Images};
use mfst_testkit::debian::Registry;
use mfst_testkit::images::digest;
use mfst_testkit::sandbox::binary;
use mfst_testkit::secrets;
use mfst_testkit::temp;
use mfst_testkit::wire;

/// One file of the store, or a directory (which has no text).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    pub mode: String,
    pub text: Option<String>,
}

/// The store's files by path below the configuration directory.
pub type Store = BTreeMap<String, Stored>;

/// What one command did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    pub exit: i32,
    pub stdout: String,
    pub stderr: String,
    /// The store afterwards; absent when the step left it as it was.
    pub store: Option<Store>,
}

/// One document that the scenario brought into the registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    pub media_type: String,
    pub text: String,
}

/// What one scenario did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub steps: Vec<Done>,
    pub reached: BTreeMap<String, Reached>,
}

/// Which program takes which step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cast {
    /// Docker takes all steps: the model.
    Docker,
    /// Mfst takes all steps but those that the scenario gives to docker.
    Mfst,
    /// They take turns, mfst first when true.
    Turns(bool),
}

/// A registry, and the programs to run against it.
pub struct Lane {
    registry: Box<dyn Registry>,
    docker: Option<PathBuf>,
    /// The scenario whose images the registry holds, and nothing else.
    filled: Option<Scenario>,
}

impl Lane {
    pub fn new(registry: Box<dyn Registry>, docker: Option<PathBuf>) -> Self {
        Self { registry, docker, filled: None }
    }

    /// Whether all programs of this cast are there.
    pub fn can_play(&self, scenario: &Scenario, cast: Cast) -> bool {
        self.docker.is_some() || (cast == Cast::Mfst && scenario.steps.iter().all(|step| step.tool == Tool::Mfst))
    }

    /// Runs a scenario from a clean start.
    pub fn play(&mut self, scenario: &Scenario, cast: Cast) -> Outcome {
        let images = seeds::make(scenario);
        self.fill(scenario, &images);
        let before = self.registry.holdings();
        let place = Place::new(&self.registry.target().host, scenario, &images);
        let mut store = place.store();
        let mut steps = Vec::new();
        for (number, step) in scenario.steps.iter().enumerate() {
            let docker = match cast {
                Cast::Docker => true,
                Cast::Mfst => step.tool == Tool::Docker,
                Cast::Turns(mfst_first) => (number % 2 == 0) != mfst_first,
            };
            let mut done = place.run(&self.command(docker, step, &place, &images));
            self.registry.holdings();
            let after = place.store();
            if after != store {
                done.store = Some(after.clone());
                store = after;
            }
            steps.push(done);
        }
        if scenario.steps.iter().any(|step| step.args.iter().any(|arg| arg == "push")) {
            self.filled = None;
        }
        Outcome { steps, reached: self.reached(&before) }
    }

    /// The images stay from one scenario to the next as long as nobody pushes anything.
    fn fill(&mut self, scenario: &Scenario, images: &Images) {
        let same = |other: &Scenario| other.seeds == scenario.seeds && other.deleted == scenario.deleted;
        if !self.filled.as_ref().is_some_and(same) {
            self.registry.reset();
            seeds::push(scenario, images, self.registry.as_ref());
            self.filled = Some(scenario.clone());
        }
    }

    fn command(&self, docker: bool, step: &Step, place: &Place, images: &Images) -> Vec<String> {
        let expand = |word: &String| {
            seeds::expand(word, &self.registry.target().host, images)
                .replace("{CONFIG}", &place.config().to_string_lossy())
        };
        let mut words = vec![match (docker, &self.docker) {
            (false, _) => binary().to_string_lossy().into_owned(),
            (true, Some(program)) => program.to_string_lossy().into_owned(),
            (true, None) => panic!("this needs the docker CLI"),
        }];
        words.extend(step.global.iter().map(expand));
        if docker {
            words.push("manifest".into());
        }
        words.extend(step.args.iter().map(expand));
        words
    }

    fn reached(&mut self, before: &BTreeMap<String, String>) -> BTreeMap<String, Reached> {
        let mut reached = BTreeMap::new();
        for (name, held) in self.registry.holdings() {
            if before.get(&name) == Some(&held) {
                continue;
            }
            let (repo, _) = name.split_once([':', '@']).expect("a holding is REPO:TAG or REPO@DIGEST");
            let (media_type, bytes) =
                wire::get_manifest(self.registry.target(), repo, &held).expect("what the registry holds it hands out");
            assert_eq!(digest(&bytes), held, "the registry holds what it says");
            let text = String::from_utf8_lossy(&bytes).into_owned();
            reached.insert(name, Reached { media_type, text });
        }
        reached
    }
}

/// The directories of one run.
struct Place {
    root: TempDir,
    host: String,
    env: Vec<(String, String)>,
}

impl Place {
    fn new(host: &str, scenario: &Scenario, images: &Images) -> Self {
        let root = temp::dir();
        let mut place = Self { root, host: host.to_owned(), env: Vec::new() };
        fs::create_dir(place.root.path().join("home")).expect("create a home");
        fs::create_dir(place.config()).expect("create a configuration directory");
        let expand =
            |text: &String| seeds::expand(text, host, images).replace("{CONFIG}", &place.config().to_string_lossy());
        let safe = |name: &str| name.replace(':', "-").replace('/', "_");
        for given in &scenario.given {
            match given {
                Given::File(path, content) => write(&place.config().join(expand(path)), &expand(content)),
                Given::Directory(path) => {
                    fs::create_dir_all(place.config().join(expand(path))).expect("create a directory");
                }
                Given::Entry(list, image, from) => {
                    let made = &images[from];
                    let (list, image) = (expand(list), expand(image));
                    let path = place.config().join("manifests").join(safe(&list)).join(safe(&image));
                    write(&path, &seeds::entry(&image, made, &seeds::platform(made)));
                }
            }
        }
        let env = scenario.env.iter().map(|(name, value)| (name.clone(), expand(value))).collect();
        place.env = env;
        place
    }

    fn config(&self) -> PathBuf {
        self.root.path().join("docker")
    }

    fn run(&self, words: &[String]) -> Done {
        let (out, err) = (self.root.path().join("out"), self.root.path().join("err"));
        // The shell only sets the umask: modes are compared, and must not depend on who runs the tests.
        let mut child = Command::new("sh")
            .args(["-c", "umask 022; exec \"$@\"", "sh"])
            .args(words)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.root.path().join("home"))
            .env("DOCKER_CONFIG", self.config())
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(self.root.path())
            .stdin(Stdio::null())
            .stdout(File::create(&out).expect("a file for stdout"))
            .stderr(File::create(&err).expect("a file for stderr"))
            .spawn()
            .expect("a shell runs");
        let deadline = Instant::now() + Duration::from_secs(60);
        let status = loop {
            if let Some(status) = child.try_wait().expect("ask after a command") {
                break status;
            }
            if Instant::now() > deadline {
                let _ = child.kill();
                let _ = child.wait();
                panic!("no end after a minute: {words:?}");
            }
            thread::sleep(Duration::from_millis(1));
        };
        let read = |path: &Path| self.plain(&fs::read(path).expect("read what a command printed"));
        let (stdout, stderr) = (read(&out), read(&err));
        secrets::assert_none(&stdout, "standard output");
        secrets::assert_none(&stderr, "standard error");
        Done { exit: status.code().unwrap_or(-1), stdout, stderr, store: None }
    }

    /// Takes out what differs from run to run: the port and the temporary directory.
    fn plain(&self, bytes: &[u8]) -> String {
        let other = seeds::other_name(&self.host);
        String::from_utf8_lossy(bytes)
            .replace(&*self.config().to_string_lossy(), "{CONFIG}")
            .replace(&*self.root.path().to_string_lossy(), "{ROOT}")
            .replace(&self.host, "{R}")
            .replace(&self.host.replace(':', "-"), "{S}")
            .replace(&other, "{L}")
            .replace(&other.replace(':', "-"), "{M}")
    }

    /// Everything below the configuration directory but mfst's own corner.
    fn store(&self) -> Store {
        let mut store = Store::new();
        self.walk(&self.config(), "", &mut store);
        store
    }

    fn walk(&self, directory: &Path, prefix: &str, store: &mut Store) {
        for found in fs::read_dir(directory).expect("list a directory") {
            let found = found.expect("list a directory");
            let path = format!("{prefix}{}", self.plain(found.file_name().as_encoded_bytes()));
            if path.ends_with("manifests/.mfst") {
                continue;
            }
            let metadata = found.metadata().expect("ask after a file");
            let mode = format!("{:o}", metadata.permissions().mode() & 0o7777);
            if metadata.is_dir() {
                store.insert(path.clone(), Stored { mode, text: None });
                self.walk(&found.path(), &format!("{path}/"), store);
            } else {
                let text = self.plain(&fs::read(found.path()).expect("read a file"));
                store.insert(path, Stored { mode, text: Some(text) });
            }
        }
    }
}

fn write(path: &Path, content: &str) {
    let directory = path.parent().expect("a file has a directory");
    fs::create_dir_all(directory).expect("create a directory");
    fs::write(path, content).expect("write a file");
}
