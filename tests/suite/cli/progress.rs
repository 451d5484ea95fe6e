//! Progress: bars on a terminal, lines in a log, nothing for what is quick.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use mfst_testkit::debian::{find, skip};
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::sample::Sample;
use mfst_testkit::sandbox::Ran;
use mfst_testkit::scene::Scene;

/// A command line on a pseudo-terminal of its own, 120 columns wide unless it says otherwise.
fn terminal(scene: &Scene, term: &str, line: &str) -> Option<Command> {
    let Some(script) = find("script") else {
        skip("script", "script is not installed");
        return None;
    };
    let mfst = scene.home.command(&[]);
    let words = scene.expand(line);
    let (columns, words) = words.split_once(" COLUMNS ").unwrap_or(("120", &words));
    let mfst = mfst.get_program().to_str().expect("a path in UTF-8");
    let line = format!("stty cols {columns} rows 40; {mfst} {words}");
    let mut command = scene.home.program(script, &["-qec", &line, "/dev/null"]);
    command.env("TERM", term);
    Some(command)
}

/// Runs a command line on a pseudo-terminal and returns all that appears there.
pub fn on_a_terminal(scene: &Scene, line: &str) -> Option<String> {
    Some(Ran::of(&mut terminal(scene, "xterm", line)?).ok())
}

/// The image `t/app:big` in a registry, and a second one to which each blob takes this long.
fn slow_copy(delay: Duration) -> (Scene, Sample) {
    let scene = Scene::with_two(Embedded::plain(), Embedded::plain());
    let image = Sample::large("linux/amd64", 2, 300 << 10);
    scene.registry.put_image("t/app", "big", &image);
    scene.other().fault(Fault::on("PUT", "/blobs/uploads/").always().delay(delay));
    (scene, image)
}

/// The lines that have been on a screen of this width at some time. A line that fills it has no line break.
fn screen_lines(seen: &str, columns: usize) -> Vec<String> {
    let without_escapes = |line: &str| {
        let mut parts = line.split('\u{1b}');
        let first = parts.next().unwrap_or_default().to_owned();
        // A sequence ends with its first letter.
        let rest = parts.map(|part| part.split_once(|c: char| c.is_ascii_alphabetic()).map_or("", |(_, rest)| rest));
        rest.fold(first, |line, part| line + part).chars().collect::<Vec<char>>()
    };
    let rows = seen.split(['\r', '\n']).map(without_escapes);
    let rows = rows.flat_map(|row| row.chunks(columns).map(String::from_iter).collect::<Vec<String>>());
    rows.map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
}

#[test]
fn a_terminal_shows_a_bar_for_each_blob_and_a_total_with_the_target() {
    let (scene, image) = slow_copy(Duration::from_millis(1500));
    let Some(seen) = on_a_terminal(&scene, "create --push %dst/app:1 @t/app:big >/dev/null") else { return };
    let lines = screen_lines(&seen, 120);
    for digest in &image.blob_digests()[1..] {
        let hex = digest.trim_start_matches("sha256:");
        let is_bar = |line: &&String| line.starts_with(&hex[..12]) && line.ends_with("300.00 KiB/300.00 KiB");
        assert!(lines.iter().any(|line| is_bar(&line)), "{hex}: {lines:#?}");
    }
    let total = scene.expand(", to %dst/app:1");
    let total = total.replace('%', "");
    let has_total = |line: &String| line.contains(" KiB of 600.") && line.ends_with(&total);
    assert!(lines.iter().any(has_total), "{total}: {lines:#?}");
    assert!(lines.iter().any(|line| line.ends_with(" of 3 blobs ready")), "{lines:#?}");
    // Nothing is left of it.
    assert!(seen.ends_with("\u{1b}[2K"), "{seen:?}");
}

#[test]
fn manifests_are_a_phase_of_their_own() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("PUT", "/manifests/sha256").always().delay(Duration::from_secs(1)));
    let Some(seen) = on_a_terminal(&scene, "create --push @dst/app:1 @t/app:amd64 @t/app:arm64 >/dev/null") else {
        return;
    };
    let lines = screen_lines(&seen, 120);
    assert!(lines.iter().any(|line| line == "0 of 3 manifests put"), "{lines:#?}");
}

#[test]
fn forty_columns_are_enough() {
    let (scene, _) = slow_copy(Duration::from_millis(1500));
    let Some(seen) = on_a_terminal(&scene, "40 COLUMNS create --push %dst/app:1 @t/app:big >/dev/null") else { return };
    let lines = screen_lines(&seen, 40);
    // Each of these is a line of its own, from its beginning to its end.
    assert!(lines.iter().any(|line| line.starts_with("600.") && line.contains(" KiB of 600.")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.ends_with("] 300.00 KiB/300.00 KiB")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.ends_with(" of 3 blobs ready")), "{lines:#?}");
}

#[test]
fn a_terminal_shows_what_is_waited_for() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("GET", "/manifests/amd64").answer(503, "").header("retry-after", "2"));
    let Some(seen) = on_a_terminal(&scene, "create --push @dst/app:1 @t/app:amd64 >/dev/null") else { return };
    let waiting = format!("waiting for {}: 503 Service Unavailable, retry 1 of 8 in ", scene.domain);
    assert!(screen_lines(&seen, 120).iter().any(|line| line.starts_with(&waiting)), "{seen:?}");
    assert!(seen.ends_with("\u{1b}[2K"), "{seen:?}");
}

