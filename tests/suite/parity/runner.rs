//! Runs a scenario with docker, mfst or both, and records the results that are compared.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use mfst_testkit::docker_registry::Registry;
use mfst_testkit::sample::digest;
use mfst_testkit::sandbox::binary;
use mfst_testkit::{secrets, temp, wire};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::parity::fixtures::{self, Images};
use crate::parity::scenario::{InitialFile, Scenario, Step, Tool};

/// A file of the store, or a directory, which has no text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    pub mode: String,
    pub text: Option<String>,
}

/// The files of the store by path below the configuration directory.
pub type Store = BTreeMap<String, StoredFile>;

/// The result of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepResult {
    pub exit: i32,
    pub stdout: String,
    pub stderr: String,
    /// The store after the step; absent if the step has not changed it.
    pub store: Option<Store>,
}

/// A manifest that was pushed by the scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushedManifest {
    pub media_type: String,
    pub text: String,
}

/// The results of a scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub steps: Vec<StepResult>,
    /// By `repo:tag` and `repo@digest`.
    pub pushed: BTreeMap<String, PushedManifest>,
}

/// Which program runs which step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roles {
    /// docker runs all steps.
    Docker,
    /// mfst runs all steps but those that the scenario gives to docker.
    Mfst,
    /// docker and mfst alternate.
    Alternating { mfst_first: bool },
}

/// A registry and the programs that run against it.
pub struct Runner {
    registry: Box<dyn Registry>,
    docker: Option<PathBuf>,
    /// The scenario whose images are in the registry, and nothing else.
    loaded: Option<Scenario>,
}

impl Runner {
    pub fn new(registry: Box<dyn Registry>, docker: Option<PathBuf>) -> Self {
        Self { registry, docker, loaded: None }
    }

    /// Whether the programs for these roles are available and the scenario permits them.
    pub fn can_run(&self, scenario: &Scenario, roles: Roles) -> bool {
        match roles {
            Roles::Docker => self.docker.is_some(),
            Roles::Mfst => self.docker.is_some() || scenario.steps.iter().all(|step| step.tool == Tool::Mfst),
            Roles::Alternating { .. } => self.docker.is_some() && scenario.can_alternate(),
        }
    }

    /// Runs a scenario with an empty store.
    pub fn run(&mut self, scenario: &Scenario, roles: Roles) -> Outcome {
        let images = fixtures::make(scenario);
        self.load(scenario, &images);
        let before = self.registry.manifests();
        let workspace = Workspace::new(&self.registry.target().host, scenario, &images);
        let mut store = workspace.store();
        let mut steps = Vec::new();
        for (number, step) in scenario.steps.iter().enumerate() {
            let docker = match roles {
                Roles::Docker => true,
                Roles::Mfst => step.tool == Tool::Docker,
                Roles::Alternating { mfst_first } => (number % 2 == 0) != mfst_first,
            };
            let mut result = workspace.run(&self.command(docker, step, &workspace, &images));
            // The embedded registry must see manifests while they have a tag.
            self.registry.manifests();
            let after = workspace.store();
            if after != store {
                result.store = Some(after.clone());
                store = after;
            }
            steps.push(result);
        }
        if scenario.steps.iter().any(|step| step.args.iter().any(|arg| arg == "push")) {
            self.loaded = None;
        }
        Outcome { steps, pushed: self.pushed(&before) }
    }

    /// Pushes the images of the scenario, unless they are in the registry from the one before.
    fn load(&mut self, scenario: &Scenario, images: &Images) {
        let same = |other: &Scenario| other.fixtures == scenario.fixtures && other.deleted == scenario.deleted;
        if !self.loaded.as_ref().is_some_and(same) {
            self.registry.clear();
            fixtures::push(scenario, images, self.registry.as_ref());
            self.loaded = Some(scenario.clone());
        }
    }

