//! mfst as a process: pipes, signals, and unusable home directories.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};

use mfst_testkit::faults::Fault;
use mfst_testkit::sandbox::{CommandOutput, binary};
use mfst_testkit::scene::Scene;

/// Starts a command line in the background.
pub fn spawn(scene: &Scene, line: &str) -> Child {
    let args = scene.words(line);
    let mut command = scene.home.command(&args.iter().map(String::as_str).collect::<Vec<_>>());
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("mfst")
}

/// Waits until the fault of the scene's registry holds a command up, and then kills it. Returns its peak memory in bytes.
#[cfg(target_os = "linux")]
pub fn peak_memory_until_fault(scene: &Scene, mut child: Child) -> usize {
    scene.registry.script().wait_until_hit();
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("the process's status");
    child.kill().expect("a process to kill");
    child.wait().expect("an end");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the peak memory");
    1024 * peak.trim().trim_end_matches(" kB").parse::<usize>().expect("a number")
}

/// Runs a command with a closed pipe as standard output.
fn into_closed_pipe(command: &mut Command) -> CommandOutput {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let child = command.stdout(writer).stderr(Stdio::piped()).spawn();
    let output = child.and_then(std::process::Child::wait_with_output);
    CommandOutput::from(output.expect("a program that runs"))
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let scene = Scene::with_list();
    let (list, image) = (scene.name("t/app:v1"), scene.name("t/app:amd64"));
    for args in [&["inspect", &list][..], &["inspect", "-v", &list], &["inspect", &image], &["--help"], &["--version"]]
    {
        let result = into_closed_pipe(&mut scene.home.command(args));
        assert_eq!(result.stderr, "", "{args:?}");
        result.success();
    }
}

#[test]
fn a_command_finishes_although_its_output_is_not_read() {
    let scene = Scene::with_list();
    let list = scene.name("t/app:v1");
    into_closed_pipe(&mut scene.home.command(&["push", "--purge", &list])).success();
    assert!(scene.registry.manifest("t/app", "v1").is_some());
    assert!(scene.home.lists().is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_at_stdout_is_an_error_after_the_push() {
    let scene = Scene::new();
    scene.create("t/new:v1", &["t/app:amd64", "t/app:arm64"]);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let mut push = scene.home.command(&["push", &scene.name("t/new:v1")]);
    let result = push.stdout(full).stderr(Stdio::piped()).spawn().expect("mfst").wait_with_output().expect("mfst");
    assert_eq!(result.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&result.stderr).starts_with("cannot write to stdout"), "{result:?}");
    assert!(scene.registry.manifest("t/new", "v1").is_some());
}

#[test]
fn output_can_be_piped_to_head() {
    let scene = Scene::with_list();
    let line = format!("{} inspect {} | head -1", binary().display(), scene.name("t/app:v1"));
    let result = CommandOutput::of(&mut scene.home.program("sh", &["-c", &line]));
    assert_eq!((result.stdout.as_str(), result.stderr.as_str()), ("{\n", ""));
}

#[test]
fn an_interrupted_create_leaves_the_store_unchanged() {
    for signal in ["-INT", "-TERM"] {
        let scene = Scene::new();
        scene.create("t/app:v1", &["t/app:amd64"]);
        let before = scene.home.lists();
        scene.registry.fault(Fault::on("GET", "/manifests/arm64").hang());
        let mut child = spawn(&scene, "create --amend @t/app:v1 @t/app:amd64 @t/app:arm64");
        scene.registry.script().wait_until_hit();
        let pid = child.id().to_string();
        CommandOutput::of(&mut scene.home.program("kill", &[signal, &pid])).success();
        // A process that does not end hangs here and fails with the test run.
        assert!(!child.wait().expect("an end").success());
        assert_eq!(scene.home.lists(), before);
        // Nothing that is left behind stops the next command.
        scene.run_ok("create --amend @t/app:v1 @t/app:arm64");
    }
}

/// Home directories that cannot be written to, with the path that the message must contain.
pub fn unusable_homes(scene: &Scene) -> Vec<(String, String)> {
    let file = scene.home.home().join("file");
    fs::write(&file, "").expect("a file");
    let below = file.join("home");
    let mut homes = vec![(below.display().to_string(), file.display().to_string())];
    if cfg!(target_os = "linux") {
        homes.push(("/proc".to_owned(), "/proc/.docker".to_owned()));
    }
    let locked = scene.home.home().join("locked");
    fs::create_dir(&locked).expect("a directory");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).expect("permissions");
    // Permissions do not apply to root.
    if fs::write(locked.join("probe"), "").is_err() {
        homes.push((locked.display().to_string(), locked.display().to_string()));
    }
    homes
}

#[test]
fn a_home_that_cannot_be_written_to_is_named() {
    let mut scene = Scene::new();
    scene.home.unset("DOCKER_CONFIG");
    for (home, path) in unusable_homes(&scene) {
        scene.home.env("HOME", home);
        let output = scene.run("create @t/app:v1 @t/app:amd64").failure(1);
        assert!(output.contains(&path), "{output}");
        // Commands that need no store work.
        scene.run_ok("inspect @t/app:amd64");
    }
}

#[test]
fn docker_config_sets_the_directory_of_everything() {
    let mut scene = Scene::new();
    scene.create("t/app:v1", &["t/app:amd64"]);
    let elsewhere = scene.home.home().join("else/where");
    scene.home.env("DOCKER_CONFIG", &elsewhere);
    scene.create("t/app:v2", &["t/app:amd64"]);
    assert!(elsewhere.join("manifests").is_dir());
    assert!(!scene.home.list(&scene.name("t/app:v2")).exists());
    scene.run("rm @t/app:v1").failure(1);
    scene.run_ok("rm @t/app:v2");
}

#[test]
fn the_config_flag_overrides_docker_config() {
    let mut scene = Scene::new();
    let elsewhere = scene.home.home().join("elsewhere");
    let line = format!("--config {} create @t/app:v1 @t/app:amd64", elsewhere.display());
    scene.run_ok(&line);
    assert!(scene.home.lists().is_empty());
    scene.home.env("DOCKER_CONFIG", &elsewhere);
    scene.run_ok("inspect @t/app:v1");
    assert!(scene.registry.log().count("* 404") == 0);
}

#[test]
fn without_docker_config_the_store_is_in_the_home_directory() {
    let mut scene = Scene::new();
    scene.home.unset("DOCKER_CONFIG");
    scene.create("t/app:v1", &["t/app:amd64"]);
    assert!(scene.home.list(&scene.name("t/app:v1")).is_dir());
}

#[test]
fn directories_and_files_have_dockers_modes() {
    let scene = Scene::with_list();
    let mode = |path: &std::path::Path| fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    let list = scene.home.list(&scene.name("t/app:v1"));
    let entry = scene.home.entry(&scene.name("t/app:v1"), &scene.name("t/app:amd64"));
    assert_eq!((mode(&list), mode(&entry)), (0o755, 0o644));
}
