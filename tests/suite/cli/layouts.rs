//! OCI layouts for tests of commands that read them.

use std::fs;

use mfst_testkit::sample::{OCI_INDEX, Sample, digest};
use mfst_testkit::scene::Scene;
use serde_json::json;

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
