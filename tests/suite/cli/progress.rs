//! Progress: bars on a terminal, lines in a log, nothing for quick commands in a pipe.

use std::fs;
use std::time::Duration;

use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::sample::Sample;
use mfst_testkit::scene::{Scene, amd64};
use mfst_testkit::terminal::Terminal;

const NOTHING: Duration = Duration::ZERO;

/// Starts a command line of `sh` on a terminal of its own, with `mfst` as the binary under test.
fn start(scene: &Scene, columns: u16, setting: &str, line: &str) -> Option<Terminal> {
    let mfst = scene.home.command(&[]);
    let mfst = mfst.get_program().to_str().expect("a path in UTF-8");
    let line = scene.expand(line);
    Terminal::start(&scene.home, &format!("stty cols {columns} rows 40; {setting} {mfst} {line}"))
}

/// Runs a command line on a terminal of 120 columns, and returns all that appears there.
pub fn on_a_terminal(scene: &Scene, line: &str) -> Option<String> {
    let (code, screen) = start(scene, 120, "", line)?.finish();
    assert_eq!(code, Some(0), "{screen}");
    Some(screen)
}

/// A registry with the image `t/app:big`, and another one where each upload takes so long.
fn slow_copy(delay: Duration) -> (Scene, Sample) {
    let scene = Scene::with_two(Embedded::plain(), Embedded::plain());
    let image = Sample::large("linux/amd64", 2, 300 << 10);
    scene.registry.put_image("t/app", "big", &image);
    scene.other().fault(Fault::on("PUT", "/blobs/uploads/").always().delay(delay));
    (scene, image)
}

/// The lines that have been on a screen of this width at some time. A line that fills it has no line break.
fn screen_lines(screen: &str, columns: usize) -> Vec<String> {
    let without_escapes = |line: &str| {
        let mut parts = line.split('\u{1b}');
        let first = parts.next().unwrap_or_default().to_owned();
        // A sequence ends with its first letter.
        let rest = parts.map(|part| part.split_once(|c: char| c.is_ascii_alphabetic()).map_or("", |(_, rest)| rest));
        rest.fold(first, |line, part| line + part).chars().collect::<Vec<char>>()
    };
    let rows = screen.split(['\r', '\n']).map(without_escapes);
    let rows = rows.flat_map(|row| row.chunks(columns).map(String::from_iter).collect::<Vec<String>>());
    rows.map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// Fails unless a line satisfies the condition.
#[track_caller]
fn assert_line(lines: &[String], what: &str, is_it: impl Fn(&str) -> bool) {
    assert!(lines.iter().any(|line| is_it(line)), "no line with {what}: {lines:#?}");
}

#[test]
fn a_terminal_shows_a_bar_for_each_blob_and_a_total_with_the_target() {
    let (scene, image) = slow_copy(Duration::from_millis(1500));
    let Some(screen) = on_a_terminal(&scene, "create --push %dst/app:1 @t/app:big >/dev/null") else { return };
    let lines = screen_lines(&screen, 120);
    for digest in &image.blob_digests()[1..] {
        let hex = &digest.trim_start_matches("sha256:")[..12];
        assert_line(&lines, hex, |line| line.starts_with(hex) && line.ends_with("300.0 KiB/300.0 KiB"));
    }
    let target = scene.expand(", to %dst/app:1");
    assert_line(&lines, "the total", |line| line.contains(" KiB of 600.") && line.ends_with(&target));
    assert_line(&lines, "the blobs", |line| line.ends_with(" of 3 blobs ready"));
    assert!(screen.ends_with("\u{1b}[2K"), "something is left on the screen: {screen:?}");
}

#[test]
fn copy_shows_its_progress_too() {
    let (scene, image) = slow_copy(Duration::from_millis(1500));
    let Some(screen) = on_a_terminal(&scene, "copy @t/app:big %dst/app:1 >/dev/null") else { return };
    let lines = screen_lines(&screen, 120);
    let digest = image.blob_digests().swap_remove(1);
    let hex = &digest.trim_start_matches("sha256:")[..12];
    assert_line(&lines, hex, |line| line.starts_with(hex) && line.ends_with("300.0 KiB/300.0 KiB"));
    assert_line(&lines, "the target", |line| line.ends_with(&scene.expand(", to %dst/app:1")));
}

#[test]
fn apply_reports_lists_and_blobs() {
    let scene = Scene::new();
    let list = |name: &str| {
        let image = scene.name(&format!("dst/{name}:1"));
        format!("image: {image}\nmanifests:\n  - image: {}\n", scene.name("t/app:amd64"))
    };
    let file = scene.home.home().join("lists.yaml");
    fs::write(&file, list("one") + "---\n" + &list("two")).expect("a file");
    let result = scene.run(&format!("apply --progress plain {}", file.display()));
    for part in ["mounted sha256:", "4 of 4 blobs ready", "2 of 2 lists pushed"] {
        assert!(result.stderr.contains(part), "no {part:?}: {result:#?}");
    }
    result.success();
}

#[test]
fn manifests_are_a_phase_of_their_own() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("PUT", "/manifests/sha256").always().delay(Duration::from_secs(1)));
    let line = "create --push @dst/app:1 @t/app:amd64 @t/app:arm64 >/dev/null";
    let Some(screen) = on_a_terminal(&scene, line) else { return };
    assert_line(&screen_lines(&screen, 120), "the manifests", |line| line == "0 of 3 manifests put");
}

