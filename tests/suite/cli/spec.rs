//! `spec`: the file that describes a list in a registry.

use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};
use serde_json::{Value, json};
use std::process::{Command, Stdio};

use mfst_testkit::buildx::Build;
use mfst_testkit::installed::docker;
use mfst_testkit::sample::{DOCKER_LIST, OCI_INDEX, Sample, digest, index};
use mfst_testkit::sandbox::CommandOutput;
use mfst_testkit::scene::{Scene, amd64, arm64};

/// Runs a command with this text on standard input.
fn run_with(scene: &Scene, line: &str, input: &str) -> CommandOutput {
    use std::io::Write as _;
    let words = scene.words(line);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut command: Command = scene.home.command(&words);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a run");
    child.stdin.take().expect("stdin").write_all(input.as_bytes()).expect("the input");
    child.wait_with_output().expect("an end").into()
}

/// Applies the file that `spec` writes for a list; returns the digests before and after, and the file.
#[track_caller]
fn round_trip(scene: &Scene, repo: &str, tag: &str) -> (String, String, String) {
    let (_, before) = scene.registry.manifest(repo, tag).expect("the list");
    let text = scene.run_ok(&format!("spec @{repo}:{tag}"));
    // Nothing is left of the tag that could be mistaken for the result.
    scene.registry.put_image(repo, tag, &Sample::oci("linux/386"));
    let ran = run_with(scene, "apply -", &text);
    assert_eq!(ran.code, Some(0), "{text}\n{ran:#?}");
    let (_, after) = scene.registry.manifest(repo, tag).expect("the list");
    (digest(&before), digest(&after), text)
}

#[track_caller]
fn comes_back_equal(scene: &Scene, repo: &str, tag: &str) -> String {
    let (before, after, text) = round_trip(scene, repo, tag);
    assert_eq!(after, before, "{text}");
    assert!(!text.starts_with('#'), "{text}");
    text
}

#[test]
fn lists_that_mfst_or_docker_formatted_come_back_with_their_digest() {
    let scene = Scene::new();
    for (name, image) in [
        ("docker", Sample::docker("linux/amd64")),
        ("docker-arm", Sample::docker("linux/arm/v7")),
        ("arm", Sample::oci("linux/arm/v7")),
        ("windows", Sample::docker("windows/amd64")),
    ] {
        scene.registry.put_image("t/app", name, &image);
    }
    Build::of(&["linux/amd64", "linux/arm64"]).put(&scene.registry, "t/build", "1");
    let lists = [
        "@t/app:amd64 @t/app:arm64",
        "@t/app:docker",
        "@t/app:docker @t/app:docker-arm",
        "@t/app:docker @t/app:arm64",
        "@t/app:arm @t/app:docker",
        "--media-type oci @t/app:docker",
        "--media-type docker @t/app:docker",
        "@t/build:1 @t/app:arm",
        "--platform linux/amd64 @t/build:1",
        "--annotation k=v --annotation linux/arm64:x=y @t/app:amd64 @t/app:arm64",
        "--annotation strange='${HOME}\"\\#$$: --annotation true=false @t/app:arm64",
        "--artifact-type application/x --subject @dst/app:subject @t/app:arm64",
        "@t/app:arm64=linux/arm64/v8 @t/app:arm=linux/arm",
        "@t/app:windows=windows/amd64:10.0.17763.1817",
    ];
    scene.registry.put_image("dst/app", "subject", &amd64());
    for (number, flags) in lists.iter().enumerate() {
        scene.run_ok(&format!("create --push @dst/app:{number} {flags}"));
        comes_back_equal(&scene, "dst/app", &number.to_string());
    }
}

#[test]
fn the_file_pins_images_and_states_platforms() {
    let scene = Scene::new();
    scene.run_ok("create --push @dst/app:1 --annotation k=v @t/app:amd64 @t/app:arm64=linux/arm64/v8");
    let name = |image: &Sample| scene.name(&format!("dst/app@{}", image.digest()));
    let expected = format!(
        "image: {list}\nannotations:\n  k: v\nmanifests:\n  - image: {amd64}\n    platform: linux/amd64\n  - image: {arm64}\n    \
         platform: linux/arm64/v8\n",
        list = scene.name("dst/app:1"),
        amd64 = name(&amd64()),
        arm64 = name(&arm64()),
    );
    assert_eq!(scene.run_ok("spec @dst/app:1"), expected);
}

#[test]
fn features_of_the_operating_system_are_kept() {
    let scene = Scene::new();
    scene.run_ok("create @dst/app:1 @t/app:amd64");
    scene.run_ok("annotate --os windows --os-version 10.0 --os-features a,b @dst/app:1 @t/app:amd64");
    scene.run_ok("push @dst/app:1");
    let text = comes_back_equal(&scene, "dst/app", "1");
    assert!(text.contains("      os.features:\n        - a\n        - b\n"), "{text}");
}

