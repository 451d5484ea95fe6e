//! A command that is killed at any system call leaves each list either as it was or as it should be, and does not block
//! later commands.

use std::path::Path;

use crate::hardening::operations::{
    AMEND_ONE, AMEND_SEVERAL, ANNOTATE, CREATE, Operation, PUSH, REMOVE, Tree, every, report, sampled, scene,
};
use mfst_testkit::installed;
use mfst_testkit::sandbox::CommandOutput;
use mfst_testkit::scene::Scene;
use mfst_testkit::strace::{Injection, Scope, Strace, Syscall};

/// Kills the command at every system call on the store; with `MFST_EVERY=1` at every system call.
fn kill_at_each_call(operation: Operation) {
    let Some(strace) = Strace::find() else { return };
    let docker = installed::docker();
    let mut scene = scene();
    let (before, after) = operation.outcome(&mut scene);
    operation.prepare(&mut scene);
    let (result, calls) = trace(&strace, &scene, operation);
    result.success();
    assert!(calls.len() > 20, "{calls:#?}");
    let (mut old, mut new) = (0, 0);
    for (at, call) in calls.iter().enumerate() {
        operation.prepare(&mut scene);
        let result = inject(&strace, &scene, operation, call);
        // The number of network calls may vary.
        assert!(result.code.is_none() || every(), "not killed at {call:?}: {result:#?}");
        let found = scene.home.lists();
        assert!(found == before || found == after, "killed at {call:?}: {found:#?}");
        *(if found == before { &mut old } else { &mut new }) += 1;
        let docker = docker.as_deref().filter(|_| every() || at % 8 == 0);
        assert_readable(&scene, operation, &found, docker);
        assert_continues(&scene, operation, &found, (&before, &after));
    }
    assert!(old > 0 && new > 0, "{old} as before, {new} as after");
    report(&format!("killed, {old} times as before, {new} times as after: {operation:?}"), calls.len(), calls.len());
}

fn trace(strace: &Strace, scene: &Scene, operation: Operation) -> (CommandOutput, Vec<Syscall>) {
    let words = operation.words(scene);
    strace.trace(
        &scene.home,
        &words.iter().map(String::as_str).collect::<Vec<_>>(),
        if every() { Scope::All } else { Scope::ConfigDir },
    )
}

fn inject(strace: &Strace, scene: &Scene, operation: Operation, call: &Syscall) -> CommandOutput {
    let words = operation.words(scene);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    strace.inject(&scene.home, &words, call, Injection::Kill).expect("a kill")
}

/// The list can be read.
fn assert_readable(scene: &Scene, operation: Operation, found: &Tree, docker: Option<&Path>) {
    if found.is_empty() {
        return;
    }
    let list = operation.list(scene);
    scene.home.run_ok(&["inspect", &list]);
    if let Some(docker) = docker {
        let output = scene.home.program(docker, &["manifest", "inspect", &list]).output().expect("docker");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The same command succeeds if it has not been done, and others do if it has.
fn assert_continues(scene: &Scene, operation: Operation, found: &Tree, (before, after): (&Tree, &Tree)) {
    if found == before {
        operation.run(scene).success();
        assert_eq!(&scene.home.lists(), after);
    }
    scene.run_ok("create @t/next:v1 @t/app:amd64");
    scene.run_ok("rm @t/next:v1");
    let staged = scene.home.store().join(".mfst/staged");
    assert!(!staged.exists(), "{} is left", staged.display());
}

#[test]
fn killed_create() {
    kill_at_each_call(CREATE);
}

#[test]
fn killed_amend_of_one_image() {
    kill_at_each_call(AMEND_ONE);
}

#[test]
fn killed_amend_of_several_images() {
    kill_at_each_call(AMEND_SEVERAL);
}

#[test]
fn killed_annotate() {
    kill_at_each_call(ANNOTATE);
}

#[test]
fn killed_rm() {
    kill_at_each_call(REMOVE);
}

#[test]
fn killed_push_with_purge() {
    kill_at_each_call(PUSH);
}

/// A push that is killed purges the list only after it is in the registry, and the same command completes the push.
#[test]
fn a_killed_push_loses_nothing() {
    let Some(strace) = Strace::find() else { return };
    let mut traced = scene();
    PUSH.prepare(&mut traced);
    let (result, calls) = trace(&strace, &traced, PUSH);
    result.success();
    for call in sampled(&calls, 20) {
        let mut scene = scene();
        PUSH.prepare(&mut scene);
        inject(&strace, &scene, PUSH, &call);
        if !scene.home.lists().is_empty() {
            let printed = PUSH.run(&scene).success();
            assert!(Operation::is_pushed(&scene, &printed), "{call:?}");
        }
        assert!(scene.registry.manifest("demo/list", "v1").is_some(), "{call:?}");
    }
}