#[test]
fn quiet_and_none_show_nothing_on_a_terminal() {
    for flag in ["-q", "--progress none"] {
        let (scene, _) = slow_copy(Duration::from_millis(800));
        let line = format!("create --push {flag} %dst/app:1 @t/app:big");
        let Some(seen) = on_a_terminal(&scene, &line) else { return };
        assert!(!seen.contains('\u{1b}') && seen.contains("sha256:") && !seen.contains(" of "), "{seen:?}");
    }
}

#[test]
fn warnings_and_results_stay_on_the_screen() {
    let scene = Scene::new();
    scene.registry.put_image("t/app", "again", &mfst_testkit::scene::amd64());
    let Some(seen) = on_a_terminal(&scene, "create --push @dst/app:1 @t/app:amd64 @t/app:again") else { return };
    assert!(seen.contains(&scene.expand("@t/app:amd64 are both for linux/amd64")), "{seen:?}");
    assert!(seen.trim_end().lines().last().is_some_and(|line| line.contains("sha256:")), "{seen:?}");
}

#[test]
fn ctrl_c_leaves_a_clean_line_and_says_how_to_continue() {
    let (scene, _) = slow_copy(Duration::from_secs(0));
    let Some(mut command) = terminal(&scene, "xterm", "create --push %dst/app:1 @t/app:big") else { return };
    scene.other().fault(Fault::on("PUT", "/manifests/1").hang());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("script");
    scene.other().script().wait_until_played();
    // Long enough for something to be on the screen.
    std::thread::sleep(Duration::from_millis(800));
    child.stdin.as_mut().expect("the keyboard").write_all(b"\x03").expect("a key");
    let ran = Ran::from(child.wait_with_output().expect("script"));
    assert_eq!(ran.code, Some(130), "{ran:#?}");
    let (before, after) = ran.stdout.rsplit_once("\u{1b}[2K").unwrap_or_else(|| panic!("{ran:#?}"));
    assert!(before.contains("manifests put"), "{ran:#?}");
    assert_eq!(after, "interrupted\r\nhint: the same command, run again, continues where this one stopped\r\n");
    // So it does: what was sent is not sent again.
    scene.other().log().clear();
    scene.ok("create --push %dst/app:1 @t/app:big");
    assert_eq!(scene.other().log().count("PUT /v2/dst/app/blobs/*"), 0);
}

#[test]
fn in_a_pipe_a_quick_command_says_nothing() {
    let (scene, _) = slow_copy(Duration::from_millis(800));
    let ran = scene.run("create --push %dst/app:1 @t/app:big");
    assert_eq!(ran.stderr, "");
    ran.ok();
}

#[test]
fn in_a_pipe_a_slow_command_says_where_it_stands() {
    let (scene, _) = slow_copy(Duration::from_secs(6));
    let ran = scene.run("create --push %dst/app:1 @t/app:big");
    let target = scene.expand("%dst/app:1").replace('%', "");
    let mut lines = ran.stderr.lines();
    let summary = lines.next().unwrap_or_default();
    assert!(
        summary.starts_with("0 of 3 blobs ready, 600.") && summary.ends_with(&format!(", to {target}")),
        "{ran:#?}"
    );
    let blobs: Vec<&str> = lines.collect();
    assert_eq!(blobs.len(), 3, "{ran:#?}");
    assert!(blobs[2].starts_with("copied ") && blobs[2].ends_with(" (3 of 3 blobs ready)"), "{ran:#?}");
    ran.ok();
}

#[test]
fn plain_is_a_line_for_each_blob_and_each_retry() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("PUT", "/manifests/1").answer(503, ""));
    let ran = scene.run("create --push --progress plain @dst/app:1 @t/app:amd64");
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(lines.len(), 3, "{ran:#?}");
    for (number, line) in lines[..2].iter().enumerate() {
        assert!(line.starts_with("mounted sha256:"), "{ran:#?}");
        assert!(line.ends_with(&format!(" ({} of 2 blobs ready)", number + 1)), "{ran:#?}");
    }
    let waiting = format!("waiting for {}: 503 Service Unavailable, retry 1 of 8 in 0.", scene.domain);
    assert!(lines[2].starts_with(&waiting), "{ran:#?}");
    ran.ok();
}

#[test]
fn a_dumb_terminal_gets_lines() {
    let scene = Scene::new();
    let Some(mut command) = terminal(&scene, "dumb", "create --push @dst/app:1 @t/app:amd64 >/dev/null") else {
        return;
    };
    let seen = Ran::of(&mut command).ok();
    assert!(!seen.contains('\u{1b}') && seen.contains(" (2 of 2 blobs ready)"), "{seen:?}");
}

#[test]
fn other_modes_are_refused() {
    let scene = Scene::with_list();
    let said = scene.run("push --progress fancy @t/app:v1").fails(125);
    assert!(said.contains("auto, plain or none"), "{said}");
}
