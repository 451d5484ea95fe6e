//! A home directory of its own for every test, and the commands run in it:
//! nothing of the user's environment gets in, nothing gets out.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use tempfile::TempDir;

use crate::sample::digest;
use crate::secrets;
use crate::temp;

/// A temporary home with docker's configuration directory in it.
#[derive(Debug)]
pub struct Sandbox {
    home: TempDir,
    env: BTreeMap<String, OsString>,
    /// The program that runs as mfst, and its first arguments.
    mfst: Vec<OsString>,
}

impl Sandbox {
    /// An empty home; `DOCKER_CONFIG` names its `.docker`.
    pub fn new() -> Self {
        Self::running(&[binary().as_os_str()])
    }

    /// The same for another program than the binary under test: its path, then the arguments that come first.
    pub fn running(mfst: &[&OsStr]) -> Self {
        let home = temp::dir();
        let mfst = mfst.iter().map(|word| (*word).to_owned()).collect();
        let mut sandbox = Self { home, env: BTreeMap::new(), mfst };
        let (home, config) = (sandbox.home().to_owned(), sandbox.config_dir());
        fs::create_dir(&config).expect("a configuration directory");
        sandbox.env("HOME", home).env("DOCKER_CONFIG", config);
        sandbox
    }

    /// Sets a variable for all commands that follow.
    pub fn env(&mut self, name: &str, value: impl Into<OsString>) -> &mut Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }

    /// Takes a variable away from all commands that follow.
    pub fn unset(&mut self, name: &str) -> &mut Self {
        self.env.remove(name);
        self
    }

    /// The home directory.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The configuration directory.
    pub fn config_dir(&self) -> PathBuf {
        self.home().join(".docker")
    }

    /// The directory of all local lists.
    pub fn store(&self) -> PathBuf {
        self.config_dir().join("manifests")
    }

    /// The directory of one list, named as docker names it.
    pub fn list(&self, reference: &str) -> PathBuf {
        self.store().join(file_name(reference))
    }

    /// The file of one entry of a list.
    pub fn entry(&self, list: &str, image: &str) -> PathBuf {
        self.list(list).join(file_name(image))
    }

    /// Writes `config.json`.
    pub fn write_config(&self, text: &str) {
        fs::write(self.config_dir().join("config.json"), text).expect("config.json");
    }

    /// Writes a `config.json` with a login for one registry.
    pub fn log_in(&self, host: &str, user: &str, password: &str) {
        self.log_in_to(&[(host, user, password)]);
    }

    /// Writes a `config.json` with logins: host, user and password.
    pub fn log_in_to(&self, logins: &[(&str, &str, &str)]) {
        let auth = |user: &str, password: &str| BASE64.encode(format!("{user}:{password}"));
        let login =
            |(host, user, password): &(&str, &str, &str)| ((*host).to_owned(), json!({"auth": auth(user, password)}));
        let auths: serde_json::Map<_, _> = logins.iter().map(login).collect();
        self.write_config(&json!({"auths": auths}).to_string());
    }

    /// The binary under test, ready to run.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut words: Vec<&OsStr> = self.mfst.iter().skip(1).map(OsString::as_os_str).collect();
        words.extend(args.iter().map(OsStr::new));
        self.program(&self.mfst[0], &words)
    }

    /// Any program in the same surroundings.
    pub fn program(&self, program: impl AsRef<OsStr>, args: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(program);
        command
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(&self.env)
            .current_dir(self.home())
            .stdin(Stdio::null());
        command
    }

    /// Runs the binary under test.
    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(&mut self.command(args))
    }

    /// Runs it with no more than this much memory of its own, in MiB. A program that wants more is ended by its
    /// allocator, with a signal.
    pub fn run_within(&self, memory: usize, args: &[&str]) -> Ran {
        self.run_limited(&format!("ulimit -d {}", memory * 1024), args)
    }

    /// The same with no more than this much CPU time, in seconds.
    pub fn run_within_cpu(&self, memory: usize, cpu: usize, args: &[&str]) -> Ran {
        self.run_limited(&format!("ulimit -d {} && ulimit -t {cpu}", memory * 1024), args)
    }

    fn run_limited(&self, limits: &str, args: &[&str]) -> Ran {
        let line = format!("{limits} && exec \"$0\" \"$@\"");
        let mfst = binary();
        let words = ["-c", &line, mfst.to_str().expect("a path in UTF-8")];
        Ran::of(&mut self.program("sh", &[&words, args].concat()))
    }

    /// Runs it and fails unless it succeeds; tells its standard output.
    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> String {
        self.run(args).ok()
    }

    /// The local lists: every file and directory with the digest of its bytes.
    /// What mfst keeps for itself beside the lists is left out.
    pub fn tree(&self) -> BTreeMap<PathBuf, String> {
        let mut tree = BTreeMap::new();
        collect(&self.store(), &self.store(), &mut tree);
        tree
    }
}

impl Drop for Sandbox {
    /// Whatever has been run here, no secret is in the store, and none was in
    /// the arguments of a helper.
    fn drop(&mut self) {
        let Ok(files) = fs::read_dir(self.home()) else { return };
        let calls =
            files.flatten().map(|file| file.path()).filter(|path| path.extension().is_some_and(|it| it == "calls"));
        for path in calls.chain(every_file(&self.store())) {
            let content = fs::read(&path).unwrap_or_default();
            let text = format!("{}\n{}", path.display(), String::from_utf8_lossy(&content));
            secrets::assert_none(&text, "the sandbox");
        }
    }
}

/// Every file below a directory, whoever it belongs to; links are not followed.
fn every_file(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    paths.flat_map(|path| if path.is_dir() && !path.is_symlink() { every_file(&path) } else { vec![path] }).collect()
}

/// The name docker gives a reference in the store.
pub fn file_name(reference: &str) -> String {
    reference.replace(':', "-").replace('/', "_")
}

fn collect(root: &Path, dir: &Path, tree: &mut BTreeMap<PathBuf, String>) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("a directory entry").path();
        let name = path.strip_prefix(root).expect("inside").to_owned();
        if name == Path::new(".mfst") {
            continue;
        }
        if path.is_dir() {
            tree.insert(name, "directory".to_owned());
            collect(root, &path, tree);
        } else {
            tree.insert(name, digest(&fs::read(&path).expect("a readable file")));
        }
    }
}

/// What a command did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// The exit code; none after a signal.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Ran {
    /// Runs a command to its end.
    pub fn of(command: &mut Command) -> Self {
        Self::from(command.output().expect("a program that runs"))
    }

    /// Fails unless the command succeeded; tells its standard output.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self.stdout
    }

    /// Fails unless the command ended with this code; tells its standard error.
    #[track_caller]
    pub fn fails(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self.stderr
    }
}

impl From<Output> for Ran {
    /// What was said, in which there must be no secret.
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8 output");
        let ran = Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
        secrets::assert_none(&ran.stdout, "standard output");
        secrets::assert_none(&ran.stderr, "standard error");
        ran
    }
}

/// The binary under test: the one that `MFST_BIN` names (a release build, say), or the one just built. Cargo says where
/// that is; before cargo 1.94 it is looked for where it is by default, above the directory of the test binaries.
pub fn binary() -> PathBuf {
    let named = ["MFST_BIN", "CARGO_BIN_EXE_mfst"].into_iter().find_map(std::env::var_os);
    if let Some(path) = named {
        return PathBuf::from(path);
    }
    let test = std::env::current_exe().expect("the path of the running program");
    let profile = test.ancestors().nth(2).expect("a target directory");
    profile.join(format!("mfst{}", std::env::consts::EXE_SUFFIX))
}
