//! OCI layouts in directories: what `copy` writes and what `create` and `copy` read.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use mfst_testkit::faults::Fault;
use mfst_testkit::installed::{buildah, podman, skopeo};
use mfst_testkit::sandbox::CommandOutput;
use mfst_testkit::scene::{Scene, amd64, arm64, digests};
use serde_json::{Value, json};

use crate::cli::copy::{has_build, scene};
use crate::cli::layouts::{check_layout, with_image};
use crate::cli::process::spawn;

fn layout(scene: &Scene) -> PathBuf {
    scene.home.home().join("layout")
}

fn blob(scene: &Scene, digest: &str) -> PathBuf {
    layout(scene).join("blobs").join(digest.replacen(':', "/", 1))
}

fn index(layout: &Path) -> Value {
    serde_json::from_slice(&fs::read(layout.join("index.json")).expect("the index")).expect("JSON")
}

/// Runs another tool in the scene's home.
#[track_caller]
fn run(scene: &Scene, tool: &Path, line: &str) -> String {
    scene.home.write_config("{}");
    let args = scene.words(line);
    CommandOutput::of(&mut scene.home.program(tool, &args)).success()
}

/// The flags that keep podman's and buildah's storage inside the home.
fn storage(scene: &Scene) -> String {
    let home = scene.home.home().display();
    format!("--root {home}/storage --runroot {home}/run --storage-driver vfs")
}

#[test]
fn a_layout_has_everything_once_and_the_tag() {
    let (scene, build) = scene();
    scene.run_ok("copy %src/app:1 oci:layout:v1");
    let mut expected = BTreeSet::from([build.digest()]);
    for leaf in build.leaves() {
        expected.insert(leaf.digest());
        expected.extend(leaf.blob_digests());
    }
    assert_eq!(check_layout(&layout(&scene)), expected);
    let marker: Value =
        serde_json::from_slice(&fs::read(layout(&scene).join("oci-layout")).expect("a file")).expect("JSON");
    assert_eq!(marker, json!({"imageLayoutVersion": "1.0.0"}));
    assert_eq!(
        index(&layout(&scene))["manifests"][0]["annotations"],
        json!({"org.opencontainers.image.ref.name": "v1"})
    );
    let files: BTreeSet<_> =
        fs::read_dir(layout(&scene)).expect("a directory").flatten().map(|it| it.file_name()).collect();
    assert_eq!(files, ["blobs", "index.json", "oci-layout"].map(Into::into).into());
}

#[test]
fn a_tag_is_moved_and_unknown_fields_of_the_index_stay() {
    let (scene, _) = scene();
    scene.run_ok("copy @t/app:amd64 oci:layout:one");
    let mut old = index(&layout(&scene));
    old["annotations"] = json!({"their": "own"});
    old["manifests"][0]["platform"] = json!({"architecture": "amd64", "os": "linux"});
    fs::write(layout(&scene).join("index.json"), old.to_string()).expect("a file");
    scene.run_ok("copy @t/app:amd64 oci:layout:two");
    scene.run_ok("copy @t/app:arm64 oci:layout:two");
    let new = index(&layout(&scene));
    assert_eq!(new["annotations"], old["annotations"]);
    assert_eq!(new["manifests"][0], old["manifests"][0]);
    assert_eq!(digests(&new), [amd64().digest(), arm64().digest()]);
}

#[test]
fn two_writers_at_once_do_no_harm() {
    let (scene, build) = scene();
    let mut children: Vec<_> = (0..6).map(|n| spawn(&scene, &format!("copy %src/app:1 oci:layout:v{n}"))).collect();
    for child in &mut children {
        assert!(child.wait().expect("an end").success());
    }
    let mut tags = index(&layout(&scene))["manifests"].as_array().expect("entries").len();
    assert_eq!(tags, 6);
    check_layout(&layout(&scene));
    while tags > 0 {
        tags -= 1;
        scene.run_ok(&format!("copy oci:layout:v{tags} @dst/app:v{tags}"));
        has_build(&scene, "dst/app", &format!("v{tags}"), &build);
    }
}

