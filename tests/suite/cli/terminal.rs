//! Text from registries on a terminal and in messages: it neither controls the terminal nor poses as a message.

use serde_json::{Value, json};

use crate::cli::progress::on_a_terminal;
use mfst_testkit::sample::{OCI_INDEX, OCI_MANIFEST, index};
use mfst_testkit::scene::{Scene, amd64, arm64};

/// Characters that a terminal must not get: DEL, C1, bidirectional formatting, separators, tags.
const CONTROLS: &str = "\u{7f}\u{9b}\u{85}\u{202e}\u{200f}\u{2028}\u{2066}\u{e0041}";

/// A line break and what looks like a message of mfst.
const FORGED: &str = "\nhint: run this\r\nwarning: do that\nPushed ref evil";

/// A registry with the index `t/odd:1` of two images, whose platforms have `text` in them, and the manifest `t/odd:a`
/// with `text` in an annotation.
fn with_text(text: &str) -> Scene {
    let scene = Scene::new();
    let mut entries = [amd64().index_entry(), arm64().index_entry()];
    entries[0]["platform"]["variant"] = format!("v1{text}").into();
    entries[0]["annotations"] = json!({format!("key{text}"): format!("value{text}")});
    scene.registry.put_image("t/odd", "b", &arm64());
    scene.registry.put_image("t/odd", "c", &amd64());
    let mut manifest: Value = serde_json::from_slice(amd64().manifest()).expect("JSON");
    manifest["annotations"] = json!({"key": text});
    scene.registry.put_manifest("t/odd", "a", OCI_MANIFEST, manifest.to_string().as_bytes());
    scene.registry.put_manifest("t/odd", "1", OCI_INDEX, &index(OCI_INDEX, &entries));
    scene
}

/// Whether a character may reach a terminal. The terminal itself puts a carriage return before each line feed.
fn is_harmless(c: char) -> bool {
    !(c.is_control() || CONTROLS.contains(c)) || matches!(c, '\r' | '\n' | '\t')
}

#[test]
fn json_on_a_terminal_has_escapes_for_control_characters_and_means_the_same() {
    let scene = with_text(CONTROLS);
    scene.create("t/odd:draft", &["t/odd:1"]);
    for line in [
        "inspect @t/odd:1",
        "inspect -v @t/odd:1",
        "inspect --raw @t/odd:1",
        "inspect @t/odd:a",
        "inspect --raw @t/odd:a",
        "inspect @t/odd:draft",
        "inspect -v @t/odd:draft",
        "inspect --raw @t/odd:draft",
        "ls --format json",
        "push --dry-run @t/odd:draft",
        "create --push --dry-run @t/odd:2 @t/odd:1",
    ] {
        let piped = scene.run(line);
        let Some(shown) = on_a_terminal(&scene, &format!("{line} 2>/dev/null")) else { return };
        assert!(shown.chars().all(is_harmless), "{line}: {shown:?}");
        let read = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        assert_eq!(read(&shown), read(&piped.stdout), "{line}");
        // What is piped has the characters themselves.
        assert!(line.starts_with("ls") || piped.stdout.contains("\u{202e}"), "{line}: {}", piped.stdout);
    }
}

#[test]
fn line_breaks_in_json_on_a_terminal_do_not_hide_text() {
    let scene = Scene::new();
    let manifest = String::from_utf8(amd64().manifest().to_vec()).expect("UTF-8");
    let manifest = manifest.replacen('{', "{\"x-real\":1,\r\"x-fake\":2,\r\n", 1);
    scene.registry.put_manifest("t/app", "odd", OCI_MANIFEST, manifest.as_bytes());
    let Some(shown) = on_a_terminal(&scene, "inspect --raw @t/app:odd") else { return };
    assert!(!shown.replace("\r\n", "\n").contains('\r'), "{shown:?}");
    assert_eq!(scene.run_ok("inspect --raw @t/app:odd"), manifest);
}

