//! Other people's clients, where they are installed: what mfst pushes must be of use to them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::debian::{find, skip};
use crate::sample::digest;

/// skopeo, if it is installed.
pub fn skopeo() -> Option<PathBuf> {
    let program = find("skopeo");
    if program.is_none() {
        skip("skopeo", "skopeo is not installed");
    }
    program
}

/// Fails unless every file below `blobs/sha256` of an OCI layout has the digest it is named after, and everything that
/// its documents refer to is there; tells the digests of all of them.
#[track_caller]
pub fn check_layout(layout: &Path) -> BTreeSet<String> {
    let index: Value = read(&layout.join("index.json"));
    let (mut found, mut left) = (BTreeSet::new(), referred(&index));
    while let Some(name) = left.pop() {
        let path = layout.join("blobs").join(name.replace(':', "/"));
        let bytes = fs::read(&path).expect("a blob for everything that is referred to");
        assert_eq!(digest(&bytes), name);
        if found.insert(name) {
            // What is no JSON refers to nothing.
            left.extend(referred(&serde_json::from_slice(&bytes).unwrap_or_default()));
        }
    }
    let blobs = fs::read_dir(layout.join("blobs/sha256")).expect("the blobs");
    assert_eq!(blobs.count(), found.len(), "nothing lies there that nobody refers to");
    found
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON")
}

/// The digests in a document's descriptors.
fn referred(document: &Value) -> Vec<String> {
    let lists = ["manifests", "layers"].into_iter().filter_map(|field| document[field].as_array()).flatten();
    let descriptors = lists.chain(document.get("config"));
    descriptors.filter_map(|descriptor| descriptor["digest"].as_str()).map(String::from).collect()
}
