//! Lists that are passed on: nothing of them is lost silently.

use mfst_testkit::build::Build;
use mfst_testkit::sample::{OCI_INDEX, OCI_MANIFEST, Sample, digest};
use mfst_testkit::scene::{Scene, amd64, arm64, digests, first};
use serde_json::{Value, json};

/// An index of `t/app:amd64` and `t/app:arm64` at `t/app:TAG`, formatted as no program of docker's formats it.
fn put_index(scene: &Scene, tag: &str, entries: &[Value], more: &Value) -> String {
    let mut index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries});
    let fields = more.as_object().expect("an object").clone();
    index.as_object_mut().expect("an object").extend(fields);
    let bytes = format!("{index} \n");
    scene.registry.put_manifest("t/app", tag, OCI_INDEX, bytes.as_bytes())
}

fn both() -> [Value; 2] {
    [amd64().index_entry(), arm64().index_entry()]
}

fn annotated(more: &Value) -> (Scene, String) {
    let scene = Scene::new();
    let digest = put_index(&scene, "list", &both(), more);
    (scene, digest)
}

fn header() -> Value {
    json!({
        "annotations": {"org.opencontainers.image.version": "1.0"},
        "artifactType": "application/vnd.example",
        "subject": {"mediaType": OCI_MANIFEST, "digest": digest(b"subject"), "size": 7},
    })
}

#[test]
fn a_list_that_is_the_only_source_is_pushed_byte_for_byte() {
    let (scene, digest) = annotated(&header());
    for target in ["t/app:v1", "other/app:v1"] {
        scene.create(target, &["t/app:list"]);
        assert_eq!(scene.ok(&format!("push -q @{target}")), format!("{digest}\n"), "{target}");
        assert_eq!(scene.ok(&format!("create --push -q @{target}-direct @t/app:list")), format!("{digest}\n"));
        let (repository, _) = target.split_once(':').expect("a tag");
        for tag in ["v1", "v1-direct"] {
            assert_eq!(scene.registry.manifest(repository, tag), scene.registry.manifest("t/app", "list"));
        }
    }
}

#[test]
fn inspect_raw_shows_the_bytes_that_are_passed_on() {
    let (scene, digest) = annotated(&header());
    scene.create("t/app:v1", &["t/app:list"]);
    let shown = scene.ok("inspect --raw @t/app:v1");
    assert_eq!(mfst_testkit::sample::digest(shown.as_bytes()), digest);
}

#[test]
fn a_list_of_lists_is_passed_on_with_the_lists_in_it() {
    let scene = Scene::new();
    let build = Build::of(&["linux/amd64", "linux/arm/v7"]);
    build.put(&scene.registry, "t/app", "inner");
    let inner = json!({"mediaType": OCI_INDEX, "digest": build.digest(), "size": build.index().len()});
    let digest = put_index(&scene, "outer", &[inner, arm64().index_entry()], &json!({}));
    for line in ["create --push -q @dst/app:v1 @t/app:outer", "create -q @dst/app:v2 @t/app:outer"] {
        scene.ok(line);
    }
    assert_eq!(scene.ok("push -q @dst/app:v2"), format!("{digest}\n"));
    let (_, bytes) = scene.registry.manifest("dst/app", &build.digest()).expect("the inner list");
    assert_eq!(bytes, build.index());
    assert_eq!(scene.registry.manifest("dst/app", "v1"), scene.registry.manifest("t/app", "outer"));
}

#[test]
fn an_image_with_two_platforms_is_passed_on_with_both() {
    let scene = Scene::new();
    let mut second = amd64().index_entry();
    second["platform"]["architecture"] = json!("386");
    let digest = put_index(&scene, "two", &[amd64().index_entry(), second], &json!({}));
    let ran = scene.run("create @t/app:v1 @t/app:two");
    assert_eq!(ran.stderr, "");
    ran.ok();
    assert_eq!(scene.ok("push -q @t/app:v1"), format!("{digest}\n"));
    scene.ok(&format!("annotate --variant v1 @t/app:v1 @t/app:two@{}", amd64().digest()));
    let ran = scene.run("push -q @t/app:v1");
    assert!(ran.stderr.contains("linux/386; only the first is taken"), "{ran:#?}");
}

#[test]
fn a_list_that_is_changed_is_built_anew_and_keeps_what_it_said() {
    let mut entry = amd64().index_entry();
    entry["annotations"] = json!({"k": "v"});
    entry["artifactType"] = json!("application/vnd.example.part");
    let scene = Scene::new();
    let source = put_index(&scene, "list", &[entry, arm64().index_entry()], &header());
    scene.create("t/app:v1", &["t/app:list"]);
    scene.ok(&format!("annotate --variant v8 @t/app:v1 @t/app:list@{}", arm64().digest()));
    assert_ne!(scene.ok("push -q @t/app:v1"), format!("{source}\n"));
    let list = scene.pushed("t/app", "v1");
    for field in ["annotations", "artifactType", "subject"] {
        assert_eq!(list[field], header()[field], "{list:#}");
    }
    assert_eq!(list["manifests"][0]["annotations"], json!({"k": "v"}));
    assert_eq!(list["manifests"][0]["artifactType"], "application/vnd.example.part");
    assert_eq!(list["manifests"][1]["platform"]["variant"], "v8");
}

#[test]
fn a_list_that_is_filtered_keeps_what_it_said() {
    let (scene, _) = annotated(&header());
    scene.ok("create --push -q --platform linux/arm64 @t/app:v1 @t/app:list");
    let list = scene.pushed("t/app", "v1");
    assert_eq!(digests(&list), [arm64().digest()]);
    assert_eq!(list["annotations"], header()["annotations"]);
}

