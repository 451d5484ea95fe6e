//! Full, broken and read-only disks: the command names the file and changes nothing.

use crate::hardening::operations::{
    AMEND_ONE, AMEND_SEVERAL, ANNOTATE, CREATE, Operation, PUSH, REMOVE, every, report, sampled, scene,
};
use mfst_testkit::strace::{Injection, Scope, Strace, Syscall};

/// How many failing calls of each command the default run tries.
const SAMPLE: usize = 64;

/// The errors that a system call may fail with.
fn errors(call: &Syscall) -> &'static [&'static str] {
    match call.name.as_str() {
        "write" | "pwrite64" | "fsync" | "fdatasync" => &["ENOSPC", "EIO", "EDQUOT"],
        "read" | "pread64" | "statx" | "newfstatat" | "stat" | "lstat" | "fstat" | "getdents64" => &["EIO", "EACCES"],
        "flock" => &["ENOLCK", "EIO"],
        "fchown" | "fchownat" | "chown" | "lchown" | "fchmod" | "fchmodat" | "chmod" => &["EPERM", "EROFS"],
        "close" => &["EIO"],
        _ => &["ENOSPC", "EACCES", "EROFS", "EIO"],
    }
}

/// Makes system calls on the store fail.
fn fail_each_call(operation: Operation) {
    let Some(strace) = Strace::find() else { return };
    let mut scene = scene();
    let (before, after) = operation.outcome(&mut scene);
    operation.prepare(&mut scene);
    let words = operation.words(&scene);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (result, calls) = strace.trace(&scene.home, &words, Scope::ConfigDir);
    result.success();
    let all: Vec<(&Syscall, &str)> = calls
        .iter()
        .filter(|call| call.name != "close")
        .flat_map(|call| errors(call).iter().map(move |error| (call, *error)))
        .collect();
    let (mut failed, mut succeeded) = (0, 0);
    for (call, error) in sampled(&all, SAMPLE) {
        operation.prepare(&mut scene);
        let Some(result) = strace.inject(&scene.home, &words, call, Injection::Error(error)) else { continue };
        let context = format!("{error} at {call:?}: {result:#?}");
        let found = scene.home.lists();
        match result.code {
            // The call was not essential.
            Some(0) => assert_eq!(found, after, "{context}"),
            Some(1) => {
                assert_eq!(found, before, "{context}");
                assert!(result.stderr.contains(scene.home.home().to_str().expect("a path")), "no path: {context}");
            }
            _ => panic!("{context}"),
        }
        if result.code == Some(0) {
            succeeded += 1;
        } else {
            failed += 1;
        }
        if found == before {
            // Without the fault the command succeeds.
            operation.run(&scene).success();
            assert_eq!(scene.home.lists(), after, "{context}");
        }
    }
    assert!(failed > 0, "{succeeded}");
    report(&format!("failing calls: {operation:?}"), failed + succeeded, all.len());
    assert!(every() || all.len() > SAMPLE);
}

#[test]
fn disk_errors_in_create() {
    fail_each_call(CREATE);
}

#[test]
fn disk_errors_in_amend_of_one_image() {
    fail_each_call(AMEND_ONE);
}

#[test]
fn disk_errors_in_amend_of_several_images() {
    fail_each_call(AMEND_SEVERAL);
}

#[test]
fn disk_errors_in_annotate() {
    fail_each_call(ANNOTATE);
}

#[test]
fn disk_errors_in_rm() {
    fail_each_call(REMOVE);
}

#[test]
fn disk_errors_in_push_with_purge() {
    fail_each_call(PUSH);
}