#[test]
fn text_on_a_terminal_has_no_control_characters() {
    let scene = with_text(CONTROLS);
    scene.create("t/app:draft", &["t/odd:1"]);
    for line in ["ls", "push @t/app:draft", "inspect --platform linux/s390x @t/odd:1", "--help"] {
        // Progress bars are on stderr; their control characters are mfst's own.
        let stderr = if line.starts_with("push") { "/dev/null" } else { "&1" };
        let Some(shown) = on_a_terminal(&scene, &format!("{line} 2>{stderr} || true")) else { return };
        assert!(shown.chars().all(is_harmless), "{line}: {shown:?}");
    }
}

#[test]
fn a_result_file_that_is_the_terminal_has_no_control_characters() {
    let scene = with_text(CONTROLS);
    scene.create("t/odd:draft", &["t/odd:1"]);
    let Some(shown) = on_a_terminal(&scene, "push -q --metadata-file /dev/stdout @t/odd:draft") else { return };
    assert!(shown.contains("\\u202e") && shown.chars().all(is_harmless), "{shown:?}");
}

/// Fails unless every line of the messages is one that mfst prints, and the forged ones are in none of their beginnings.
#[track_caller]
fn assert_not_forged(stderr: &str, lines: usize) {
    assert_eq!(stderr.lines().count(), lines, "{stderr}");
    for forged in ["hint: run", "warning: do", "Pushed"] {
        assert!(!stderr.lines().any(|line| line.starts_with(forged)), "{stderr}");
    }
    assert!(stderr.contains("hint: run this"), "the text is not shown at all: {stderr}");
}

#[test]
fn no_text_of_a_registry_poses_as_a_message() {
    let scene = with_text(FORGED);
    // In an error.
    let stderr = scene.run_err_unchanged("inspect --platform linux/s390x @t/odd:1");
    assert_not_forged(&stderr, 1);
    let manifest = json!({"schemaVersion": 2, "mediaType": format!("x{FORGED}")}).to_string();
    scene.registry.put_manifest("t/odd", "type", OCI_MANIFEST, manifest.as_bytes());
    assert_not_forged(&scene.run_err_unchanged("create @t/app:v1 @t/odd:type"), 1);
    // In an error about an entry of an index.
    let entry = json!({"mediaType": OCI_MANIFEST, "size": 7, "digest": format!("sha256:{FORGED}")});
    scene.registry.put_manifest("t/odd", "digest", OCI_INDEX, &index(OCI_INDEX, &[entry]));
    let stderr = scene.run_err_unchanged("create @t/app:v1 @t/odd:digest");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    // In an error with a hint, which comes from mfst.
    let mut entries = [amd64().index_entry(), arm64().index_entry()];
    for entry in &mut entries {
        entry["platform"] = json!({"os": "linux", "architecture": "arm", "variant": FORGED});
    }
    scene.registry.put_manifest("t/odd", "2", OCI_INDEX, &index(OCI_INDEX, &entries));
    scene.registry.put_image("t/odd", "d", &amd64());
    let stderr = scene.run_err_unchanged("create --strict --push @t/app:v1 @t/odd:2");
    assert_not_forged(&stderr, 2);
    assert!(stderr.lines().nth(1).is_some_and(|line| line.starts_with("hint: this would be")), "{stderr}");
    // In a warning.
    let ran = scene.run("create @t/app:v1 @t/odd:2");
    assert_not_forged(&ran.stderr, 1);
    assert!(ran.stderr.starts_with("warning: "), "{ran:?}");
}

#[test]
fn messages_that_have_several_lines_keep_them() {
    let scene = Scene::with_list();
    let usage = scene.run("push").failure(1);
    assert!(usage.lines().count() > 3 && usage.lines().any(|line| line.starts_with("Usage:")), "{usage}");
    let missing = scene.run("rm @t/no:1 @t/no:2").failure(1);
    let messages: String = missing.split_inclusive('\n').filter(|line| !line.starts_with("hint: ")).collect();
    assert_eq!(messages, scene.expand("No such manifest: @t/no:1\nNo such manifest: @t/no:2\n"));
    let requests = scene.run("push --dry-run @t/app:v1").stderr;
    assert!(requests.lines().skip(1).all(|line| line.starts_with("PUT ") || line.starts_with("POST ")), "{requests}");
}
