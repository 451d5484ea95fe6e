//! mfst called as `docker`, and as a plugin of docker.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use mfst_testkit::faults::Fault;
use mfst_testkit::installed::{docker, find, skip};
use mfst_testkit::sandbox::{CommandOutput, binary};
use mfst_testkit::scene::{Scene, first_line};

/// A scene with `docker`, a link to mfst, in a directory that is first on `PATH`.
struct Standin {
    scene: Scene,
    path: Vec<PathBuf>,
}

impl Standin {
    fn new() -> Self {
        let scene = Scene::with_list();
        let directory = scene.home.home().join("first");
        fs::create_dir(&directory).expect("a directory");
        symlink(binary(), directory.join("docker")).expect("a link");
        let path = env::var_os("PATH").unwrap_or_default();
        let path = [directory].into_iter().chain(env::split_paths(&path)).collect();
        let mut standin = Self { scene, path };
        standin.use_path();
        standin
    }

    fn use_path(&mut self) {
        self.scene.home.env("PATH", env::join_paths(&self.path).expect("a search path"));
    }

    /// Puts a script of this name into a directory behind the link.
    fn script(&mut self, directory: &str, name: &str, body: &str) -> PathBuf {
        let directory = self.scene.home.home().join(directory);
        fs::create_dir_all(&directory).expect("a directory");
        let path = directory.join(name);
        // Another process writes the file: while one of ours has it open, a test beside this one may fork.
        let mut shell = Command::new("sh");
        shell.args(["-c", "cat >\"$0\" && chmod 755 \"$0\""]).arg(&path).stdin(Stdio::piped());
        let mut shell = shell.spawn().expect("a shell");
        shell.stdin.take().expect("stdin").write_all(format!("#!/bin/sh\n{body}\n").as_bytes()).expect("a script");
        assert!(shell.wait().expect("an end").success());
        if !self.path.contains(&directory) {
            self.path.insert(1, directory);
            self.use_path();
        }
        path
    }

    fn link(&self) -> PathBuf {
        self.path[0].join("docker")
    }

    /// Runs a line of `sh`.
    fn sh(&self, line: &str) -> CommandOutput {
        CommandOutput::of(&mut self.scene.home.program("/bin/sh", &["-c", &self.scene.expand(line)]))
    }
}

/// The link, run with these words.
fn called(standin: &Standin, words: &[&str]) -> Command {
    standin.scene.home.program(standin.link(), words)
}

#[test]
fn docker_manifest_is_ours_with_dockers_global_flags_before_it() {
    let mut standin = Standin::new();
    standin.script("other", "docker", "echo the other docker; exit 3");
    let list = standin.scene.name("t/app:v1");
    let expected = standin.scene.run_ok("inspect @t/app:v1");
    for line in [
        "docker manifest inspect",
        "docker -D manifest inspect",
        "docker --context nowhere -H tcp://192.0.2.1:1 --tlsverify manifest inspect",
        "docker -l error manifest inspect",
    ] {
        assert_eq!(standin.sh(&format!("{line} {list}")).success(), expected, "{line}");
    }
    let config = standin.scene.home.config_dir();
    let line = format!("unset DOCKER_CONFIG; docker --config {} manifest ls -q", config.display());
    assert_eq!(standin.sh(&line).success(), format!("{list}\n"));
}

#[test]
fn docker_manifest_works_from_make_xargs_env_and_sudo() {
    let standin = Standin::new();
    let list = standin.scene.name("t/app:v1");
    let names = format!("{list}\n");
    assert_eq!(standin.sh("echo ls -q | xargs docker manifest").success(), names);
    let config = standin.scene.home.config_dir();
    let line = format!("env -i DOCKER_CONFIG={} {} manifest ls -q", config.display(), standin.link().display());
    assert_eq!(standin.sh(&line).success(), names);
    fs::write(standin.scene.home.home().join("Makefile"), "all:\n\t@docker manifest ls -q\n").expect("a makefile");
    match find("make") {
        Some(_) => assert_eq!(standin.sh("make -s").success(), names),
        None => skip("make", "make is not installed"),
    }
    match find("sudo") {
        Some(_) => assert_eq!(standin.sh("sudo -nE env PATH=\"$PATH\" docker manifest ls -q").success(), names),
        None => skip("sudo", "sudo is not installed"),
    }
}

