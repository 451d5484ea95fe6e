//! Sources that are indexes: what every build with buildx, and with Docker 29, leaves in a registry.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use mfst_testkit::build::Build;
use mfst_testkit::sample::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Sample, digest, index};
use mfst_testkit::sandbox::file_name;
use mfst_testkit::scene::{Scene, amd64, arm64, digests, first};

/// A build for two platforms at `t/multi:1`.
fn built(scene: &Scene) -> Build {
    let build = Build::of(&["linux/amd64", "linux/arm/v7"]);
    build.put(&scene.registry, "t/multi", "1");
    scene.registry.log().clear();
    build
}

/// The entries of a list that is built from these sources: each source in its own order, images first.
fn expected(sources: &[&Build]) -> Vec<Value> {
    let mut entries: Vec<Value> = sources.iter().flat_map(|build| build.entries()).collect();
    entries.sort_by_key(|entry| entry["annotations"].is_object());
    entries
}

fn files(scene: &Scene, list: &str) -> BTreeSet<String> {
    let files = fs::read_dir(scene.home.list(&scene.name(list))).expect("the list");
    files.map(|file| file.expect("a file").file_name().into_string().expect("UTF-8")).collect()
}

#[test]
fn d1_an_index_is_taken_by_tag_by_digest_and_by_both_for_what_it_refers_to() {
    let scene = Scene::new();
    let build = built(&scene);
    let digest = build.digest();
    for (source, name) in [
        ("t/multi:1".to_owned(), "t/multi:1"),
        (format!("t/multi@{digest}"), "t/multi"),
        (format!("t/multi:1@{digest}"), "t/multi:1"),
    ] {
        scene.run("rm @t/multi:all");
        let said = scene.ok(&format!("create @t/multi:all @{source}"));
        assert_eq!(said, scene.expand("Created manifest list @t/multi:all\n"));
        let leaf = |leaf: &Sample| file_name(&scene.name(&format!("{name}@{}", leaf.digest())));
        assert_eq!(files(&scene, "t/multi:all"), build.leaves().map(leaf).collect(), "{source}");
        scene.ok("push @t/multi:all");
        let list = scene.pushed("t/multi", "all");
        assert_eq!(list["manifests"], json!(expected(&[&build])), "{source}");
    }
}

#[test]
fn d1_two_builds_become_one_index_with_the_attestations_last_and_annotated() {
    let scene = Scene::new();
    let builds = [Build::of(&["linux/amd64"]), Build::of(&["linux/arm64"])];
    for (build, tag) in builds.iter().zip(["1-amd64", "1-arm64"]) {
        build.put(&scene.registry, "src/app", tag);
    }
    scene.create("dst/app:1", &["src/app:1-amd64", "src/app:1-arm64"]);
    scene.ok("push @dst/app:1");
    let list = scene.pushed("dst/app", "1");
    assert_eq!(list["mediaType"], OCI_INDEX);
    assert_eq!(list["manifests"], json!(expected(&[&builds[0], &builds[1]])));
    assert_eq!(digests(&list)[0], builds[0].images()[0].digest());
    assert_eq!(digests(&list)[2], builds[0].attestations()[0].digest());
    for leaf in builds.iter().flat_map(Build::leaves) {
        let (_, bytes) = scene.registry.manifest("dst/app", &leaf.digest()).expect("the image");
        assert_eq!(bytes, leaf.manifest());
    }
}

#[test]
fn d1_annotations_stand_before_the_platform() {
    let scene = Scene::new();
    let build = Build::of(&["linux/amd64"]);
    build.put(&scene.registry, "t/multi", "1");
    // Annotating makes mfst build the list anew.
    let image = scene.expand(&format!("@t/multi:1@{}", build.images()[0].digest()));
    scene.create("t/multi:all", &["t/multi:1"]);
    scene.ok(&format!("annotate --variant v1 @t/multi:all {image}"));
    scene.ok("push @t/multi:all");
    let (media_type, bytes) = scene.registry.manifest("t/multi", "all").expect("the list");
    assert_eq!(media_type, OCI_INDEX);
    let [image, attestation] = [&build.images()[0], &build.attestations()[0]];
    let (size, digest) = (attestation.manifest().len(), attestation.digest());
    let expected = format!(
        r#"{{
   "schemaVersion": 2,
   "mediaType": "{OCI_INDEX}",
   "manifests": [
      {{
         "mediaType": "{OCI_MANIFEST}",
         "size": {},
         "digest": "{subject}",
         "platform": {{
            "architecture": "amd64",
            "os": "linux",
            "variant": "v1"
         }}
      }},
      {{
         "mediaType": "{OCI_MANIFEST}",
         "size": {size},
         "digest": "{digest}",
         "annotations": {{
            "vnd.docker.reference.digest": "{subject}",
            "vnd.docker.reference.type": "attestation-manifest"
         }},
         "platform": {{
            "architecture": "unknown",
            "os": "unknown"
         }}
      }}
   ]
}}"#,
        image.manifest().len(),
        subject = image.digest(),
    );
    assert_eq!(String::from_utf8(bytes).expect("UTF-8"), expected);
}