#[test]
fn a_copy_into_a_layout_continues_with_what_is_missing() {
    let (scene, build) = scene();
    let last = build.attestations()[1].blob_digests()[1].clone();
    scene.other().fault(Fault::on("GET", &last).answer(403, ""));
    scene.run("copy --jobs 1 %src/app:1 oci:layout").failure(1);
    assert!(!layout(&scene).join("index.json").exists());
    scene.other().log().clear();
    scene.run_ok("copy %src/app:1 oci:layout");
    let log = scene.other().log();
    assert_eq!(
        (log.count("GET */blobs/*"), log.count(&format!("GET */blobs/{last} 200"))),
        (1, 1),
        "{:?}",
        log.lines()
    );
    check_layout(&layout(&scene));
}

#[test]
fn a_layout_is_a_source_of_create_and_its_blobs_are_uploaded() {
    let (scene, _) = scene();
    scene.run_ok("copy @t/app:amd64 oci:layout:amd64");
    scene.run_ok("copy @t/app:arm64 oci:layout:arm64");
    scene.run_ok("create --push @one/app:v1 oci:layout:amd64 oci:layout:arm64");
    scene.run_ok("create @two/app:v1 oci:layout:amd64 oci:layout:arm64");
    // From wherever it is pushed.
    let elsewhere = scene.home.home().join("elsewhere");
    fs::create_dir(&elsewhere).expect("a directory");
    let args = scene.words("push @two/app:v1");
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    CommandOutput::of(scene.home.command(&args).current_dir(elsewhere)).success();
    for repo in ["one/app", "two/app"] {
        let list = scene.pushed(repo, "v1");
        assert_eq!(digests(&list), [amd64().digest(), arm64().digest()]);
        for image in [amd64(), arm64()] {
            assert_eq!(scene.registry.manifest(repo, &image.digest()).expect("the image").1, image.manifest());
            assert!(image.blob_digests().iter().all(|blob| scene.registry.has_blob(repo, blob)));
        }
    }
}

#[test]
fn a_list_in_a_layout_is_created_byte_for_byte() {
    let (scene, build) = scene();
    scene.run_ok("copy %src/app:1 oci:layout:v1");
    scene.run_ok("create @one/app:v1 oci:layout:v1");
    scene.run_ok("push @one/app:v1");
    has_build(&scene, "one/app", "v1", &build);
}

#[test]
fn blobs_that_are_not_what_they_should_be_go_nowhere() {
    let layer = amd64().blob_digests()[1].clone();
    let (scene, _) = scene();
    scene.run_ok("copy @t/app:amd64 oci:layout:v1");
    let path = blob(&scene, &layer);
    let content = fs::read(&path).expect("the layer");
    let mut wrong = content.clone();
    wrong[20] ^= 1;
    fs::write(&path, &wrong).expect("a file");
    let said = scene.run_err_unchanged("copy oci:layout:v1 @dst/app:v1");
    assert!(said.contains(&layer), "{said}");
    fs::write(&path, &content[1..]).expect("a file");
    scene.run_err_unchanged("copy oci:layout:v1 @dst/app:v1");
    // A link to a file with other content.
    let outside = scene.home.home().join("outside");
    fs::write(&outside, &wrong).expect("a file");
    fs::remove_file(&path).expect("a file to remove");
    symlink(&outside, &path).expect("a link");
    scene.run_err_unchanged("copy oci:layout:v1 @dst/app:v1");
    assert!(!scene.registry.has_blob("dst/app", &layer) && scene.registry.manifest("dst/app", "v1").is_none());
    // The layouts of some build tools consist of links.
    fs::write(&outside, &content).expect("a file");
    scene.run_ok("copy oci:layout:v1 @dst/app:v1");
    assert!(scene.registry.has_blob("dst/app", &layer));
}

