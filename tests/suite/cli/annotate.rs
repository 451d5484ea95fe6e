//! `mfst annotate`.

use std::fs;

use serde_json::{Value, json};

use mfst_testkit::scene::{Scene, first};

/// The platform of `t/app:amd64` after `annotate` with these flags.
#[track_caller]
fn platform(flags: &str) -> Value {
    let scene = Scene::with_list();
    scene.ok(&format!("annotate {flags} @t/app:v1 @t/app:amd64"));
    scene.inspect("@t/app:v1")["manifests"][0]["platform"].clone()
}

#[test]
fn every_field_of_a_platform_can_be_set() {
    assert_eq!(
        platform("--os windows --arch amd64 --os-version 10.0.1 --os-features win32k --variant v2"),
        json!({
            "architecture": "amd64",
            "os": "windows",
            "os.version": "10.0.1",
            "os.features": ["win32k"],
            "variant": "v2",
        })
    );
}

#[test]
fn os_features_are_separated_by_commas_and_kept_once() {
    let platform = platform("--os-features a,b --os-features=b,c --os-features \"d,e\"");
    assert_eq!(platform["os.features"], json!(["a", "b", "c", "d,e"]));
}

#[test]
fn fields_not_named_stay() {
    let scene = Scene::with_list();
    scene.ok("annotate --variant v2 @t/app:v1 @t/app:amd64");
    scene.ok("annotate --os-features x @t/app:v1 @t/app:amd64");
    assert_eq!(
        scene.inspect("@t/app:v1")["manifests"][0]["platform"],
        json!({"architecture": "amd64", "os": "linux", "variant": "v2", "os.features": ["x"]})
    );
}

#[test]
fn annotate_is_silent_and_asks_no_registry() {
    let scene = Scene::with_list();
    let ran = scene.run("annotate --variant v8 @t/app:v1 @t/app:arm64");
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    assert_eq!(scene.registry.connections(), {
        scene.ok("annotate --variant v8 @t/app:v1 @t/app:arm64");
        scene.registry.connections()
    });
    assert!(scene.registry.log().entries().is_empty());
}

#[test]
fn d6_platforms_docker_does_not_know_are_taken() {
    for (os, arch) in [
        ("linux", "loong64"),
        ("linux", "ppc64"),
        ("linux", "mips"),
        ("freebsd", "arm64"),
        ("windows", "arm64"),
        ("wasip1", "wasm"),
        ("unknown", "unknown"),
    ] {
        let platform = platform(&format!("--os {os} --arch {arch}"));
        assert_eq!(platform, json!({"architecture": arch, "os": os}));
    }
}

#[test]
fn d6_names_of_other_tools_are_turned_into_gos() {
    for (alias, arch, variant) in [
        ("x86_64", "amd64", None),
        ("aarch64", "arm64", None),
        ("armhf", "arm", Some("v7")),
        ("armel", "arm", Some("v6")),
        ("i386", "386", None),
        ("i686", "386", None),
    ] {
        let platform = platform(&format!("--arch {alias}"));
        assert_eq!(platform["architecture"], arch, "{alias}");
        assert_eq!(platform.get("variant").and_then(Value::as_str), variant, "{alias}");
    }
}

#[test]
fn d6_any_other_platform_is_refused_by_the_name_it_would_have() {
    let scene = Scene::with_list();
    for (flags, pair) in [
        ("--arch bogus", "linux/bogus"),
        ("--os bogus", "bogus/amd64"),
        ("--os windows --arch s390x", "windows/s390x"),
        ("--arch AMD64", "linux/AMD64"),
    ] {
        let said = scene.refused(&format!("annotate {flags} @t/app:v1 @t/app:amd64"));
        let refusal = "manifest entry for image has unsupported os/arch combination: ";
        assert_eq!(first(&said), format!("{refusal}{pair}"));
    }
}

#[test]
fn an_image_that_is_not_in_the_list_is_named_as_it_was_typed() {
    let scene = Scene::with_list();
    let said = scene.refused("annotate --variant v8 @t/app:v1 busybox");
    let expected = "manifest for image busybox does not exist in @t/app:v1";
    assert_eq!(first(&said), scene.expand(expected));
    let said = scene.refused("annotate --variant v8 nolist busybox");
    assert_eq!(first(&said), "manifest for image busybox does not exist in nolist");
}

#[test]
fn an_entry_that_cannot_be_read_is_named_in_a_hint() {
    let scene = Scene::with_list();
    let entry = scene.home.entry(&scene.name("t/app:v1"), &scene.name("t/app:amd64"));
    fs::write(&entry, "hello").expect("a broken entry");
    let said = scene.refused("annotate --variant v8 @t/app:v1 @t/app:amd64");
    assert_eq!(first(&said), "invalid character 'h' looking for beginning of value");
    assert!(said.contains(&format!("hint: {}", entry.display())), "{said}");
}

#[test]
fn names_that_cannot_be_parsed_are_said_to_be_so() {
    let scene = Scene::new();
    let said = scene.refused("annotate A b");
    let reason = "invalid reference format: repository name (library/A) must be lowercase";
    assert_eq!(first(&said), format!("annotate: error parsing name for manifest list A: {reason}"));
    let said = scene.refused("annotate a A");
    assert_eq!(first(&said), format!("annotate: error parsing name for manifest A: {reason}"));
}

#[test]
fn the_manifest_itself_is_not_touched() {
    let scene = Scene::with_list();
    let entry = scene.home.entry(&scene.name("t/app:v1"), &scene.name("t/app:arm64"));
    let read = || -> Value {
        let bytes = fs::read(&entry).expect("the entry");
        serde_json::from_slice(&bytes).expect("JSON")
    };
    let before = read();
    scene.ok("annotate --variant v8 @t/app:v1 @t/app:arm64");
    let mut after = read();
    assert_eq!(after["Descriptor"]["platform"]["variant"], "v8");
    after["Descriptor"]["platform"] = before["Descriptor"]["platform"].clone();
    assert_eq!(after, before);
}