#[test]
fn forty_columns_are_enough() {
    let (scene, _) = slow_copy(Duration::from_millis(1500));
    let Some(terminal) = start(&scene, 40, "", "create --push %dst/app:1 @t/app:big >/dev/null") else { return };
    let lines = screen_lines(&terminal.finish().1, 40);
    // Each of these is a line of its own, from its beginning to its end.
    assert_line(&lines, "the total", |line| line.starts_with("600.") && line.contains(" KiB of 600."));
    assert_line(&lines, "the target", |line| line == scene.expand("to %dst/app:1"));
    assert_line(&lines, "a bar", |line| line.ends_with("] 300.0 KiB/300.0 KiB"));
    assert_line(&lines, "the blobs", |line| line.ends_with(" of 3 blobs ready"));
}

#[test]
fn a_terminal_shows_what_is_waited_for() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("GET", "/manifests/amd64").answer(503, "").header("retry-after", "2"));
    let Some(screen) = on_a_terminal(&scene, "create --push @dst/app:1 @t/app:amd64 >/dev/null") else { return };
    let waiting = format!("waiting for {}: 503 Service Unavailable, retry 1 of 8 in ", scene.domain);
    assert_line(&screen_lines(&screen, 120), "the wait", |line| line.starts_with(&waiting));
    assert!(screen.ends_with("\u{1b}[2K"), "something is left on the screen: {screen:?}");
}

#[test]
fn a_quick_command_shows_nothing_on_a_terminal() {
    let scene = Scene::new();
    let Some(screen) = on_a_terminal(&scene, "create --push @dst/app:1 @t/app:amd64") else { return };
    assert!(!screen.contains(" of "), "{screen:?}");
}

#[test]
fn quiet_and_none_show_nothing_on_a_terminal() {
    for flag in ["-q", "--progress none"] {
        let (scene, _) = slow_copy(Duration::from_millis(800));
        let line = format!("create --push {flag} %dst/app:1 @t/app:big");
        let Some(screen) = on_a_terminal(&scene, &line) else { return };
        assert!(!screen.contains('\u{1b}') && screen.contains("sha256:") && !screen.contains(" of "), "{screen:?}");
    }
}

#[test]
fn warnings_and_results_stay_on_the_screen() {
    let scene = Scene::new();
    scene.registry.put_image("t/app", "again", &amd64());
    let Some(screen) = on_a_terminal(&scene, "create --push @dst/app:1 @t/app:amd64 @t/app:again") else { return };
    assert!(screen.contains(&scene.expand("@t/app:amd64 are both for linux/amd64")), "{screen:?}");
    assert!(screen.trim_end().lines().last().is_some_and(|line| line.contains("sha256:")), "{screen:?}");
}

#[test]
fn ctrl_c_leaves_a_clean_line_and_says_how_to_continue() {
    let (scene, _) = slow_copy(NOTHING);
    scene.other().fault(Fault::on("PUT", "/manifests/1").hang());
    let Some(mut terminal) = start(&scene, 120, "exec", "create --push %dst/app:1 @t/app:big") else { return };
    terminal.wait_for("manifests put");
    terminal.keys("\u{3}");
    let (code, screen) = terminal.finish();
    assert_eq!(code, Some(130), "{screen:?}");
    let (_, after) = screen.rsplit_once("\u{1b}[2K").expect("a line that was cleared");
    assert_eq!(after, "interrupted\r\nhint: the same command, run again, continues where this one stopped\r\n");
    // What was sent is not sent again.
    scene.other().log().clear();
    scene.run_ok("create --push %dst/app:1 @t/app:big");
    assert_eq!(scene.other().log().count("PUT /v2/dst/app/blobs/*"), 0);
}