#[test]
fn a_missing_tag_is_an_error_that_lists_the_tags_of_the_layout() {
    let scene = Scene::new();
    scene.run_ok("copy @t/app:amd64 oci:layout:one");
    scene.run_ok("copy @t/app:arm64 oci:layout:two");
    for line in ["copy oci:layout:three @dst/app:v1", "copy oci:layout @dst/app:v1"] {
        let said = scene.run_err_unchanged(line);
        assert!(said.contains("one, two"), "{said}");
    }
    let said = scene.run_err_unchanged("copy oci:nowhere @dst/app:v1");
    assert!(said.contains("nowhere"), "{said}");
}

#[test]
fn skopeo_podman_and_buildah_read_what_was_written() {
    let (Some(skopeo), Some(podman), Some(buildah)) = (skopeo(), podman(), buildah()) else { return };
    let (scene, build) = scene();
    scene.run_ok("copy %src/app:1 oci:layout:v1 oci-archive:app.tar:v1");
    scene.run_ok("copy @t/app:amd64 oci:single:v1");
    for source in ["oci:layout:v1", "oci-archive:app.tar:v1"] {
        let copy = "copy --insecure-policy --all --preserve-digests --dest-tls-verify=false";
        run(
            &scene,
            &skopeo,
            &format!("{copy} {source} docker://@dst/app:v1")
                .replace("docker://@", &format!("docker://{}/", scene.registry.host())),
        );
        has_build(&scene, "dst/app", "v1", &build);
        scene.registry.remove_manifest("dst/app", "v1");
    }
    let home = scene.home.home().display().to_string();
    let config = amd64().blob_digests()[0]["sha256:".len()..].to_owned();
    // The layers of the samples are not tar files, so nothing is unpacked: the transports are what is tested.
    let inspected = run(&scene, &skopeo, &format!("inspect --config oci:{home}/single:v1"));
    assert!(inspected.contains("amd64"), "{inspected}");
    for tool in [&podman, &buildah] {
        let line = format!("{} manifest create list", storage(&scene));
        run(&scene, tool, &line);
        run(&scene, tool, &format!("{} manifest add list oci:{home}/single:v1", storage(&scene)));
        let list = run(&scene, tool, &format!("{} manifest inspect list", storage(&scene)));
        assert!(list.contains(&amd64().digest()), "{list} {config}");
        run(&scene, tool, &format!("{} manifest rm list", storage(&scene)));
    }
}

#[test]
fn what_skopeo_and_buildah_wrote_is_read() {
    let (Some(skopeo), Some(buildah)) = (skopeo(), buildah()) else { return };
    let (scene, build) = scene();
    let source = scene.other().image("src/app:1");
    let copy = "copy --insecure-policy --all --preserve-digests --src-tls-verify=false";
    for (n, layout) in ["oci:layout:v1", "oci-archive:app.tar:v1", "oci-archive:untagged.tar"].iter().enumerate() {
        run(&scene, &skopeo, &format!("{copy} docker://{source} {layout}"));
        scene.run_ok(&format!("copy {layout} @dst/app:v{n}"));
        has_build(&scene, "dst/app", &format!("v{n}"), &build);
    }
    let container = run(&scene, &buildah, &format!("{} from scratch", storage(&scene)));
    for layout in ["oci:built:v1", "oci-archive:built.tar:v1"] {
        run(&scene, &buildah, &format!("{} commit {} {layout}", storage(&scene), container.trim()));
        scene.run_ok(&format!("copy {layout} @built/app:v1"));
        let manifest = scene.pushed("built/app", "v1");
        let config = manifest["config"]["digest"].as_str().expect("a digest");
        assert!(scene.registry.has_blob("built/app", config));
    }
}

