//! What a list says about itself, and sources that are stated in other ways than by name: flags of `create` and `annotate`.

use serde_json::{Value, json};

use mfst_testkit::buildx::Build;
use mfst_testkit::faults::Fault;
use mfst_testkit::installed::docker;
use mfst_testkit::sample::{DOCKER_LIST, OCI_INDEX, Sample};
use mfst_testkit::scene::{Scene, amd64, arm64, digests, first_line};

fn raw(scene: &Scene, list: &str) -> Value {
    serde_json::from_str(&scene.run_ok(&format!("inspect --raw {list}"))).expect("JSON")
}

fn listed(scene: &Scene) -> Value {
    serde_json::from_str(&scene.run_ok("ls --format json")).expect("JSON")
}

const ALL: &str = "--annotation k=v --annotation index:l=w --annotation linux/amd64:m=x --artifact-type application/x \
                   --subject @t/app:amd64 --media-type oci";

#[track_caller]
fn has_all(list: &Value) {
    assert_eq!(list["mediaType"], OCI_INDEX);
    assert_eq!(list["annotations"], json!({"k": "v", "l": "w"}));
    assert_eq!(list["subject"]["digest"], amd64().digest());
    assert_eq!(list["artifactType"], "application/x");
    assert_eq!(list["manifests"][0]["annotations"], json!({"m": "x"}));
    assert_eq!(list["manifests"][1].get("annotations"), None);
}

#[test]
fn what_create_says_about_a_list_is_kept_in_the_draft_shown_and_pushed() {
    let scene = Scene::new();
    scene.run_ok(&format!("create {ALL} @dst/app:1 @t/app:amd64 @t/app:arm64"));
    has_all(&raw(&scene, "@dst/app:1"));
    let listed = listed(&scene);
    assert_eq!(listed[0]["annotations"], json!({"k": "v", "l": "w"}));
    assert_eq!((&listed[0]["format"], &listed[0]["artifactType"]), (&json!("oci"), &json!("application/x")));
    let shown = scene.run_ok("ls @dst/app:1");
    let subject = format!("subject: {}\n", amd64().digest());
    let lines = ["media type: oci\n", "artifact type: application/x\n", &subject, "annotation: k=v\n"];
    assert!(lines.iter().all(|line| shown.contains(line)), "{shown}");
    scene.run_ok("push @dst/app:1");
    has_all(&scene.pushed("dst/app", "1"));
    scene.run_ok(&format!("create --push {ALL} @dst/app:2 @t/app:amd64 @t/app:arm64"));
    assert_eq!(scene.registry.manifest("dst/app", "2"), scene.registry.manifest("dst/app", "1"));
}

#[test]
fn annotate_without_an_image_is_about_the_list() {
    let scene = Scene::new();
    scene.create("dst/app:1", &["t/app:amd64", "t/app:arm64"]);
    scene.run_ok(&format!("annotate {ALL} @dst/app:1"));
    has_all(&raw(&scene, "@dst/app:1"));
    scene.run_ok("annotate --clear annotation.k --clear subject @dst/app:1");
    let list = raw(&scene, "@dst/app:1");
    assert_eq!((&list["annotations"], list.get("subject")), (&json!({"l": "w"}), None));
    scene.run_ok("annotate --clear annotations --clear artifact-type --annotation n=y @dst/app:1");
    let list = raw(&scene, "@dst/app:1");
    assert_eq!((&list["annotations"], list.get("artifactType")), (&json!({"n": "y"}), None));
    scene.run_ok("create --amend --annotation o=z @dst/app:1 @t/app:arm64");
    assert_eq!(raw(&scene, "@dst/app:1")["annotations"], json!({"n": "y", "o": "z"}));
}

#[test]
fn annotations_of_a_source_list_are_kept_until_they_are_cleared() {
    let scene = Scene::new();
    scene.run_ok("create --push --annotation k=v --annotation l=w @t/list:1 @t/app:amd64 @t/app:arm64");
    scene.run_ok("create --annotation l=x @dst/app:1 @t/list:1");
    assert_eq!(raw(&scene, "@dst/app:1")["annotations"], json!({"k": "v", "l": "x"}));
    scene.run_ok("annotate --clear annotation.k @dst/app:1");
    assert_eq!(raw(&scene, "@dst/app:1")["annotations"], json!({"l": "x"}));
    // What is cleared on purpose is no loss.
    assert_eq!(scene.run("push --strict @dst/app:1").stderr, "");
}

#[test]
fn docker_reads_a_draft_that_says_something_about_itself() {
    let Some(docker) = docker() else { return };
    let scene = Scene::new();
    scene.run_ok(&format!("create {ALL} @dst/app:1 @t/app:amd64 @t/app:arm64"));
    scene.run_ok("annotate --annotation another=one @dst/app:1");
    let shown: Value = serde_json::from_str(&scene.docker(&docker, "inspect @dst/app:1").success()).expect("JSON");
    assert_eq!(digests(&shown), [amd64().digest(), arm64().digest()]);
}