#[test]
fn ctrl_c_says_how_to_continue_unless_only_archives_are_written() {
    for (target, is_continued) in [("oci-archive:app.tar", false), ("oci-archive:app.tar oci:layout", true)] {
        let (scene, image) = slow_copy(NOTHING);
        scene.registry.fault(Fault::on("GET", &image.blob_digests()[1]).hang());
        let Some(mut terminal) = start(&scene, 120, "exec", &format!("copy @t/app:big {target}")) else { return };
        terminal.wait_for("blobs ready");
        terminal.keys("\u{3}");
        let (code, screen) = terminal.finish();
        assert_eq!((code, screen.contains("continues where")), (Some(130), is_continued), "{screen:?}");
    }
}

#[test]
fn ctrl_c_in_a_command_that_sends_nothing_has_no_hint() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("GET", "/manifests/amd64").hang());
    let Some(mut terminal) = start(&scene, 120, "exec", "-D inspect @t/app:amd64") else { return };
    terminal.wait_for("does not speak TLS");
    terminal.keys("\u{3}");
    let (code, screen) = terminal.finish();
    assert_eq!(code, Some(130), "{screen:?}");
    assert!(screen.ends_with("interrupted\r\n"), "{screen:?}");
}

#[test]
fn in_a_pipe_a_quick_command_says_nothing() {
    let (scene, _) = slow_copy(Duration::from_millis(800));
    let result = scene.run("create --push %dst/app:1 @t/app:big");
    assert_eq!(result.stderr, "");
    result.success();
}

#[test]
fn in_a_pipe_a_slow_command_reports_from_the_fifth_second_on() {
    let (scene, _) = slow_copy(Duration::from_secs(6));
    let result = scene.run("create --push %dst/app:1 @t/app:big");
    let target = scene.expand(", to %dst/app:1");
    let mut lines = result.stderr.lines();
    let summary = lines.next().unwrap_or_default();
    assert!(summary.starts_with("0 of 3 blobs ready, 600.") && summary.ends_with(&target), "{result:#?}");
    let blobs: Vec<&str> = lines.collect();
    assert_eq!(blobs.len(), 3, "{result:#?}");
    assert!(blobs[2].starts_with("copied ") && blobs[2].ends_with(" (3 of 3 blobs ready)"), "{result:#?}");
    result.success();
}

#[test]
fn plain_is_a_line_for_each_blob_and_each_retry() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("PUT", "/manifests/1").answer(503, ""));
    let result = scene.run("create --push --progress plain @dst/app:1 @t/app:amd64");
    let lines: Vec<&str> = result.stderr.lines().collect();
    assert_eq!(lines.len(), 3, "{result:#?}");
    for (number, line) in lines[..2].iter().enumerate() {
        assert!(line.starts_with("mounted sha256:"), "{result:#?}");
        assert!(line.ends_with(&format!(" ({} of 2 blobs ready)", number + 1)), "{result:#?}");
    }
    let waiting = format!("waiting for {}: 503 Service Unavailable, retry 1 of 8 in 0.", scene.domain);
    assert!(lines[2].starts_with(&waiting), "{result:#?}");
    result.success();
}

#[test]
fn a_long_wait_for_an_image_is_announced() {
    let scene = Scene::new();
    for image in ["@t/app:none", "@t/app:none-*"] {
        let stderr = scene.run_err_unchanged(&format!("create --wait 4s @dst/app:1 {image}"));
        let announced = scene.expand(&format!("waiting for {image}, giving up in 4 s"));
        assert_eq!(stderr.lines().next(), Some(announced.as_str()), "{stderr}");
    }
}

#[test]
fn a_dumb_terminal_gets_lines() {
    let scene = Scene::new();
    let line = "create --push @dst/app:1 @t/app:amd64 >/dev/null";
    let Some(terminal) = start(&scene, 120, "TERM=dumb", line) else { return };
    let (_, screen) = terminal.finish();
    assert!(!screen.contains('\u{1b}') && screen.contains(" (2 of 2 blobs ready)"), "{screen:?}");
}

#[test]
fn other_modes_are_refused() {
    let scene = Scene::with_list();
    let stderr = scene.run("push --progress fancy @t/app:v1").failure(125);
    assert!(stderr.contains("auto, plain or none"), "{stderr}");
}
