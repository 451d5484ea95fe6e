//! Credential helpers that are not well-behaved, and programs that only pose as helpers.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use mfst_testkit::embedded::Embedded;
use mfst_testkit::helper;
use mfst_testkit::scene::Scene;
use mfst_testkit::secrets::PASSWORD;

/// A registry with a login, and the helper `x` with this script.
fn with_helper(script: &str) -> Scene {
    let mut scene = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    helper::install(&mut scene.home, "x", script);
    scene.home.write_config(r#"{"credsStore":"x"}"#);
    scene
}

#[test]
fn an_answer_counts_though_a_child_of_the_helper_keeps_its_stdout_open() {
    let scene = with_helper(&format!("sleep 10 &\n{}", helper::answering("alice", PASSWORD)));
    scene.ok("inspect @t/app:amd64");
}

#[test]
fn an_answer_that_a_child_of_the_helper_completes_counts() {
    let script = format!(r#"(printf '"Secret":"%s"}}' '{PASSWORD}') & printf '{{"Username":"alice",'"#);
    // Whichever of the two prints first, the other one makes the answer complete.
    let scene = with_helper(&script.replace("(printf", "(sleep 0.1; printf"));
    scene.ok("inspect @t/app:amd64");
}

#[test]
fn a_missing_login_counts_though_a_child_of_the_helper_keeps_its_stdout_open() {
    let scene = with_helper(&format!("sleep 10 &\n{}", helper::NOT_FOUND));
    let stderr = scene.refused("inspect @t/app:amd64");
    assert!(!stderr.contains("warning:"), "{stderr}");
}

#[test]
fn the_output_of_a_helper_that_fails_is_not_shown() {
    for output in ["open-sesame", "password: open-sesame", "credentials not found: open-sesame"] {
        let scene = with_helper(&format!("echo {output}; exit 1"));
        for flag in ["", "--debug"] {
            let stderr = scene.run(&format!("{flag} inspect @t/app:amd64")).fails(1);
            assert!(stderr.contains("docker-credential-x") && stderr.contains("exit status: 1"), "{stderr}");
            assert!(!stderr.contains("open-sesame"), "{stderr}");
        }
    }
}

#[test]
fn the_errors_that_all_helpers_share_are_shown() {
    for output in ["no credentials server URL", "no credentials username"] {
        let stderr = with_helper(&format!("echo {output}; exit 1")).refused("inspect @t/app:amd64");
        assert!(stderr.contains(&format!("exit status: 1: {output}")), "{stderr}");
    }
}

#[test]
fn what_a_helper_prints_on_stderr_is_shown() {
    let scene = with_helper("echo 'the keychain is locked' >&2; exit 1");
    let stderr = scene.refused("inspect @t/app:amd64");
    assert!(stderr.lines().any(|line| line == "the keychain is locked"), "{stderr}");
}

/// Makes an executable in the sandbox that answers as a helper and leaves a file behind.
fn plant(scene: &Scene, path: &str) {
    let path = scene.home.home().join(path);
    fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
    let script = format!("#!/bin/sh\ntouch \"$0.ran\"\n{}\n", helper::answering("alice", PASSWORD));
    fs::write(&path, script).expect("a script");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("permissions");
}

#[test]
fn no_helper_is_run_from_the_current_directory() {
    let system = env::var("PATH").expect("a search path");
    for path in ["", ":", ".:", "sub:", "sub/../sub:", "./sub:"] {
        let mut scene = Scene::with(Embedded::plain().basic("alice", PASSWORD));
        scene.home.write_config(r#"{"credsStore":"x"}"#);
        for name in ["docker-credential-x", "sub/docker-credential-x"] {
            plant(&scene, name);
        }
        for path in [format!("{path}{system}"), format!("{system}:{path}"), path.to_owned()] {
            scene.home.env("PATH", path);
            let stderr = scene.refused("inspect @t/app:amd64");
            assert!(
                stderr.contains("docker-credential-x") && stderr.contains("not in a directory of PATH"),
                "{stderr}"
            );
        }
        for mark in ["docker-credential-x.ran", "sub/docker-credential-x.ran"] {
            assert!(!scene.home.home().join(mark).exists(), "{path}");
        }
    }
}

#[test]
fn the_name_of_a_helper_is_not_a_path() {
    let scene = Scene::with(Embedded::plain().basic("alice", PASSWORD));
    plant(&scene, "docker-credential-sub/x");
    scene.home.write_config(r#"{"credsStore":"sub/x"}"#);
    scene.refused("inspect @t/app:amd64");
    assert!(!scene.home.home().join("docker-credential-sub/x.ran").exists());
}

#[test]
fn a_helper_that_is_not_executable_does_not_hide_the_next_one() {
    let mut scene = with_helper(&helper::answering("alice", PASSWORD));
    let first = scene.home.home().join("first");
    fs::create_dir_all(&first).expect("a directory");
    fs::write(first.join("docker-credential-x"), "not a program").expect("a file");
    let path =
        format!("{}:{}:{}", first.display(), scene.home.home().join("bin").display(), env::var("PATH").expect("it"));
    scene.home.env("PATH", path);
    scene.ok("inspect @t/app:amd64");
}
