//! What `apply` refuses before it sends anything: files that are too large, or become too large.

use std::fs;

use mfst_testkit::scene::Scene;

/// In MiB.
const MEMORY: usize = 64;

/// Applies these texts, each in a file of its own, which must fail without a request. Returns stderr, with `F0` for the
/// name of the first file.
#[track_caller]
fn refused(scene: &Scene, texts: &[&str]) -> String {
    let name = |position: usize| scene.home.home().join(format!("{position}.yaml")).display().to_string();
    let names: Vec<String> = (0..texts.len()).map(name).collect();
    for (name, text) in names.iter().zip(texts) {
        fs::write(name, text.replace('@', &format!("{}/", scene.domain))).expect("a file");
    }
    let args: Vec<&str> = ["apply"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let said = scene.home.run_within(MEMORY, &args).failure(1).replace(&format!("{}/", scene.domain), "@");
    assert!(scene.registry.log().entries().is_empty(), "{:?}", scene.registry.log().lines());
    names.iter().enumerate().fold(said, |said, (position, name)| said.replace(name, &format!("F{position}")))
}

const TOO_MUCH_TEXT: &str = "with its aliases and variables expanded, the text is longer than 4 MiB";

/// A list with a long text and many aliases of it.
fn aliases(of: &str, count: usize) -> String {
    let images: String = (0..count).map(|_| "- {annotations: {k: *a}, image: @t/app:amd64}\n").collect();
    format!("image: @dst/app:1\nannotations: {{k: &a \"{of}\"}}\nmanifests:\n{images}")
}

#[test]
fn aliases_of_a_long_text_are_refused() {
    let scene = Scene::new();
    let said = refused(&scene, &[&aliases(&"x".repeat(1024 * 1024), 5000)]);
    assert_eq!(said, format!("F0:6:21: {TOO_MUCH_TEXT}\n"));
    // The limit is that of all files together.
    let half = aliases(&"x".repeat(1024 * 1024), 1);
    let said = refused(&scene, &[&half, &half.replace("dst/app:1", "dst/app:2")]);
    assert_eq!(said, format!("F1:4:21: {TOO_MUCH_TEXT}\n"));
}

#[test]
fn a_long_variable_that_is_used_often_is_refused() {
    let mut scene = Scene::new();
    scene.home.env("BIG", "x".repeat(100_000));
    let text = |value: &str| format!("image: @dst/app:1\nannotations: {{k: \"{value}\"}}\nmanifests: [{{image: a}}]\n");
    assert_eq!(refused(&scene, &[&text(&"${BIG}".repeat(50_000))]), format!("F0:2:18: {TOO_MUCH_TEXT}\n"));
}

#[test]
fn files_that_are_larger_than_the_limit_together_are_refused() {
    let scene = Scene::new();
    let text = format!("image: @dst/app:1\nmanifests: [{{image: @t/app:amd64}}]\n#{}\n", "x".repeat(3 * 1024 * 1024));
    let said = refused(&scene, &[&text, &text.replace("dst/app:1", "dst/app:2")]);
    assert_eq!(said, "F1: the files are larger than 4 MiB\n");
}

#[test]
fn of_many_errors_the_first_are_printed() {
    let scene = Scene::new();
    let text = "image: @dst/app:1\nmanifests:\n".to_owned() + &"- image: //\n".repeat(30);
    let said = refused(&scene, &[&text]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!((lines.len(), lines[19], lines[20]), (21, "F0:22:10: \"//\": invalid reference format", "and 10 more"));
}

#[test]
fn a_list_with_more_entries_than_can_be_read_is_refused() {
    let scene = Scene::new();
    let text = "image: @dst/app:1\nmanifests:\n".to_owned() + &"- image: @t/app:amd64\n".repeat(6000);
    let said = refused(&scene, &[&text]);
    assert_eq!(said, "F0:1:8: @dst/app:1 has more than 5000 entries, or too large ones\n");
}

#[test]
fn a_list_of_the_run_cannot_be_the_source_of_another_one() {
    let scene = Scene::new();
    let text = "image: @dst/app:1\nmanifests: [{image: @t/app:amd64}]\n---\n\
                image: @dst/all:1\nmanifests: [{image: @dst/app:1}]\n";
    let said = refused(&scene, &[text]);
    assert_eq!(said, "F0:4:8: @dst/app:1 is also a list of these files; run apply for it first\n");
}