/// JSON objects with their keys in a certain order.
struct Ordered(Vec<(&'static str, Value)>);

impl Serialize for Ordered {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index<'a> {
    schema_version: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_type: Option<&'a str>,
    manifests: Vec<Ordered>,
    annotations: Value,
}

/// An index of these entries as a tool writes it: with this indentation, or on one line, and with these keys of the entries
/// in this order.
fn written(indent: Option<&str>, media_type: Option<&str>, keys: &[&'static str], entries: &[Value]) -> Vec<u8> {
    let entry = |entry: &Value| {
        let keys = keys.iter().filter_map(|key| Some((*key, entry.get(key)?.clone())));
        Ordered(keys.collect())
    };
    let manifests = entries.iter().map(entry).collect();
    let index = Index { schema_version: 2, media_type, manifests, annotations: json!({"k": "v"}) };
    let Some(indent) = indent else { return serde_json::to_vec(&index).expect("JSON") };
    let mut bytes = Vec::new();
    let formatter = PrettyFormatter::with_indent(indent.as_bytes());
    index.serialize(&mut Serializer::with_formatter(&mut bytes, formatter)).expect("JSON");
    bytes
}

/// Each tool formats its JSON in its own way.
#[test]
fn a_list_of_another_tool_comes_back_with_the_same_entries_and_a_warning_about_its_digest() {
    let scene = Scene::new();
    let build = Build::of(&["linux/amd64", "linux/arm64"]);
    build.put(&scene.registry, "t/build", "buildx");
    let entries = build.entries();
    let digest_first = ["mediaType", "digest", "size", "annotations", "platform"];
    let size_first = ["mediaType", "size", "digest", "platform", "annotations"];
    for (tool, indent, media_type, keys) in [
        ("podman", None, Some(OCI_INDEX), digest_first),
        ("crane", None, Some(OCI_INDEX), size_first),
        ("regctl", None, Some(OCI_INDEX), ["mediaType", "digest", "size", "platform", "annotations"]),
        ("oras", None, None, digest_first),
        ("manifest-tool", Some("  "), Some(OCI_INDEX), digest_first),
    ] {
        scene.registry.put_manifest("t/build", tool, OCI_INDEX, &written(indent, media_type, &keys, &entries));
    }
    for tag in ["buildx", "podman", "crane", "regctl", "oras", "manifest-tool"] {
        let warning = scene.run(&format!("spec @t/build:{tag}")).stderr;
        let before = scene.pushed("t/build", tag);
        let (old, new, text) = round_trip(&scene, "t/build", tag);
        assert_ne!(old, new, "{tag}");
        assert!(text.starts_with(&format!("# The list has the digest {old}.\n")) && text.contains(&new), "{text}");
        assert!(warning.starts_with("warning: ") && warning.contains(&new), "{warning}");
        let after = scene.pushed("t/build", tag);
        assert_eq!((&after["manifests"], after.get("annotations")), (&before["manifests"], before.get("annotations")));
    }
}

#[test]
fn a_list_of_docker_comes_back_with_its_digest() {
    let Some(docker) = docker() else { return };
    let scene = Scene::new();
    for platform in ["amd64", "s390x"] {
        scene.registry.put_image("t/docker", platform, &Sample::docker(&format!("linux/{platform}")));
    }
    scene.docker(&docker, "create --insecure @t/docker:all @t/docker:amd64 @t/docker:s390x").success();
    scene.docker(&docker, "annotate --variant v3 @t/docker:all @t/docker:amd64").success();
    scene.docker(&docker, "push --insecure @t/docker:all").success();
    comes_back_equal(&scene, "t/docker", "all");
}

#[test]
fn a_list_with_entries_that_the_format_lacks_is_one_source() {
    let scene = Scene::new();
    let bare = json!({"mediaType": amd64().media_type(), "digest": amd64().digest(), "size": amd64().manifest().len()});
    scene.registry.put_image("t/app", &amd64().digest(), &amd64());
    scene.registry.put_image("t/app", &arm64().digest(), &arm64());
    let mut typed = arm64().index_entry();
    typed["artifactType"] = "application/x".into();
    let lists = [
        ("no-platform", OCI_INDEX, vec![bare]),
        ("artifact", OCI_INDEX, vec![typed]),
        ("oci-in-docker", DOCKER_LIST, vec![arm64().index_entry()]),
    ];
    for (tag, media_type, entries) in lists {
        scene.registry.put_manifest("t/app", tag, media_type, &index(media_type, &entries));
        let (before, after, text) = round_trip(&scene, "t/app", tag);
        assert_eq!(after, before, "{text}");
        assert!(text.starts_with("# The list has entries that this format cannot express."), "{text}");
    }
}

#[test]
fn an_image_is_not_a_list() {
    let scene = Scene::new();
    let said = scene.run_err_unchanged("spec @t/app:amd64");
    assert_eq!(said, format!("{} is an image, not a manifest list\n", scene.name("t/app:amd64")));
}

#[test]
fn a_list_with_fields_that_the_format_lacks_is_one_source() {
    let scene = Scene::new();
    scene.registry.put_image("t/app", &amd64().digest(), &amd64());
    let list = |change: &dyn Fn(&mut Value)| {
        let mut list: Value = serde_json::from_slice(&index(OCI_INDEX, &[amd64().index_entry()])).expect("JSON");
        change(&mut list);
        serde_json::to_vec(&list).expect("JSON")
    };
    let lists = [
        ("features", list(&|list| list["manifests"][0]["platform"]["features"] = json!(["sse4"])), "platform.features"),
        ("entry", list(&|list| list["manifests"][0]["x"] = json!(1)), "x"),
        ("index", list(&|list| list["y"] = json!(1)), "y"),
    ];
    for (tag, bytes, name) in lists {
        scene.registry.put_manifest("t/app", tag, OCI_INDEX, &bytes);
        let (before, after, text) = round_trip(&scene, "t/app", tag);
        assert_eq!(after, before, "{text}");
        assert!(text.starts_with("# The list has entries that this format cannot express."), "{text}");

        // A list that is built anew does not have them.
        scene.registry.put_manifest("t/app", tag, OCI_INDEX, &bytes);
        let said = scene.run(&format!("create --push @dst/app:{tag} @t/app:{tag} @t/app:arm64")).stderr;
        let expected = format!("warning: the list will not have these fields of @t/app:{tag}: {name}\n");
        assert!(said.contains(&expected.replace('@', &format!("{}/", scene.domain))), "{said}");
        scene.run(&format!("create --push --strict @dst/strict:{tag} @t/app:{tag} @t/app:arm64")).failure(1);
    }
}
