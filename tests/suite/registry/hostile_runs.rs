//! Hostile registries whose answers are harmless one by one: memory and CPU time are bounded for the whole run.

use crate::registry::hostile::{MEMORY, in_words};
use mfst_testkit::faults::Fault;
use mfst_testkit::sample::{OCI_INDEX, OCI_MANIFEST, digest, index};
use mfst_testkit::sandbox::CommandOutput;
use mfst_testkit::scene::Scene;
use serde_json::{Value, json};

/// The most CPU time that a command may take, in seconds. Debug builds are several times as slow as release builds.
const CPU: usize = if cfg!(debug_assertions) { 30 } else { 5 };

/// Runs a command line within the limits.
fn run(scene: &Scene, line: &str) -> CommandOutput {
    let words = scene.words(line);
    scene.home.run_within_cpu(MEMORY, CPU, &words.iter().map(String::as_str).collect::<Vec<_>>())
}

const LINES: [&str; 7] = [
    "copy @t/app:v1 @u/app:v1",
    "copy --referrers @t/app:v1 oci-archive:app.tar",
    "copy --platform linux/amd64 @t/app:v1 @u/app:v1",
    "create @t/list:v1 @t/app:v1",
    "create --push @t/list:v1 @t/app:v1",
    "inspect -v @t/app:v1",
    "inspect --platform linux/s390x @t/app:v1",
];

fn platform(architecture: &str) -> Value {
    json!({"architecture": architecture, "os": "linux"})
}

/// An image manifest of 4 MB.
fn huge_image(salt: usize) -> Vec<u8> {
    let layer =
        json!({"mediaType": "x", "digest": digest(b"layer"), "size": 7, "annotations": {"k": "v".repeat(4000)}});
    let layers = vec![layer; 990];
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(b"{}"), "size": 2},
        "layers": layers,
        "annotations": {"salt": salt.to_string()},
    });
    manifest.to_string().into_bytes()
}

fn entry(bytes: &[u8], size: usize, architecture: &str) -> Value {
    json!({"mediaType": OCI_MANIFEST, "digest": digest(bytes), "size": size, "platform": platform(architecture)})
}

#[test]
fn many_entries_that_name_one_huge_image() {
    let scene = Scene::new();
    let image = huge_image(0);
    scene.registry.put_manifest("t/app", &digest(&image), OCI_MANIFEST, &image);
    let entries: Vec<Value> = (0..500).map(|number| entry(&image, image.len() - number, "amd64")).collect();
    scene.registry.put_manifest("t/app", "v1", OCI_INDEX, &index(OCI_INDEX, &entries));
    for line in LINES {
        let ran = run(&scene, line);
        // As one image it can be stored and pushed.
        if ran.code != Some(0) {
            in_words(line, ran);
        }
    }
}

#[test]
fn many_huge_images() {
    let scene = Scene::new();
    let put = |number: usize| {
        let image = huge_image(number);
        scene.registry.put_manifest("t/app", &digest(&image), OCI_MANIFEST, &image);
        scene.registry.put_manifest("t/app", &format!("i{number}"), OCI_MANIFEST, &image);
        entry(&image, image.len(), &format!("a{number}"))
    };
    let entries: Vec<Value> = (0..30).map(put).collect();
    scene.registry.put_manifest("t/app", "v1", OCI_INDEX, &index(OCI_INDEX, &entries));
    for line in &LINES[..6] {
        in_words(line, run(&scene, line));
    }
    let images: Vec<String> = (0..30).map(|number| format!("@t/app:i{number}")).collect();
    in_words("create of images", run(&scene, &format!("create @t/list:v1 {}", images.join(" "))));
}

#[test]
fn an_index_of_many_indexes() {
    let scene = Scene::new();
    let inner = |number: usize| {
        let padding = json!({"padding": "x".repeat(2_000_000), "number": number.to_string()});
        let entries = [entry(b"nowhere", 7, "amd64")];
        let bytes = json!({
            "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries, "annotations": padding,
        });
        let bytes = bytes.to_string().into_bytes();
        let digest = scene.registry.put_manifest("t/app", &digest(&bytes), OCI_INDEX, &bytes);
        json!({"mediaType": OCI_INDEX, "digest": digest, "size": bytes.len()})
    };
    let entries: Vec<Value> = (0..60).map(inner).collect();
    scene.registry.put_manifest("t/app", "v1", OCI_INDEX, &index(OCI_INDEX, &entries));
    for line in &LINES[..4] {
        in_words(line, run(&scene, line));
    }
}