#[test]
fn everything_else_reaches_the_next_docker_as_it_is() {
    let mut standin = Standin::new();
    let body = "for word; do printf '<%s>' \"$word\"; done; cat; env | grep ^MINE; echo error >&2; exit 42";
    let other = standin.script("other", "docker", body);
    let mut command = called(&standin, &["run", "-it", "--rm", "", "a b", "manifest", "--", "*"]);
    command
        .arg(OsString::from("é"))
        .env("MINE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("docker runs");
    child.stdin.take().expect("stdin").write_all(b"from stdin\n").expect("a pipe");
    let ran = CommandOutput::from(child.wait_with_output().expect("an end"));
    assert_eq!(ran.stdout, "<run><-it><--rm><><a b><manifest><--><*><é>from stdin\nMINE=1\n");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(42), "error\n"));
    // Nothing is added to the environment.
    standin.script("other", "docker", "env | sort | grep -v ^_=");
    let through = CommandOutput::of(&mut called(&standin, &["env"])).success();
    assert_eq!(through, CommandOutput::of(&mut standin.scene.home.program(&other, &["env"])).success());
}

#[test]
fn the_next_docker_takes_the_place_of_this_process() {
    let mut standin = Standin::new();
    standin.script("other", "docker", "echo $$");
    let mut child = called(&standin, &["ps"]).stdout(Stdio::piped()).spawn().expect("docker runs");
    let id = child.id();
    let output = child.wait_with_output().expect("an end");
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{id}\n"), "signals go where they are sent");
    standin.script("other", "docker", "kill -TERM $$; sleep 60");
    child = called(&standin, &["ps"]).spawn().expect("docker runs");
    assert_eq!(child.wait().expect("an end").signal(), Some(15));
}

#[test]
fn without_another_docker_there_is_an_error_and_no_endless_loop() {
    let mut standin = Standin::new();
    let message = "docker: there is no other docker on PATH, and mfst has only 'docker manifest'\n";
    let second = standin.scene.home.home().join("second");
    fs::create_dir(&second).expect("a directory");
    fs::hard_link(fs::canonicalize(standin.link()).expect("the binary"), second.join("docker"))
        .or_else(|_| fs::copy(standin.link(), second.join("docker")).map(drop))
        .expect("another name of the binary");
    let first = standin.path[0].clone();
    for path in [vec![first.clone()], vec![first.clone(), second.clone()], vec![second.clone(), first.clone(), second]]
    {
        standin.path = path;
        standin.use_path();
        assert_eq!(CommandOutput::of(&mut called(&standin, &["version"])).failure(127), message);
    }
    // Two copies of the binary do not run each other.
    let copies: Vec<PathBuf> = ["a", "b"].iter().map(|name| standin.scene.home.home().join(name)).collect();
    for copy in &copies {
        fs::create_dir(copy).expect("a directory");
        let line = format!("cp {} {}", binary().display(), copy.join("docker").display());
        assert!(Command::new("sh").args(["-c", &line]).status().expect("cp").success());
    }
    standin.path = [copies.clone(), vec![first], copies].concat();
    standin.use_path();
    assert_eq!(CommandOutput::of(&mut called(&standin, &["version"])).failure(127), message);
    for directory in ["a", "b"] {
        let link = standin.scene.home.home().join(directory).join("docker");
        assert_eq!(CommandOutput::of(&mut standin.scene.home.program(link, &["version"])).failure(127), message);
    }
}

