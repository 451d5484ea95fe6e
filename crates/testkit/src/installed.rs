//! Programs that may be installed on the machine: the docker CLI, skopeo and others.
//!
//! A test that needs one and does not find it prints the reason and passes. `MFST_REQUIRE_REAL=1` (set in CI) makes it fail
//! instead, so that a skipped test is not mistaken for a passed one.

use std::env;
use std::path::PathBuf;
use std::process::Command;

/// The version of the docker CLI that the recorded results come from.
pub const DOCKER_VERSION: &str = "28.2.2";

/// The docker CLI, if tests may run it (`MFST_REQUIRE_REAL=1` or `MFST_RECORD=1`) and `PATH` has version
/// [`DOCKER_VERSION`].
pub fn docker() -> Option<PathBuf> {
    if !["MFST_REQUIRE_REAL", "MFST_RECORD"].iter().any(|name| env::var(name).is_ok_and(|value| value == "1")) {
        skip("docker", "the docker CLI is only run with MFST_REQUIRE_REAL=1");
        return None;
    }
    let Some(program) = find("docker") else {
        skip("docker", "the docker CLI is not installed");
        return None;
    };
    let version = Command::new(&program).arg("--version").output().expect("docker runs");
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    if version.contains(&format!(" {DOCKER_VERSION},")) {
        return Some(program);
    }
    skip("docker", &format!("the docker CLI is {}, not {DOCKER_VERSION}", version.trim()));
    None
}

/// skopeo, if it is installed.
pub fn skopeo() -> Option<PathBuf> {
    tool("skopeo")
}

/// podman, if it is installed.
pub fn podman() -> Option<PathBuf> {
    tool("podman")
}

/// buildah, if it is installed.
pub fn buildah() -> Option<PathBuf> {
    tool("buildah")
}

fn tool(name: &str) -> Option<PathBuf> {
    let program = find(name);
    if program.is_none() {
        skip(name, &format!("{name} is not installed"));
    }
    program
}

/// A program on `PATH`.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|directory| directory.join(program)).find(|candidate| candidate.is_file())
}

/// Prints why a test is skipped. Panics if `MFST_REQUIRE_REAL` is `1`, which requires everything, or the name of this part;
/// `MFST_REQUIRE_REAL=registry` requires all but the docker CLI, which has no Debian package of this version.
pub fn skip(part: &str, reason: &str) {
    let required = env::var("MFST_REQUIRE_REAL").is_ok_and(|value| value == "1" || value == part);
    assert!(!required, "MFST_REQUIRE_REAL is set, but {reason}");
    skip_optional(reason);
}

/// Prints why a test is skipped that `MFST_REQUIRE_REAL` does not require.
pub fn skip_optional(reason: &str) {
    #[allow(clippy::print_stderr, reason = "the reason for a skipped test is meant to be seen")]
    {
        eprintln!("skipped: {reason}");
    }
}