#[test]
fn d1_a_draft_of_an_index_is_shown_as_it_will_be_pushed() {
    let scene = Scene::new();
    let build = built(&scene);
    scene.create("t/multi:all", &["t/multi:1"]);
    let shown = scene.inspect("@t/multi:all");
    assert_eq!(shown["manifests"].as_array().map(Vec::len), Some(4));
    for leaf in build.leaves() {
        assert!(digests(&shown).contains(&leaf.digest().as_str()));
    }
}

#[test]
fn d1_an_index_is_asked_for_the_manifests_in_it_and_nothing_else() {
    let scene = Scene::new();
    let build = built(&scene);
    scene.create("t/multi:all", &["t/multi:1"]);
    let mut requests = vec!["GET /v2/t/multi/manifests/1 200".to_owned()];
    requests.extend(build.leaves().map(|leaf| format!("GET /v2/t/multi/manifests/{} 200", leaf.digest())));
    scene.registry.log().assert_requests(&requests.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn d1_an_index_of_docker_images_becomes_a_docker_list() {
    let scene = Scene::new();
    let images = [Sample::docker("linux/amd64"), Sample::docker("linux/arm64")];
    for image in &images {
        scene.registry.put_image("t/list", &image.digest(), image);
    }
    let list = index(DOCKER_LIST, &images.each_ref().map(Sample::index_entry));
    scene.registry.put_manifest("t/list", "1", DOCKER_LIST, &list);
    scene.create("t/list:all", &["t/list:1"]);
    scene.ok("push @t/list:all");
    let list = scene.pushed("t/list", "all");
    assert_eq!(list["mediaType"], DOCKER_LIST);
    assert!(list["manifests"].as_array().expect("entries").iter().all(|entry| entry["mediaType"] == DOCKER_MANIFEST));
    assert_eq!(list["manifests"].as_array().map(Vec::len), Some(2));
}

#[test]
fn d1_indexes_in_indexes_are_flattened_to_their_images() {
    let scene = Scene::new();
    let (inner, beside) = (built(&scene), Sample::oci("linux/s390x"));
    scene.registry.put_image("t/multi", &beside.digest(), &beside);
    let mut nested = inner.index();
    for level in 0..3 {
        let digest = scene.registry.put_manifest("t/multi", &format!("level{level}"), OCI_INDEX, &nested);
        let entry = json!({"mediaType": OCI_INDEX, "digest": digest, "size": nested.len()});
        nested = index(OCI_INDEX, &[entry, beside.index_entry()]);
    }
    scene.registry.put_manifest("t/multi", "nested", OCI_INDEX, &nested);
    scene.ok("create --attestations keep @t/multi:all @t/multi:nested @t/app:arm64");
    scene.ok("push @t/multi:all");
    let list = scene.pushed("t/multi", "all");
    let found: BTreeSet<&str> = digests(&list).into_iter().collect();
    let expected: Vec<String> = inner.leaves().chain([&beside, &arm64()]).map(Sample::digest).collect();
    assert_eq!(found, expected.iter().map(String::as_str).collect());
    assert_eq!(digests(&list).len(), 6, "an image that is there twice counts once");
}

#[test]
fn d1_an_empty_index_is_refused_by_name() {
    let scene = Scene::new();
    scene.registry.put_manifest("t/app", "empty", OCI_INDEX, &index(OCI_INDEX, &[]));
    let said = scene.refused("create @t/app:v1 @t/app:amd64 @t/app:empty");
    assert_eq!(first(&said), scene.expand("@t/app:empty is an empty manifest list"));
}

#[test]
fn d1_an_index_with_no_end_of_indexes_in_it_is_refused_by_name() {
    let scene = Scene::new();
    let mut nested = index(OCI_INDEX, &[amd64().index_entry()]);
    for _ in 0..20 {
        let digest = scene.registry.put_manifest("t/app", &digest(&nested), OCI_INDEX, &nested);
        nested = index(OCI_INDEX, &[json!({"mediaType": OCI_INDEX, "digest": digest, "size": nested.len()})]);
    }
    scene.registry.put_manifest("t/app", "deep", OCI_INDEX, &nested);
    let said = scene.refused("create @t/app:v1 @t/app:deep");
    assert!(said.contains(&scene.name("t/app:deep")) && said.contains("8 levels"), "{said}");
    assert!(scene.registry.log().entries().len() < 20, "{:?}", scene.registry.log().lines());
}

#[test]
fn d1_an_index_with_too_many_entries_is_refused_by_name_before_it_is_fetched() {
    let scene = Scene::new();
    let entry = |number: u32| {
        let platform = json!({"architecture": "amd64", "os": "linux"});
        let digest = digest(&number.to_be_bytes());
        json!({"mediaType": OCI_MANIFEST, "digest": digest, "size": 4, "platform": platform})
    };
    let entries: Vec<Value> = (0..5001).map(entry).collect();
    scene.registry.put_manifest("t/app", "wide", OCI_INDEX, &index(OCI_INDEX, &entries));
    let said = scene.refused("create @t/app:v1 @t/app:wide");
    assert!(said.contains(&scene.name("t/app:wide")) && said.contains("5000"), "{said}");
    assert_eq!(scene.registry.log().entries().len(), 1);
}

#[test]
fn d1_a_platform_that_the_index_does_not_tell_is_taken_from_the_image() {
    let scene = Scene::new();
    let mut entries = [amd64().index_entry(), arm64().index_entry()];
    entries[0].as_object_mut().expect("an entry").remove("platform");
    entries[1]["platform"] = json!({"architecture": "", "os": ""});
    scene.registry.put_manifest("t/app", "bare", OCI_INDEX, &index(OCI_INDEX, &entries));
    scene.ok("create --attestations drop @t/app:v1 @t/app:bare");
    scene.ok("push @t/app:v1");
    let list = scene.pushed("t/app", "v1");
    let platform = |digest: String| {
        let at = digests(&list).iter().position(|found| *found == digest).expect("the image");
        list["manifests"][at]["platform"].clone()
    };
    assert_eq!(platform(amd64().digest()), json!({"architecture": "amd64", "os": "linux"}));
    assert_eq!(platform(arm64().digest()), json!({"architecture": "arm64", "os": "linux"}));
}

#[test]
fn d1_what_the_index_says_of_a_platform_counts_more_than_the_image() {
    let scene = Scene::new();
    let mut entry = amd64().index_entry();
    let platform = json!({"architecture": "arm", "os": "windows", "os.version": "10.0.1", "variant": "v7"});
    entry["platform"] = platform.clone();
    scene.registry.put_manifest("t/app", "other", OCI_INDEX, &index(OCI_INDEX, &[entry]));
    scene.create("t/app:v1", &["t/app:other"]);
    scene.ok("push @t/app:v1");
    assert_eq!(scene.pushed("t/app", "v1")["manifests"][0]["platform"], platform);
}

#[test]
fn d1_an_image_that_is_missing_from_its_index_leaves_the_store_as_it_was() {
    let scene = Scene::new();
    let build = built(&scene);
    let missing = build.images()[1].digest();
    scene.registry.remove_manifest("t/multi", &missing);
    let said = scene.refused("create @t/multi:all @t/multi:1");
    assert!(said.contains(&missing), "{said}");
}

#[test]
fn d1_bytes_of_an_entry_that_do_not_have_its_digest_are_refused() {
    let scene = Scene::new();
    let build = built(&scene);
    let wrong = build.images()[0].digest();
    scene.registry.fault(mfst_testkit::faults::Fault::on("GET", &wrong).always().corrupt());
    let said = scene.refused("create --retries 0 @t/multi:all @t/multi:1");
    assert!(said.contains(&wrong), "{said}");
}

/// Charts and other artifacts are put into indexes beside images.
#[test]
fn d1_an_artifact_in_an_index_gets_the_platform_unknown() {
    let scene = Scene::new();
    let chart = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(b"{}"), "size": 2},
        "layers": [],
    });
    scene.registry.put_blob("t/app", b"{}");
    let chart = chart.to_string();
    let chart_digest = scene.registry.put_manifest("t/app", "chart", OCI_MANIFEST, chart.as_bytes());
    let entry = json!({"mediaType": OCI_MANIFEST, "digest": chart_digest, "size": chart.len()});
    let both = index(OCI_INDEX, &[amd64().index_entry(), entry]);
    scene.registry.put_manifest("t/app", "both", OCI_INDEX, &both);
    scene.ok("create --attestations drop @dst/app:v1 @t/app:both");
    scene.ok("push @dst/app:v1");
    let pushed = scene.pushed("dst/app", "v1");
    let entries = pushed["manifests"].as_array().expect("entries");
    let chart = entries.iter().find(|entry| entry["digest"] == chart_digest.as_str()).expect("the chart");
    assert_eq!(chart["platform"], json!({"architecture": "unknown", "os": "unknown"}));
}