#[test]
fn of_several_lists_what_they_agree_on_is_kept_and_the_rest_is_a_warning() {
    let scene = Scene::new();
    let annotations = |version: &str| json!({"annotations": {"vendor": "example", "version": version}});
    put_index(&scene, "one", &both()[..1], &annotations("1"));
    put_index(&scene, "two", &both()[1..], &annotations("2"));
    let line = "create @t/app:v1 @t/app:one @t/app:two";
    let said = scene.refused(&line.replace("create", "create --strict"));
    assert!(first(&said).contains("annotation version"), "{said}");
    let ran = scene.run(line);
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert!(lines.len() == 2 && lines.iter().all(|line| line.starts_with("warning: ")), "{ran:#?}");
    ran.ok();
    scene.ok("push -q @t/app:v1");
    assert_eq!(scene.pushed("t/app", "v1")["annotations"], json!({"vendor": "example"}));
}

#[test]
fn amending_a_list_with_another_one_keeps_what_both_say() {
    let scene = Scene::new();
    let annotations = |version: &str| json!({"annotations": {"vendor": "example", "version": version}});
    put_index(&scene, "one", &both()[..1], &annotations("1"));
    put_index(&scene, "two", &both()[1..], &annotations("2"));
    scene.create("t/app:v1", &["t/app:one"]);
    let ran = scene.run("create --amend @t/app:v1 @t/app:two");
    assert!(ran.stderr.contains("annotation version"), "{ran:#?}");
    scene.ok("push -q @t/app:v1");
    assert_eq!(scene.pushed("t/app", "v1")["annotations"], json!({"vendor": "example"}));
    scene.ok(&format!("remove @t/app:v1 {}", scene.name("t/app:two")));
    scene.ok("push -q @t/app:v1");
    let left = scene.pushed("t/app", "v1");
    assert_eq!(left["annotations"], json!({"vendor": "example", "version": "1"}));
}

/// A client that takes the first match must not get `amd64/v2` for `amd64`.
#[test]
fn the_entries_of_a_list_stay_in_its_order() {
    let scene = Scene::new();
    let image = |salt: &str| {
        let image = Sample::oci_with_layers("linux/amd64", &[salt]);
        scene.registry.put_image("t/app", &image.digest(), &image);
        image.index_entry()
    };
    let mut entries: Vec<Value> = (0..6).map(|number| image(&number.to_string())).collect();
    for (number, entry) in entries.iter_mut().enumerate().skip(1) {
        entry["platform"]["variant"] = json!(format!("v{number}"));
    }
    put_index(&scene, "list", &entries, &json!({}));
    let expected: Vec<&str> = entries.iter().map(|entry| entry["digest"].as_str().expect("a digest")).collect();
    scene.create("t/app:v1", &["t/app:list", "t/app:arm64"]);
    let arm64 = arm64().digest();
    let with_arm64 = [&[arm64.as_str()], expected.as_slice()].concat();
    assert_eq!(digests(&scene.inspect("@t/app:v1")), with_arm64, "sources by file name, entries as in their list");
    scene.ok("push -q @t/app:v1");
    assert_eq!(digests(&scene.pushed("t/app", "v1")), with_arm64);
    scene.ok("create --push -q @t/app:v2 @t/app:list @t/app:arm64");
    assert_eq!(digests(&scene.pushed("t/app", "v2")), with_arm64);
}

#[test]
fn inspect_platform_prefers_the_entry_without_a_variant_then_the_first() {
    let scene = Scene::new();
    let entry = |variant: &str| {
        let image = Sample::oci_with_layers("linux/amd64", &[variant]);
        scene.registry.put_image("t/app", &image.digest(), &image);
        let mut entry = image.index_entry();
        if !variant.is_empty() {
            entry["platform"]["variant"] = json!(variant);
        }
        entry
    };
    let raw_digest = |name: &str| digest(scene.ok(&format!("inspect --raw --platform linux/amd64 {name}")).as_bytes());
    put_index(&scene, "with", &[entry("v3"), entry(""), entry("v2")], &json!({}));
    put_index(&scene, "without", &[entry("v3"), entry("v2")], &json!({}));
    assert_eq!(raw_digest("@t/app:with"), entry("")["digest"].as_str().expect("a digest"));
    assert_eq!(raw_digest("@t/app:without"), entry("v3")["digest"].as_str().expect("a digest"));
    scene.create("t/app:v1", &["t/app:with"]);
    assert_eq!(raw_digest("@t/app:v1"), entry("")["digest"].as_str().expect("a digest"));
}

#[test]
fn inspect_verbose_of_a_list_in_a_list_says_that_it_is_a_list() {
    let scene = Scene::new();
    let build = Build::of(&["linux/amd64"]);
    build.put(&scene.registry, "t/app", "inner");
    let inner = json!({"mediaType": OCI_INDEX, "digest": build.digest(), "size": build.index().len()});
    put_index(&scene, "outer", &[inner, arm64().index_entry()], &json!({}));
    let ran = scene.run("inspect -v @t/app:outer");
    let name = scene.name(&format!("t/app:outer@{}", build.digest()));
    assert!(ran.stderr.contains(&format!("warning: {name} is itself a manifest list")), "{ran:#?}");
    let shown: Value = serde_json::from_str(&ran.ok()).expect("JSON");
    assert_eq!(shown[0]["Descriptor"]["mediaType"], OCI_INDEX);
    assert!(shown[1]["OCIManifest"].is_object());
}
