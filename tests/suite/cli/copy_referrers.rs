//! `mfst copy --referrers`: signatures, SBOMs and attestations are copied with an image.

use mfst_testkit::buildx::Build;
use mfst_testkit::docker_registry::{DockerRegistry, Registry as _};
use mfst_testkit::embedded::Embedded;
use mfst_testkit::faults::Fault;
use mfst_testkit::sample::{OCI_INDEX, OCI_MANIFEST, digest, index};
use mfst_testkit::scene::{Scene, amd64};
use mfst_testkit::strace::{Scope, Strace};
use mfst_testkit::wire;
use serde_json::{Value, json};

use crate::cli::copy::{has_build, scene};
use crate::cli::layouts::with_image;

const SBOM: &str = "application/spdx+json";

/// A manifest about another one, and its blobs.
struct About {
    manifest: Vec<u8>,
    blobs: [Vec<u8>; 2],
}

impl About {
    fn new(subject: Option<(&str, usize)>, content: &str) -> Self {
        let blobs = [b"{}".to_vec(), content.as_bytes().to_vec()];
        let [config, layer] = blobs.each_ref().map(|blob| json!({"digest": digest(blob), "size": blob.len()}));
        let describe = |mut value: Value, media_type: &str| {
            value["mediaType"] = media_type.into();
            value
        };
        let mut manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": SBOM,
            "config": describe(config, "application/vnd.oci.empty.v1+json"),
            "layers": [describe(layer, SBOM)],
            "annotations": {"about": content},
        });
        if let Some((subject, size)) = subject {
            manifest["subject"] = json!({"mediaType": OCI_INDEX, "digest": subject, "size": size});
        }
        Self { manifest: manifest.to_string().into_bytes(), blobs }
    }

    fn digest(&self) -> String {
        digest(&self.manifest)
    }

    /// Stores it and lists it under the fallback tag of its subject.
    fn put(&self, registry: &Embedded, repo: &str, tag: Option<&str>) {
        for blob in &self.blobs {
            registry.put_blob(repo, blob);
        }
        registry.put_manifest(repo, tag.unwrap_or(&self.digest()), OCI_MANIFEST, &self.manifest);
    }

    fn entry(&self) -> Value {
        json!({"mediaType": OCI_MANIFEST, "digest": self.digest(), "size": self.manifest.len(), "artifactType": SBOM})
    }
}

fn tag_of(digest: &str) -> String {
    digest.replacen(':', "-", 1)
}

/// A build at `%src/app:1` with an SBOM, a signature of the SBOM, and a cosign signature of its first image, in a
/// registry without the referrers API.
fn signed() -> (Scene, Build, [About; 3]) {
    let (scene, build) = scene();
    let other = scene.other();
    other.fault(Fault::on("GET", "/referrers/").always().answer(404, ""));
    let sbom = About::new(Some((&build.digest(), build.index().len())), "sbom");
    let signature = About::new(Some((&sbom.digest(), sbom.manifest.len())), "signature");
    let cosign = About::new(None, "cosign");
    sbom.put(other, "src/app", None);
    signature.put(other, "src/app", None);
    cosign.put(other, "src/app", Some(&format!("{}.sig", tag_of(&build.images()[0].digest()))));
    for (subject, about) in [(build.digest(), &sbom), (sbom.digest(), &signature)] {
        other.put_manifest("src/app", &tag_of(&subject), OCI_INDEX, &index(OCI_INDEX, &[about.entry()]));
    }
    (scene, build, [sbom, signature, cosign])
}

/// What the API of the first registry lists about a manifest.
fn listed(scene: &Scene, repo: &str, subject: &str) -> Vec<String> {
    let target = wire::Target { host: scene.registry.host(), authorization: None };
    let answer =
        wire::request(&target, "GET", &format!("/v2/{repo}/referrers/{subject}"), &[], &[]).expect("an answer");
    let list: Value = serde_json::from_slice(&answer.body).expect("JSON");
    mfst_testkit::scene::digests(&list).into_iter().map(String::from).collect()
}