#[test]
fn images_that_share_a_config_of_many_features() {
    for features in [format!("[{}\"\"]", "\"\",".repeat(2_600_000)), format!("[\"{}\"]", "x".repeat(8_000_000))] {
        let scene = Scene::new();
        let config = format!(r#"{{"os":"windows","architecture":"amd64","os.features":{features}}}"#);
        let config_digest = digest(config.as_bytes());
        scene.registry.put_blob("t/app", config.as_bytes());
        let mut names = Vec::new();
        for number in 0..20 {
            let manifest = json!({
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "config": {
                    "mediaType": "application/vnd.oci.image.config.v1+json",
                    "digest": config_digest,
                    "size": config.len(),
                },
                "layers": [],
                "annotations": {"number": number.to_string()},
            });
            scene.registry.put_manifest("t/app", &format!("i{number}"), OCI_MANIFEST, manifest.to_string().as_bytes());
            names.push(format!("@t/app:i{number}"));
        }
        in_words("create", run(&scene, &format!("create @t/list:v1 {}", names.join(" "))));
    }
}

#[test]
fn many_images_with_many_empty_layers() {
    let scene = Scene::new();
    let put = |number: usize| {
        let image = format!(
            r#"{{"schemaVersion":2,"x":{number},"config":{{"digest":"{}"}},"layers":[{}{{}}]}}"#,
            digest(b"{}"),
            "{},".repeat(49_000)
        );
        scene.registry.put_manifest("t/app", &digest(image.as_bytes()), OCI_MANIFEST, image.as_bytes());
        entry(image.as_bytes(), image.len(), &format!("a{number}"))
    };
    let entries: Vec<Value> = (0..60).map(put).collect();
    scene.registry.put_manifest("t/app", "v1", OCI_INDEX, &index(OCI_INDEX, &entries));
    for line in &LINES[..6] {
        in_words(line, run(&scene, line));
    }
}

#[test]
fn many_huge_referrers() {
    let scene = Scene::new();
    scene.registry.fault(Fault::on("GET", "/referrers/").always().answer(404, ""));
    let list = index(OCI_INDEX, &[]);
    let subject = scene.registry.put_manifest("t/app", "v1", OCI_INDEX, &list);
    let put = |number: usize| {
        let image = huge_image(number);
        scene.registry.put_manifest("t/app", &digest(&image), OCI_MANIFEST, &image);
        entry(&image, image.len(), "amd64")
    };
    let referrers: Vec<Value> = (0..30).map(put).collect();
    scene.registry.put_manifest("t/app", &subject.replacen(':', "-", 1), OCI_INDEX, &index(OCI_INDEX, &referrers));
    in_words("copy --referrers", run(&scene, "copy --referrers @t/app:v1 @u/app:v1"));
}

#[test]
fn thousands_of_images_for_one_platform() {
    let scene = Scene::new();
    let put = |number: usize| {
        let image = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(b"{}"), "size": 2},
            "layers": [],
            "annotations": {"number": number.to_string()},
        });
        let image = image.to_string().into_bytes();
        scene.registry.put_manifest("t/app", &digest(&image), OCI_MANIFEST, &image);
        let mut entry = entry(&image, image.len(), "amd64");
        entry["platform"]["variant"] =
            json!(if number.is_multiple_of(2) { "v2".to_owned() } else { format!("v{number}") });
        entry
    };
    let entries: Vec<Value> = (0..3000).map(put).collect();
    scene.registry.put_manifest("t/app", "v1", OCI_INDEX, &index(OCI_INDEX, &entries));
    let ran = run(&scene, "create --progress none --platform linux/amd64 @t/list:v1 @t/app:v1");
    assert_eq!(ran.stderr.lines().count(), 21, "as many warnings as anyone reads, and how many there are");
    ran.success();
}
