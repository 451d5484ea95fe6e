//! Disks that are full, broken or read-only, and things that are in the way:
//! the command says where, and changes nothing.

use crate::hardening::operations::{
    AMEND_ONE, AMEND_SEVERAL, ANNOTATE, CREATE, Operation, PUSH, REMOVE, every, sampled, scene, tell,
};
use mfst_testkit::strace::{Call, Hindrance, Range, Strace};

/// How many failing calls of each command are tried in the default run.
const SAMPLE: usize = 64;

/// The errors that a call may fail with.
fn errors(call: &Call) -> &'static [&'static str] {
    match call.name.as_str() {
        "write" | "pwrite64" | "fsync" | "fdatasync" => &["ENOSPC", "EIO", "EDQUOT"],
        "read" | "pread64" | "statx" | "newfstatat" | "stat" | "lstat" | "fstat" | "getdents64" => &["EIO", "EACCES"],
        "flock" => &["ENOLCK", "EIO"],
        "fchown" | "fchownat" | "chown" | "lchown" | "fchmod" | "fchmodat" | "chmod" => &["EPERM", "EROFS"],
        "close" => &["EIO"],
        _ => &["ENOSPC", "EACCES", "EROFS", "EIO"],
    }
}

/// Lets calls that have to do with the store fail.
fn hindered(operation: Operation) {
    let Some(strace) = Strace::find() else { return };
    let mut scene = scene();
    let (before, after) = operation.outcome(&mut scene);
    operation.prepare(&mut scene);
    let words = operation.words(&scene);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (ran, calls) = strace.watch(&scene.home, &words, Range::Files);
    ran.ok();
    let all: Vec<(&Call, &str)> = calls
        .iter()
        .filter(|call| call.name != "close")
        .flat_map(|call| errors(call).iter().map(move |error| (call, *error)))
        .collect();
    let (mut refused, mut done) = (0, 0);
    for (call, error) in sampled(&all, SAMPLE) {
        operation.prepare(&mut scene);
        let Some(ran) = strace.hinder(&scene.home, &words, call, Hindrance::Error(error)) else { continue };
        let story = format!("{error} at {call:?}: {ran:#?}");
        let found = scene.home.tree();
        match ran.code {
            // What was not needed may fail.
            Some(0) => assert_eq!(found, after, "{story}"),
            Some(1) => {
                assert_eq!(found, before, "{story}");
                assert!(ran.stderr.contains(scene.home.home().to_str().expect("a path")), "no path: {story}");
            }
            _ => panic!("{story}"),
        }
        if ran.code == Some(0) {
            done += 1;
        } else {
            refused += 1;
        }
        if found == before {
            // The disk is well again.
            operation.run(&scene).ok();
            assert_eq!(scene.home.tree(), after, "{story}");
        }
    }
    assert!(refused > 0, "{done}");
    tell(&format!("failing calls: {operation:?}"), refused + done, all.len());
    assert!(every() || all.len() > SAMPLE);
}

#[test]
fn create_on_a_bad_disk() {
    hindered(CREATE);
}

#[test]
fn an_amendment_of_one_image_on_a_bad_disk() {
    hindered(AMEND_ONE);
}

#[test]
fn an_amendment_of_several_images_on_a_bad_disk() {
    hindered(AMEND_SEVERAL);
}

#[test]
fn annotate_on_a_bad_disk() {
    hindered(ANNOTATE);
}

#[test]
fn rm_on_a_bad_disk() {
    hindered(REMOVE);
}

#[test]
fn push_with_purge_on_a_bad_disk() {
    hindered(PUSH);
}