#[track_caller]
fn has_all(scene: &Scene, repo: &str, build: &Build, about: &[About; 3]) {
    has_build(scene, repo, "v1", build);
    let [sbom, signature, cosign] = about;
    for (reference, about) in [
        (sbom.digest(), sbom),
        (signature.digest(), signature),
        (format!("{}.sig", tag_of(&build.images()[0].digest())), cosign),
    ] {
        assert_eq!(scene.registry.manifest(repo, &reference).expect(&reference).1, about.manifest);
        for blob in &about.blobs {
            assert!(scene.registry.has_blob(repo, &digest(blob)));
        }
    }
}

#[test]
fn referrers_are_copied_before_the_tag_is_put() {
    let (scene, build, about) = signed();
    scene.run_ok("copy --referrers %src/app:1 @dst/app:v1");
    has_all(&scene, "dst/app", &build, &about);
    assert_eq!(listed(&scene, "dst/app", &build.digest()), [about[0].digest()]);
    assert_eq!(listed(&scene, "dst/app", &about[0].digest()), [about[1].digest()]);
    let writes = scene.registry.log().writes();
    assert!(writes.last().expect("a write").contains("/manifests/v1"), "{writes:?}");
    assert_eq!(scene.registry.manifest("dst/app", &tag_of(&build.digest())), None, "the registry lists it itself");
}

#[test]
fn without_the_flag_referrers_are_not_copied() {
    let (scene, build, about) = signed();
    scene.run_ok("copy %src/app:1 @dst/app:v1");
    has_build(&scene, "dst/app", "v1", &build);
    assert_eq!(scene.registry.manifest("dst/app", &about[0].digest()), None);
    assert_eq!(scene.other().log().count("* */referrers/*"), 0);
}

#[test]
fn the_referrers_api_is_asked_where_there_is_one() {
    let (scene, build, about) = signed();
    scene.run_ok("copy --referrers %src/app:1 @src/app:v1");
    scene.registry.log().clear();
    scene.run_ok("copy --referrers @src/app:v1 @dst/app:v1");
    has_all(&scene, "dst/app", &build, &about);
    assert!(scene.registry.log().count("GET /v2/src/app/referrers/* 200") > 0);
}

#[test]
fn registries_without_the_api_get_a_list_under_the_fallback_tag() {
    let (scene, build, about) = signed();
    scene.registry.fault(Fault::on("GET", "/referrers/").always().answer(404, ""));
    let older = About::new(None, "older");
    older.put(&scene.registry, "dst/app", None);
    let fallback = tag_of(&build.digest());
    scene.registry.put_manifest("dst/app", &fallback, OCI_INDEX, &index(OCI_INDEX, &[older.entry()]));
    for _ in 0..2 {
        scene.run_ok("copy --referrers %src/app:1 @dst/app:v1");
        let list = scene.pushed("dst/app", &fallback);
        assert_eq!(mfst_testkit::scene::digests(&list), [older.digest(), about[0].digest()]);
        assert_eq!(list["manifests"][1]["artifactType"], SBOM);
        assert_eq!(list["manifests"][1]["annotations"], json!({"about": "sbom"}));
    }
    has_all(&scene, "dst/app", &build, &about);
}

#[test]
fn a_list_with_attestations_and_referrers_goes_through_an_archive_with_every_digest_equal() {
    for layout in ["oci-archive:app.tar", "oci:layout"] {
        let (scene, build, about) = signed();
        scene.run_ok(&format!("copy --referrers %src/app:1 {layout}"));
        scene.run_ok(&format!("copy --referrers {layout} @dst/app:v1"));
        has_all(&scene, "dst/app", &build, &about);
        assert_eq!(listed(&scene, "dst/app", &build.digest()), [about[0].digest()]);
        for copy in [layout, "@dst/app:v1"] {
            assert_eq!(scene.run_ok(&format!("digest {copy}")), build.digest() + "\n");
            scene.run_ok(&format!("verify {copy}"));
            scene.run_ok(&format!("diff %src/app:1 {copy}"));
            let tree = scene.run_ok(&format!("show --referrers --format json {copy}"));
            assert!(tree.contains(&about[0].digest()), "{tree}");
        }
    }
}

