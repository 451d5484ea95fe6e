//! Credential helpers: `docker-credential-NAME` as shell scripts in a
//! directory at the head of `PATH`.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::sandbox::Sandbox;

/// Answers with this user and secret.
pub fn answering(user: &str, secret: &str) -> String {
    format!(r#"printf '%s' '{{"ServerURL":"'"$host"'","Username":"{user}","Secret":"{secret}"}}'"#)
}

/// Says that it has no login, in the words of docker's helpers.
pub const NOT_FOUND: &str = "echo credentials not found in native keychain; exit 1";

/// Fails with a reason.
pub const FAILING: &str = "echo 'cannot open the keychain' >&2; exit 1";

/// Answers with something that is no JSON.
pub const BABBLING: &str = "echo hello";

/// Takes longer than anyone waits.
pub const SLOW: &str = "exec sleep 3600";

/// Puts a helper on the sandbox's `PATH`. `body` is a shell script in which
/// `$host` is the key it was asked for.
pub fn install(home: &mut Sandbox, name: &str, body: &str) {
    let directory = home.home().join("bin");
    fs::create_dir_all(&directory).expect("a directory for helpers");
    let calls = home.home().join(format!("{name}.calls"));
    let script =
        format!("#!/bin/sh\nhost=$(cat)\nprintf '%s %s\\n' \"$*\" \"$host\" >>'{}'\n{body}\n", calls.display());
    let path = directory.join(format!("docker-credential-{name}"));
    // Another process writes the file: while one of ours has it open for
    // writing, a test beside this one may fork, and then it cannot be run.
    let mut shell = Command::new("sh");
    shell.args(["-c", "cat >\"$0\" && chmod 755 \"$0\""]).arg(path).stdin(Stdio::piped());
    let mut shell = shell.spawn().expect("a shell");
    shell.stdin.take().expect("its input").write_all(script.as_bytes()).expect("a script");
    assert!(shell.wait().expect("an end").success());
    let mut paths = vec![directory];
    paths.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    home.env("PATH", std::env::join_paths(paths).expect("a search path"));
}

/// The calls of a helper so far, as `get HOST`.
pub fn calls(home: &Sandbox, name: &str) -> Vec<String> {
    let calls = fs::read_to_string(home.home().join(format!("{name}.calls"))).unwrap_or_default();
    calls.lines().map(String::from).collect()
}
