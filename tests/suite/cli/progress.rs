//! What a person at a terminal sees while something is under way.

use std::time::Duration;

use mfst_testkit::debian::{find, skip};
use mfst_testkit::faults::Fault;
use mfst_testkit::sandbox::Ran;
use mfst_testkit::scene::Scene;

/// Runs a command line on a terminal of its own, and tells all that appears there.
pub fn on_a_terminal(scene: &Scene, line: &str) -> Option<String> {
    let Some(script) = find("script") else {
        skip("script", "script is not installed");
        return None;
    };
    let mfst = scene.home.command(&[]);
    let words = scene.expand(line);
    let line = format!("{} {words}", mfst.get_program().to_str().expect("a path in UTF-8"));
    let mut command = scene.home.program(script, &["-qec", &line, "/dev/null"]);
    Some(Ran::of(command.env("TERM", "xterm")).ok())
}

#[test]
fn what_is_under_way_is_shown_on_a_terminal_and_nowhere_else() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("*", "/v2/").always().delay(Duration::from_millis(100)));
    let Some(seen) = on_a_terminal(&scene, "create --push @dst/app:1 @t/app:amd64 @t/app:arm64") else { return };
    for part in ["resolving images: 0 of 2", "blobs ready: 0 of 4"] {
        assert!(seen.contains(part), "{seen:?}");
    }
    let ran = scene.run("create --push @dst/app:2 @t/app:amd64 @t/app:arm64");
    assert_eq!(ran.stderr, "");
    ran.ok();
}

#[test]
fn who_wants_only_the_digest_sees_nothing_else_on_a_terminal_either() {
    let scene = Scene::new();
    let Some(seen) = on_a_terminal(&scene, "create --push -q @dst/app:1 @t/app:amd64") else { return };
    assert!(seen.starts_with("sha256:") && seen.lines().count() == 1, "{seen:?}");
}

#[test]
fn warnings_and_results_stay_on_the_screen() {
    let scene = Scene::new();
    scene.registry.put_image("t/app", "again", &mfst_testkit::scene::amd64());
    let Some(seen) = on_a_terminal(&scene, "create --push @dst/app:1 @t/app:amd64 @t/app:again") else { return };
    assert!(seen.contains(&scene.expand("@t/app:amd64 are both for linux/amd64")), "{seen:?}");
    assert!(seen.trim_end().lines().last().is_some_and(|line| line.contains("sha256:")), "{seen:?}");
}