#[test]
fn a_damaged_manifest_in_a_layout_is_replaced() {
    let (scene, _) = scene();
    scene.run_ok("copy @t/app:amd64 oci:layout:v1");
    let path = blob(&scene, &amd64().digest());
    let mut damaged = fs::read(&path).expect("the manifest");
    damaged[20] ^= 1;
    fs::write(&path, &damaged).expect("a file");
    scene.run_ok("copy @t/app:amd64 oci:layout:v1");
    check_layout(&layout(&scene));
}

/// podman and skopeo write full names.
#[test]
fn an_image_whose_tag_is_a_full_name_is_found() {
    let scene = Scene::new();
    with_image(&scene, "localhost:35375/pd:1", &amd64());
    assert_eq!(scene.run_ok("tags oci:layout"), "localhost:35375/pd:1\n");
    let digest = amd64().digest() + "\n";
    assert_eq!(scene.run_ok("digest oci:layout:localhost:35375/pd:1"), digest);
    scene.run("digest oci:layout:localhost:35375/pd:2").failure(1);
    scene.run_ok("create --push @dst/app:v1 oci:layout:localhost:35375/pd:1");
    assert!(scene.registry.manifest("dst/app", &amd64().digest()).is_some());
    scene.run_ok("copy oci:layout:localhost:35375/pd:1 oci-archive:app.tar");
    assert_eq!(scene.run_ok("digest oci-archive:app.tar:localhost:35375/pd:1"), digest);
    scene.run_ok("copy @t/app:arm64 oci:layout:localhost/app:1.0");
    assert_eq!(scene.run_ok("tags oci:layout"), "localhost:35375/pd:1\nlocalhost/app:1.0\n");
}

#[test]
fn what_skopeo_writes_under_a_full_name_is_read_and_the_other_way_round() {
    let Some(skopeo) = skopeo() else { return };
    let (scene, build) = scene();
    let source = scene.other().image("src/app:1");
    let copy = "copy --insecure-policy --all --preserve-digests --src-tls-verify=false";
    run(&scene, &skopeo, &format!("{copy} docker://{source} oci:layout:localhost/app:1.0"));
    scene.run_ok("copy oci:layout:localhost/app:1.0 oci:layout:localhost:5000/app:2.0");
    run(&scene, &skopeo, &format!("{copy} oci:layout:localhost:5000/app:2.0 oci:other:1"));
    scene.run_ok("copy oci:other:1 @dst/app:v1");
    has_build(&scene, "dst/app", "v1", &build);
}

#[test]
fn a_tag_that_a_registry_does_not_accept_stops_a_copy_of_all_tags_before_it_begins() {
    let scene = Scene::new();
    with_image(&scene, "localhost/app:1.0", &amd64());
    scene.run_ok("copy @t/app:arm64 oci:layout:fine");
    scene.registry.log().clear();
    let said = scene.run_err_unchanged("copy --all-tags oci:layout @dst/app");
    assert!(said.contains("dst/app: \"localhost/app:1.0\" is not a valid tag"), "{said}");
    assert_eq!(scene.registry.log().writes(), [""; 0]);
    scene.run_ok("copy --all-tags oci:layout oci:other");
    assert_eq!(scene.run_ok("tags oci:other"), "localhost/app:1.0\nfine\n");
}

#[test]
fn a_tag_that_no_other_tool_reads_is_not_written() {
    let scene = Scene::new();
    let copies: [&[&str]; 3] = [
        &["copy", "IMAGE", "oci:layout:a b"],
        &["copy", "IMAGE", "oci-archive:app.tar:-1.0"],
        &["copy", "--tag", "a b", "IMAGE", "oci:layout:1"],
    ];
    for line in copies {
        let image = scene.name("t/app:amd64");
        let args: Vec<&str> = line.iter().map(|word| if *word == "IMAGE" { image.as_str() } else { word }).collect();
        let said = CommandOutput::of(&mut scene.home.command(&args)).failure(1);
        assert!(said.contains("is not a valid tag"), "{line:?}: {said}");
        assert!(!layout(&scene).exists() && !scene.home.home().join("app.tar").exists());
    }
}
