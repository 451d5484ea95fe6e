//! A command that is killed at any call leaves each list as it was or as it was
//! meant to be, and nothing that is in the way of the next command.

use std::path::Path;

use crate::hardening::operations::{
    AMEND_ONE, AMEND_SEVERAL, ANNOTATE, CREATE, Operation, PUSH, REMOVE, Tree, every, sampled, scene, tell,
};
use mfst_testkit::debian;
use mfst_testkit::sandbox::Ran;
use mfst_testkit::scene::Scene;
use mfst_testkit::strace::{Call, Hindrance, Range, Strace};

/// Kills the command at every call that has to do with the store; with `MFST_EVERY`, at every call.
fn killed(operation: Operation) {
    let Some(strace) = Strace::find() else { return };
    let docker = debian::docker();
    let mut scene = scene();
    let (before, after) = operation.outcome(&mut scene);
    operation.prepare(&mut scene);
    let (ran, calls) = watch(&strace, &scene, operation);
    ran.ok();
    assert!(calls.len() > 20, "{calls:#?}");
    let (mut old, mut new) = (0, 0);
    for (at, call) in calls.iter().enumerate() {
        operation.prepare(&mut scene);
        let ran = hinder(&strace, &scene, operation, call);
        // Of the calls for the network there may be fewer the next time.
        assert!(ran.code.is_none() || every(), "not killed at {call:?}: {ran:#?}");
        let found = scene.home.tree();
        assert!(found == before || found == after, "killed at {call:?}: {found:#?}");
        *(if found == before { &mut old } else { &mut new }) += 1;
        let docker = docker.as_deref().filter(|_| every() || at % 8 == 0);
        is_readable(&scene, operation, &found, docker);
        goes_on(&scene, operation, &found, (&before, &after));
    }
    assert!(old > 0 && new > 0, "{old} as before, {new} as after");
    tell(&format!("killed, {old} times as before, {new} times as after: {operation:?}"), calls.len(), calls.len());
}

fn watch(strace: &Strace, scene: &Scene, operation: Operation) -> (Ran, Vec<Call>) {
    let words = operation.words(scene);
    strace.watch(
        &scene.home,
        &words.iter().map(String::as_str).collect::<Vec<_>>(),
        if every() { Range::All } else { Range::Files },
    )
}

fn hinder(strace: &Strace, scene: &Scene, operation: Operation, call: &Call) -> Ran {
    let words = operation.words(scene);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    strace.hinder(&scene.home, &words, call, Hindrance::Kill).expect("a kill")
}

/// Whoever reads the list finds it whole.
fn is_readable(scene: &Scene, operation: Operation, found: &Tree, docker: Option<&Path>) {
    if found.is_empty() {
        return;
    }
    let list = operation.list(scene);
    scene.home.ok(&["inspect", &list]);
    if let Some(docker) = docker {
        let shown = scene.home.program(docker, &["manifest", "inspect", &list]).output().expect("docker");
        assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    }
}

/// The same command goes through where it has not been done, and others do
/// where it has.
fn goes_on(scene: &Scene, operation: Operation, found: &Tree, (before, after): (&Tree, &Tree)) {
    if found == before {
        operation.run(scene).ok();
        assert_eq!(&scene.home.tree(), after);
    }
    scene.ok("create @t/next:v1 @t/app:amd64");
    scene.ok("rm @t/next:v1");
    let staged = scene.home.store().join(".mfst/staged");
    assert!(!staged.exists(), "{} is left", staged.display());
}

#[test]
fn create_is_killed() {
    killed(CREATE);
}

#[test]
fn an_amendment_of_one_image_is_killed() {
    killed(AMEND_ONE);
}

#[test]
fn an_amendment_of_several_images_is_killed() {
    killed(AMEND_SEVERAL);
}

#[test]
fn annotate_is_killed() {
    killed(ANNOTATE);
}

#[test]
fn rm_is_killed() {
    killed(REMOVE);
}

#[test]
fn push_with_purge_is_killed() {
    killed(PUSH);
}

/// Wherever a push is killed, the list is purged only once it is in the
/// registry, and the same command completes what is missing.
#[test]
fn a_killed_push_loses_nothing() {
    let Some(strace) = Strace::find() else { return };
    let mut watched = scene();
    PUSH.prepare(&mut watched);
    let (ran, calls) = watch(&strace, &watched, PUSH);
    ran.ok();
    for call in sampled(&calls, 20) {
        let mut scene = scene();
        PUSH.prepare(&mut scene);
        hinder(&strace, &scene, PUSH, &call);
        if !scene.home.tree().is_empty() {
            let printed = PUSH.run(&scene).ok();
            assert!(Operation::is_pushed(&scene, &printed), "{call:?}");
        }
        assert!(scene.registry.manifest("demo/list", "v1").is_some(), "{call:?}");
    }
}
