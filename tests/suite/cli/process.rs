//! mfst as a process: pipes, signals, and homes that cannot be used.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};

use mfst_testkit::faults::Fault;
use mfst_testkit::sandbox::{Ran, binary};
use mfst_testkit::scene::Scene;

/// Starts a command line that the test will not let come to its end.
pub fn spawn(scene: &Scene, line: &str) -> Child {
    let args = scene.words(line);
    let mut command = scene.home.command(&args.iter().map(String::as_str).collect::<Vec<_>>());
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("mfst")
}

/// Runs a command whose standard output nobody reads.
fn into_closed_pipe(command: &mut Command) -> Ran {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let child = command.stdout(writer).stderr(Stdio::piped()).spawn();
    let output = child.and_then(std::process::Child::wait_with_output);
    Ran::from(output.expect("a program that runs"))
}

#[test]
fn a_closed_pipe_is_no_error() {
    let scene = Scene::with_list();
    let (list, image) = (scene.name("t/app:v1"), scene.name("t/app:amd64"));
    for args in [&["inspect", &list][..], &["inspect", "-v", &list], &["inspect", &image], &["--help"], &["--version"]]
    {
        let ran = into_closed_pipe(&mut scene.home.command(args));
        assert_eq!(ran.stderr, "", "{args:?}");
        ran.ok();
    }
}

#[test]
fn a_command_whose_output_is_not_read_still_does_its_work() {
    let scene = Scene::with_list();
    let list = scene.name("t/app:v1");
    into_closed_pipe(&mut scene.home.command(&["push", "--purge", &list])).ok();
    assert!(scene.registry.manifest("t/app", "v1").is_some());
    assert!(scene.home.tree().is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_stdout_is_told_once_the_list_is_pushed() {
    let scene = Scene::new();
    scene.create("t/new:v1", &["t/app:amd64", "t/app:arm64"]);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let mut push = scene.home.command(&["push", &scene.name("t/new:v1")]);
    let ran = push.stdout(full).stderr(Stdio::piped()).spawn().expect("mfst").wait_with_output().expect("mfst");
    assert_eq!(ran.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ran.stderr).starts_with("cannot write to stdout"), "{ran:?}");
    assert!(scene.registry.manifest("t/new", "v1").is_some());
}

#[test]
fn the_first_line_can_be_had_through_head() {
    let scene = Scene::with_list();
    let line = format!("{} inspect {} | head -1", binary().display(), scene.name("t/app:v1"));
    let ran = Ran::of(&mut scene.home.program("sh", &["-c", &line]));
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("{\n", ""));
}

#[test]
fn an_interrupt_ends_create_at_once_and_leaves_the_store_as_it_was() {
    for signal in ["-INT", "-TERM"] {
        let scene = Scene::new();
        scene.create("t/app:v1", &["t/app:amd64"]);
        let before = scene.home.tree();
        scene.registry.fault(Fault::on("GET", "/manifests/arm64").hang());
        let mut child = spawn(&scene, "create --amend @t/app:v1 @t/app:amd64 @t/app:arm64");
        scene.registry.script().wait_until_played();
        let pid = child.id().to_string();
        Ran::of(&mut scene.home.program("kill", &[signal, &pid])).ok();
        // A process that will not end hangs here and fails with the test run.
        assert!(!child.wait().expect("an end").success());
        assert_eq!(scene.home.tree(), before);
        // Nothing is left that would stop the next command.
        scene.ok("create --amend @t/app:v1 @t/app:arm64");
    }
}

/// Homes that no command can write to, with a path its message must name.
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
    // Permissions do not bind the superuser.
    if fs::write(locked.join("probe"), "").is_err() {
        homes.push((locked.display().to_string(), locked.display().to_string()));
    }
    homes
}

#[test]
fn a_home_that_cannot_be_written_is_named() {
    let mut scene = Scene::new();
    scene.home.unset("DOCKER_CONFIG");
    for (home, path) in unusable_homes(&scene) {
        scene.home.env("HOME", home);
        let said = scene.run("create @t/app:v1 @t/app:amd64").fails(1);
        assert!(said.contains(&path), "{said}");
        // What needs no store works.
        scene.ok("inspect @t/app:amd64");
    }
}

#[test]
fn docker_config_moves_everything() {
    let mut scene = Scene::new();
    scene.create("t/app:v1", &["t/app:amd64"]);
    let elsewhere = scene.home.home().join("else/where");
    scene.home.env("DOCKER_CONFIG", &elsewhere);
    scene.create("t/app:v2", &["t/app:amd64"]);
    assert!(elsewhere.join("manifests").is_dir());
    assert!(!scene.home.list(&scene.name("t/app:v2")).exists());
    scene.run("rm @t/app:v1").fails(1);
    scene.ok("rm @t/app:v2");
}

#[test]
fn the_config_flag_outranks_docker_config() {
    let mut scene = Scene::new();
    let elsewhere = scene.home.home().join("elsewhere");
    let line = format!("--config {} create @t/app:v1 @t/app:amd64", elsewhere.display());
    scene.ok(&line);
    assert!(scene.home.tree().is_empty());
    scene.home.env("DOCKER_CONFIG", &elsewhere);
    scene.ok("inspect @t/app:v1");
    assert!(scene.registry.log().count("* 404") == 0);
}

#[test]
fn without_docker_config_the_store_is_in_the_home() {
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