#[test]
fn a_docker_that_cannot_be_run_is_not_taken_and_one_that_fails_to_start_is_named() {
    let mut standin = Standin::new();
    let plain = standin.script("plain", "docker", "exit 1");
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o644)).expect("a mode");
    let other = standin.script("other", "docker", "echo right");
    standin.path = vec![
        standin.path[0].clone(),
        plain.parent().expect("a directory").into(),
        other.parent().expect("a directory").into(),
    ];
    standin.use_path();
    assert_eq!(CommandOutput::of(&mut called(&standin, &["x"])).success(), "right\n");
    let line = "printf '#!/nowhere/sh\\n' >other/docker";
    assert!(
        Command::new("sh").args(["-c", line]).current_dir(standin.scene.home.home()).status().expect("sh").success()
    );
    let said = CommandOutput::of(&mut called(&standin, &["x"])).failure(127);
    assert!(said.starts_with("docker: cannot run ") && said.contains("other/docker"), "{said}");
}

#[test]
fn the_real_docker_answers_as_if_it_had_been_called_itself() {
    let Some(docker) = docker() else { return };
    let standin = Standin::new();
    for words in [
        &["version", "--format", "{{.Client.Version}}"][..],
        &["--version"],
        &["manifest-nope"],
        &["run"],
        &["--help"],
        &["context", "ls", "-q"],
        &["login", "--username", "u", "--password-stdin", "127.0.0.1:1"],
    ] {
        let itself = CommandOutput::of(&mut standin.scene.home.program(&docker, words));
        let through = CommandOutput::of(&mut called(&standin, words));
        // Lines with the time of day.
        let lines = |ran: &CommandOutput| {
            ran.stderr.lines().filter(|line| !line.starts_with("time=")).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(
            (through.code, &through.stdout, lines(&through)),
            (itself.code, &itself.stdout, lines(&itself)),
            "{words:?}"
        );
    }
}

/// Installs the plugin.
fn plugin(scene: &Scene) {
    let plugins = scene.home.config_dir().join("cli-plugins");
    fs::create_dir(&plugins).expect("a directory for plugins");
    symlink(binary(), plugins.join("docker-mfst")).expect("a link");
}

fn through_docker(scene: &Scene, docker: &Path, line: &str) -> CommandOutput {
    let words: Vec<String> = line.split_whitespace().map(|word| scene.expand(word)).collect();
    CommandOutput::of(&mut scene.home.program(docker, &words))
}

#[test]
fn the_plugin_describes_itself() {
    let scene = Scene::new();
    plugin(&scene);
    let link = scene.home.config_dir().join("cli-plugins/docker-mfst");
    let printed = CommandOutput::of(&mut scene.home.program(link, &["docker-cli-plugin-metadata"])).success();
    let metadata: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!((&metadata["SchemaVersion"], &metadata["Vendor"]), (&"0.1.0".into(), &"mfst".into()));
    assert!(metadata["Version"].is_string() && metadata["ShortDescription"].is_string());
}

#[test]
fn docker_runs_the_plugin() {
    let Some(docker) = docker() else { return };
    let scene = Scene::with_list();
    plugin(&scene);
    let list = scene.name("t/app:v1");
    assert_eq!(through_docker(&scene, &docker, "mfst ls -q").success(), format!("{list}\n"));
    assert_eq!(
        through_docker(&scene, &docker, "--log-level error mfst inspect @t/app:v1").success(),
        scene.run_ok("inspect @t/app:v1")
    );
    let said = through_docker(&scene, &docker, "mfst push @t/nope").failure(1);
    assert!(first_line(&said).contains("No such manifest"), "{said}");
    assert!(
        through_docker(&scene, &docker, "--help").success().contains("mfst*"),
        "docker lists it as a working plugin"
    );
}

#[test]
fn the_plugin_ends_when_docker_is_asked_to_end() {
    let Some(docker) = docker() else { return };
    let scene = Scene::with_list();
    plugin(&scene);
    scene.registry.fault(Fault::on("*", "/v2/").always().hang());
    let before = scene.registry.connections();
    let words: Vec<String> =
        ["mfst", "push"].iter().map(|&word| word.to_owned()).chain([scene.name("t/app:v1")]).collect();
    let mut command = scene.home.program(docker, &words);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("docker runs");
    while scene.registry.connections() == before {
        thread::sleep(Duration::from_millis(20));
    }
    let kill = format!("kill -TERM {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().expect("kill").success());
    assert!(!child.wait().expect("docker ends, and so does what it waits for").success());
}