#[test]
fn a_docker_list_with_what_only_an_index_can_say_is_refused() {
    let scene = Scene::new();
    scene.registry.put_image("t/app", "docker", &Sample::docker("linux/amd64"));
    let said = scene.run_err_unchanged("create --media-type docker @dst/app:1 @t/app:amd64");
    assert!(said.contains("cannot be a docker manifest list") && said.contains("is an OCI image"), "{said}");
    let said = scene.run_err_unchanged("create --media-type docker --annotation k=v @dst/app:1 @t/app:docker");
    assert!(said.contains("a docker manifest list has no annotations"), "{said}");
    scene.run_ok("create --media-type docker @dst/app:1 @t/app:docker");
    for change in ["--annotation k=v", "--artifact-type x", "--subject @t/app:amd64"] {
        let said = scene.run_err_unchanged(&format!("annotate {change} @dst/app:1"));
        assert!(said.contains("needs to be an OCI index"), "{said}");
    }
    scene.run_ok("annotate --media-type oci @dst/app:1");
    assert_eq!(raw(&scene, "@dst/app:1")["mediaType"], OCI_INDEX);
    scene.run_ok("annotate --media-type auto @dst/app:1");
    assert_eq!(raw(&scene, "@dst/app:1")["mediaType"], DOCKER_LIST);
}

#[test]
fn a_selector_that_selects_nothing_is_an_error() {
    let scene = Scene::with_list();
    let said = scene.run_err_unchanged("annotate --annotation linux/s390x:k=v @t/app:v1");
    assert_eq!(said, "no entry of the list is linux/s390x\n");
    let by_digest = format!("--annotation {}:k=v", arm64().digest());
    scene.run_ok(&format!("annotate {by_digest} @t/app:v1"));
    assert_eq!(raw(&scene, "@t/app:v1")["manifests"][1]["annotations"], json!({"k": "v"}));
}

#[test]
fn d20_an_entry_may_be_a_platform_or_a_digest() {
    let scene = Scene::with_list();
    scene.run_ok("annotate --variant v8 @t/app:v1 linux/arm64");
    scene.run_ok(&format!("annotate --platform linux/arm/v7 @t/app:v1 {}", amd64().digest()));
    let list = raw(&scene, "@t/app:v1");
    let platform = |number: usize| list["manifests"][number]["platform"].clone();
    assert_eq!(platform(0), json!({"architecture": "arm", "os": "linux", "variant": "v7"}));
    assert_eq!(platform(1), json!({"architecture": "arm64", "os": "linux", "variant": "v8"}));
    let shown: Value = serde_json::from_str(&scene.run_ok("inspect @t/app:v1 linux/arm/v7")).expect("JSON");
    assert_eq!(shown["config"]["digest"], amd64().blob_digests()[0], "the image of this platform");
    scene.run_ok("annotate --platform linux/arm64 @t/app:v1 linux/arm64");
    assert_eq!(raw(&scene, "@t/app:v1")["manifests"][1]["platform"], json!({"architecture": "arm64", "os": "linux"}));
    let said = scene.run_err_unchanged("annotate --variant v8 @t/app:v1 linux/s390x");
    let list = scene.name("t/app:v1");
    assert_eq!(first_line(&said), format!("manifest for image linux/s390x does not exist in {list}"));
}

#[test]
fn an_entry_that_may_be_several_is_an_error() {
    let scene = Scene::new();
    for variant in ["v6", "v7"] {
        scene.registry.put_image("t/arm", variant, &Sample::oci(&format!("linux/arm/{variant}")));
    }
    scene.create("t/app:v1", &["t/arm:v6", "t/arm:v7"]);
    let said = scene.run_err_unchanged("annotate --annotation k=v @t/app:v1 linux/arm");
    assert!(said.starts_with("linux/arm may be any of "), "{said}");
    scene.run_ok("annotate --annotation k=v @t/app:v1 linux/arm/v7");
}

#[test]
fn flags_about_a_list_and_flags_about_an_image_exclude_each_other() {
    let scene = Scene::with_list();
    for line in ["annotate @t/app:v1", "annotate --os linux @t/app:v1", "annotate --clear variant @t/app:v1"] {
        assert!(scene.run_err_unchanged(line).contains("'mfst annotate' requires 2 arguments"), "{line}");
    }
    for flags in
        ["--media-type oci", "--subject @t/app:amd64", "--artifact-type x", "--annotation index:k=v", "--clear subject"]
    {
        assert!(
            scene.run_err_unchanged(&format!("annotate {flags} @t/app:v1 @t/app:amd64")).contains("without MANIFEST"),
            "{flags}"
        );
    }
    let said = scene.run_err_unchanged("annotate --platform linux/arm --variant v7 @t/app:v1 @t/app:amd64");
    assert!(said.contains("--platform cannot be combined"), "{said}");
}

