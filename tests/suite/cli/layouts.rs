//! OCI layouts for tests: writes and checks them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use mfst_testkit::sample::{OCI_INDEX, Sample, digest};
use mfst_testkit::scene::Scene;
use serde_json::{Value, json};

/// Writes a layout with one image, and tells its path.
pub fn with_image(scene: &Scene, tag: &str, image: &Sample) -> String {
    let layout = scene.home.home().join("layout");
    let blobs = layout.join("blobs/sha256");
    fs::create_dir_all(&blobs).expect("a directory");
    fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("a file");
    for blob in image.blobs().iter().map(Vec::as_slice).chain([image.manifest()]) {
        fs::write(blobs.join(&digest(blob)["sha256:".len()..]), blob).expect("a file");
    }
    let entry = json!({
        "mediaType": image.media_type(),
        "digest": image.digest(),
        "size": image.manifest().len(),
        "annotations": {"org.opencontainers.image.ref.name": tag},
    });
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]});
    fs::write(layout.join("index.json"), index.to_string()).expect("a file");
    layout.display().to_string()
}

/// Fails unless the layout has all blobs that its manifests refer to and no others, and each has the digest in its file name.
/// Returns the digests.
#[track_caller]
pub fn check_layout(layout: &Path) -> BTreeSet<String> {
    let index: Value = read_json(&layout.join("index.json"));
    let (mut found, mut left) = (BTreeSet::new(), referred_digests(&index));
    while let Some(name) = left.pop() {
        let path = layout.join("blobs").join(name.replace(':', "/"));
        let bytes = fs::read(&path).expect("a blob for every descriptor");
        assert_eq!(digest(&bytes), name);
        if found.insert(name) {
            // A layer is not JSON and refers to nothing.
            left.extend(referred_digests(&serde_json::from_slice(&bytes).unwrap_or_default()));
        }
    }
    let blobs = fs::read_dir(layout.join("blobs/sha256")).expect("the blobs");
    assert_eq!(blobs.count(), found.len(), "blobs without a reference");
    found
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON")
}

/// The digests of all descriptors in a manifest.
fn referred_digests(manifest: &Value) -> Vec<String> {
    let lists = ["manifests", "layers"].into_iter().filter_map(|field| manifest[field].as_array()).flatten();
    let descriptors = lists.chain(manifest.get("config"));
    descriptors.filter_map(|descriptor| descriptor["digest"].as_str()).map(String::from).collect()
}