#[test]
fn docker_registry_gets_referrers_under_the_fallback_tag() {
    let Some(registry) = DockerRegistry::available(false) else { return };
    let (scene, build, about) = signed();
    let target = registry.target();
    scene.run_ok(&format!("copy --referrers %src/app:1 {}/dst/app:v1", target.host));
    let (_, list) = wire::get_manifest(target, "dst/app", &tag_of(&build.digest())).expect("the list of referrers");
    let list: Value = serde_json::from_slice(&list).expect("JSON");
    assert_eq!(mfst_testkit::scene::digests(&list), [about[0].digest()]);
    assert_eq!(digest(&wire::get_manifest(target, "dst/app", "v1").expect("the list").1), build.digest());
    // And from there on.
    scene.run_ok(&format!("copy --referrers {}/dst/app:v1 @dst/app:v1", target.host));
    has_all(&scene, "dst/app", &build, &about);
}

#[test]
fn a_manifest_with_a_subject_is_listed_without_the_flag_too() {
    let (scene, _, about) = signed();
    scene.registry.fault(Fault::on("GET", "/referrers/").always().answer(404, ""));
    scene.run_ok(&format!("copy %src/app@{} @dst/app:sbom", about[0].digest()));
    let subject: Value = serde_json::from_slice(&about[0].manifest).expect("JSON");
    let subject = subject["subject"]["digest"].as_str().expect("a digest");
    assert_eq!(mfst_testkit::scene::digests(&scene.pushed("dst/app", &tag_of(subject))), [about[0].digest()]);
    assert_eq!(scene.registry.manifest("dst/app", &amd64().digest()), None);
}

#[test]
fn a_layout_with_many_referrers_is_read_once() {
    const REFERRERS: usize = 300;
    let Some(strace) = Strace::find() else { return };
    let scene = Scene::new();
    let layout = std::path::PathBuf::from(with_image(&scene, "v1", &amd64()));
    let path = layout.join("index.json");
    let mut index: Value = serde_json::from_slice(&std::fs::read(&path).expect("a file")).expect("JSON");
    let put = |bytes: &[u8]| {
        std::fs::write(layout.join("blobs/sha256").join(&digest(bytes)["sha256:".len()..]), bytes).expect("a blob");
    };
    let entries = index["manifests"].as_array_mut().expect("entries");
    for number in 0..REFERRERS {
        let subject = amd64();
        let about = About::new(Some((&subject.digest(), subject.manifest().len())), &number.to_string());
        about.blobs.iter().for_each(|blob| put(blob));
        put(&about.manifest);
        entries.push(about.entry());
    }
    std::fs::write(&path, index.to_string()).expect("a file");
    let words = scene.words("copy --dry-run --referrers oci:layout:v1 @dst/app:v1");
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (copied, calls) = strace.trace(&scene.home, &words, Scope::All);
    copied.success();
    let opened = calls.iter().filter(|call| call.name == "openat" && call.text.contains("layout/blobs")).count();
    // Each manifest once for what it refers to and once to be copied.
    assert!((2 * REFERRERS..3 * REFERRERS).contains(&opened), "{opened}");
}

#[test]
fn tags_of_referrers_are_no_images_with_platforms() {
    let (scene, build) = scene();
    let sbom = About::new(Some((&build.digest(), build.index().len())), "sbom");
    sbom.put(scene.other(), "src/app", None);
    let fallback = tag_of(&build.digest());
    scene.other().put_manifest("src/app", &fallback, OCI_INDEX, &index(OCI_INDEX, &[sbom.entry()]));
    let signature = fallback.clone() + ".sig";
    About::new(None, "signature").put(scene.other(), "src/app", Some(&signature));
    for flags in ["--platform linux/amd64", "--require-platform linux/amd64"] {
        scene.run_ok(&format!("copy -a {flags} %src/app @dst/app"));
        assert_eq!(scene.run_ok("tags @dst/app"), "1\n");
    }
    scene.run_ok("copy -a --referrers --require-platform linux/amd64 %src/app @with/app");
    assert!(scene.run_ok("tags @with/app").contains(&signature));
}