#[test]
fn the_platform_of_a_source_may_be_stated() {
    let scene = Scene::new();
    scene.run_ok("create @dst/app:1 @t/app:amd64 @t/app:arm64=linux/aarch64/v8");
    let platform = || raw(&scene, "@dst/app:1")["manifests"][1]["platform"].clone();
    assert_eq!(platform(), json!({"architecture": "arm64", "os": "linux", "variant": "v8"}));
    scene.run_ok("create --amend @dst/app:1 @t/app:arm64=linux/arm/v7");
    assert_eq!(platform(), json!({"architecture": "arm", "os": "linux", "variant": "v7"}));
    // It has been said by the user, so it outlives another look at the image.
    scene.run_ok("create --amend @dst/app:1 @t/app:arm64");
    assert_eq!(platform(), json!({"architecture": "arm", "os": "linux", "variant": "v7"}));
    Build::of(&["linux/amd64"]).put(&scene.registry, "t/build", "1");
    let said = scene.run_err_unchanged("create @dst/app:2 @t/build:1=linux/arm64");
    assert!(said.contains("t/build:1 is a manifest list; its images have platforms of their own"), "{said}");
    let said = scene.run_err_unchanged("create @dst/app:2 @t/app:amd64=linux");
    assert!(said.contains("\"linux\" is not a platform"), "{said}");
}

#[test]
fn a_pattern_names_every_tag_that_matches() {
    let scene = Scene::new();
    for (tag, platform) in [("1.0-amd64", "linux/amd64"), ("1.0-arm7", "linux/arm/v7"), ("2.0-386", "linux/386")] {
        scene.registry.put_image("p/app", tag, &Sample::oci(platform));
    }
    scene.run_ok("create @p/app:1.0 @p/app:1.0-*");
    assert_eq!(digests(&raw(&scene, "@p/app:1.0")).len(), 2);
    scene.run_ok("create --push @p/app:all @p/app:?.0-* @t/app:arm64");
    assert_eq!(digests(&scene.pushed("p/app", "all")).len(), 4);
    // The list itself is none of its sources.
    scene.run_ok("create --push @p/app:all @p/app:*");
    assert_eq!(digests(&scene.pushed("p/app", "all")).len(), 3);
    for (pattern, said) in [("@p/app:3.*", "matches 3.*"), ("@none/app:*", "matches *")] {
        let error = scene.run_err_unchanged(&format!("create @p/app:x {pattern}"));
        assert!(error.starts_with("no tag of ") && error.trim_end().ends_with(said), "{error}");
    }
    assert!(scene.run_err_unchanged("create @p/app:x @p/a*:1").contains("* and ? may be in the tag only"));
}

#[test]
fn images_that_do_not_exist_yet_are_waited_for() {
    let scene = Scene::new();
    let unknown = r#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#;
    scene.registry.fault(Fault::on("GET", "/v2/t/app/manifests/arm64").times(2).answer(404, unknown));
    scene.run_ok("create --wait 1m @dst/app:1 @t/app:amd64 @t/app:arm64");
    assert_eq!(digests(&raw(&scene, "@dst/app:1")).len(), 2);
    let said = scene.run_err_unchanged("create --wait 1s @dst/app:2 @t/app:amd64 @t/app:none");
    assert_eq!(said, format!("no such manifest: {}\n", scene.name("t/app:none")));
}

#[test]
fn images_that_do_not_exist_are_left_out_on_request() {
    let scene = Scene::new();
    let ran = scene.run("create --ignore-missing @dst/app:1 @t/app:amd64 @t/app:none");
    assert_eq!(ran.stderr, format!("warning: {} does not exist and is left out\n", scene.name("t/app:none")));
    assert_eq!(digests(&raw(&scene, "@dst/app:1")), [amd64().digest()]);
    scene.run_ok("create --push --ignore-missing @dst/app:1 @t/app:amd64 @t/app:none");
    assert_eq!(digests(&scene.pushed("dst/app", "1")), [amd64().digest()]);
    let said = scene.run_err_unchanged("create --ignore-missing @dst/app:2 @t/app:none @t/none:1");
    let [one, two] = ["t/app:none", "t/none:1"].map(|name| scene.name(name));
    assert_eq!(said, format!("none of the images exists: {one}, {two}\n"));
    scene.run_err_unchanged("create --strict --ignore-missing @dst/app:2 @t/app:amd64 @t/app:none");
    scene.registry.fault(Fault::on("GET", "/v2/t/app/manifests/arm64").always().answer(403, ""));
    assert!(scene.run_err_unchanged("create --ignore-missing @dst/app:2 @t/app:amd64 @t/app:arm64").contains("403"));
}