    fn command(&self, docker: bool, step: &Step, workspace: &Workspace, images: &Images) -> Vec<String> {
        let expand = |word: &String| {
            fixtures::expand(word, &self.registry.target().host, images)
                .replace("{CONFIG}", &workspace.config().to_string_lossy())
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

    fn pushed(&mut self, before: &BTreeMap<String, String>) -> BTreeMap<String, PushedManifest> {
        let mut pushed = BTreeMap::new();
        for (name, expected) in self.registry.manifests() {
            if before.get(&name) == Some(&expected) {
                continue;
            }
            let (repo, _) = name.split_once([':', '@']).expect("REPO:TAG or REPO@DIGEST");
            let (media_type, bytes) = wire::get_manifest(self.registry.target(), repo, &expected).expect("a manifest");
            assert_eq!(digest(&bytes), expected);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            pushed.insert(name, PushedManifest { media_type, text });
        }
        pushed
    }
}

/// The directories of a run.
struct Workspace {
    root: TempDir,
    host: String,
    env: Vec<(String, String)>,
}

impl Workspace {
    fn new(host: &str, scenario: &Scenario, images: &Images) -> Self {
        let root = temp::dir();
        let mut workspace = Self { root, host: host.to_owned(), env: Vec::new() };
        fs::create_dir(workspace.root.path().join("home")).expect("create a home");
        fs::create_dir(workspace.config()).expect("create a configuration directory");
        let expand = |text: &String| {
            fixtures::expand(text, host, images).replace("{CONFIG}", &workspace.config().to_string_lossy())
        };
        let file_name = |name: &str| name.replace(':', "-").replace('/', "_");
        for file in &scenario.files {
            match file {
                InitialFile::File(path, content) => write(&workspace.config().join(expand(path)), &expand(content)),
                InitialFile::Directory(path) => {
                    fs::create_dir_all(workspace.config().join(expand(path))).expect("create a directory");
                }
                InitialFile::Entry(list, image, from) => {
                    let made = &images[from];
                    let (list, image) = (expand(list), expand(image));
                    let path = workspace.config().join("manifests").join(file_name(&list)).join(file_name(&image));
                    write(&path, &fixtures::entry(&image, made, &fixtures::platform(made)));
                }
            }
        }
        let env = scenario.env.iter().map(|(name, value)| (name.clone(), expand(value))).collect();
        workspace.env = env;
        workspace
    }

    fn config(&self) -> PathBuf {
        self.root.path().join("docker")
    }

    fn run(&self, words: &[String]) -> StepResult {
        let (out, err) = (self.root.path().join("out"), self.root.path().join("err"));
        // The shell sets the umask, because file modes are compared.
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
            if let Some(status) = child.try_wait().expect("the state of the command") {
                break status;
            }
            if Instant::now() > deadline {
                let _ = child.kill();
                let _ = child.wait();
                panic!("no exit after a minute: {words:?}");
            }
            thread::sleep(Duration::from_millis(1));
        };
        let read = |path: &Path| self.with_variables(&fs::read(path).expect("read what a command printed"));
        let (stdout, stderr) = (read(&out), read(&err));
        secrets::assert_none(&stdout, "standard output");
        secrets::assert_none(&stderr, "standard error");
        StepResult { exit: status.code().unwrap_or(-1), stdout, stderr, store: None }
    }

    /// Replaces what differs from run to run: the port and the temporary directory.
    fn with_variables(&self, bytes: &[u8]) -> String {
        let other = fixtures::other_name(&self.host);
        String::from_utf8_lossy(bytes)
            .replace(&*self.config().to_string_lossy(), "{CONFIG}")
            .replace(&*self.root.path().to_string_lossy(), "{ROOT}")
            .replace(&self.host, "{R}")
            .replace(&self.host.replace(':', "-"), "{S}")
            .replace(&other, "{L}")
            .replace(&other.replace(':', "-"), "{M}")
    }

    /// All files below the configuration directory, apart from mfst's own metadata.
    fn store(&self) -> Store {
        let mut store = Store::new();
        self.collect(&self.config(), "", &mut store);
        store
    }

    fn collect(&self, directory: &Path, prefix: &str, store: &mut Store) {
        for found in fs::read_dir(directory).expect("list a directory") {
            let found = found.expect("list a directory");
            let path = format!("{prefix}{}", self.with_variables(found.file_name().as_encoded_bytes()));
            if path.ends_with("manifests/.mfst") {
                continue;
            }
            let metadata = found.metadata().expect("the metadata of a file");
            let mode = format!("{:o}", metadata.permissions().mode() & 0o7777);
            if metadata.is_dir() {
                store.insert(path.clone(), StoredFile { mode, text: None });
                self.collect(&found.path(), &format!("{path}/"), store);
            } else {
                let text = self.with_variables(&fs::read(found.path()).expect("read a file"));
                store.insert(path, StoredFile { mode, text: Some(text) });
            }
        }
    }
}

fn write(path: &Path, content: &str) {
    let directory = path.parent().expect("a directory");
    fs::create_dir_all(directory).expect("create a directory");
    fs::write(path, content).expect("write a file");
}
